"""The detector's errors: measured without bias, kept exactly, drawn as they were measured."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.faces.refiner import LandmarkRefiner, RefinedFace
from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import UInt8Array, to_uint8
from tpgan_sdk.types import Detection
from train.data import augment, detector_errors
from train.data.detector_error_table import SHIPPED, Band, ErrorTable, load_table, sample
from train.data.detector_errors import measure, summarise
from train.data.shards import VIEW_MARGIN, ShardReader

from ...conftest import REPOSITORY


def _band(rng: np.random.Generator, yaw: float) -> Band:
    root = rng.normal(0, 1, (10, 10))
    return Band(yaw, 100, 0.99, np.arange(5.0), rng.normal(0, 3, (5, 2)), root @ root.T)


@pytest.fixture
def table(rng: np.random.Generator) -> ErrorTable:
    return ErrorTable("fake", tuple(_band(rng, yaw) for yaw in (4.0, 44.0, 84.0)))


def test_samples_have_the_band_s_mean_and_covariance(table: ErrorTable) -> None:
    rng = np.random.default_rng(1)
    drawn = np.array([table.sample(rng, 44.0) for _ in range(20_000)])
    band = table.bands[1]
    deviation = np.sqrt(np.diag(band.covariance))
    # Standard errors: of a mean sigma / sqrt(n), of a covariance at most sigma^2 sqrt(2 / n).
    off = (drawn.mean(axis=0) - band.mean).ravel() / deviation
    assert np.abs(off).max() < 4 / np.sqrt(20_000)
    covariance = np.cov(drawn.reshape(-1, 10), rowvar=False)
    scale = np.outer(deviation, deviation)
    assert np.abs((covariance - band.covariance) / scale).max() < 4 * np.sqrt(2 / 20_000)


def test_between_two_bands_both_are_mixed(table: ErrorTable) -> None:
    low, high = table.bands[0], table.bands[1]
    mean, covariance = table.at(14.0)  # a quarter of the way
    np.testing.assert_allclose(mean, 0.75 * low.mean + 0.25 * high.mean)
    np.testing.assert_allclose(covariance, 0.75 * low.covariance + 0.25 * high.covariance)


@pytest.mark.parametrize(("yaw", "band"), [(0.0, 0), (4.0, 0), (44.0, 1), (84.0, 2), (90.0, 2)])
def test_at_a_band_and_beyond_the_outermost_it_holds_alone(
    table: ErrorTable, yaw: float, band: int
) -> None:
    mean, covariance = table.at(yaw)
    np.testing.assert_array_equal(mean, table.bands[band].mean)
    np.testing.assert_array_equal(covariance, table.bands[band].covariance)


def test_a_table_survives_its_file(table: ErrorTable, tmp_path: Path) -> None:
    table.write(tmp_path / "table.json")
    read = load_table(tmp_path / "table.json")
    assert read.detector == "fake"
    for one, other in zip(table.bands, read.bands, strict=True):
        assert (one.yaw, one.views, one.found) == (other.yaw, other.views, other.found)
        np.testing.assert_allclose(one.mean, other.mean, atol=5e-4)
        np.testing.assert_allclose(one.covariance, other.covariance, atol=5e-4)


def test_what_is_no_table_is_refused(tmp_path: Path, table: ErrorTable) -> None:
    path = tmp_path / "table.json"
    with pytest.raises(TrainingError, match=r"no readable table.*train\.data\.detector_errors"):
        load_table(path)
    table.write(path)
    content = json.loads(path.read_text())
    content["bands"][1]["covariance"][0][0] = -1.0
    path.write_text(json.dumps(content))
    with pytest.raises(TrainingError, match="LinAlgError"):
        load_table(path)


def test_the_shipped_table_is_that_of_the_default_detector_and_the_refiner() -> None:
    table = load_table(SHIPPED)
    assert table.detector == "packaged, refined"
    assert np.all(np.diff([band.yaw for band in table.bands]) > 0)
    assert all(band.found > 0.9 for band in table.bands)
    offset = sample(np.random.default_rng(0), 33.0)
    np.testing.assert_array_equal(offset, table.sample(np.random.default_rng(0), 33.0))


class _Oracle:
    """Knows where the points of each view are, and is off by a fixed error."""

    name = "oracle"

    def __init__(self, shard: ShardReader, error: FloatArray) -> None:
        points = shard.labels["landmarks"].astype(np.float64)
        views = zip(shard.views, points, strict=True)
        self._found = {view[..., :3].tobytes(): p + 16 + error for view, p in views}
        self.blind = False

    def detect(self, image: UInt8Array) -> list[Detection]:
        if self.blind:
            return []
        return [Detection((0, 0, 1, 1), self._found[image.tobytes()], 1.0)]


def _as_it_is(view: UInt8Array, _: np.random.Generator) -> tuple[UInt8Array, FloatArray]:
    return np.ascontiguousarray(view[..., :3]), np.array([16.0, 16.0])


def test_errors_are_found_minus_exact_in_crop_px(
    shards: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    shard = ShardReader(shards / "shard-00000")
    monkeypatch.setattr(detector_errors, "show", _as_it_is)
    error = rng.normal(0, 2, (5, 2))
    oracle = _Oracle(shard, error)
    yaws, errors = measure([shard], oracle, None, views=10_000)
    assert sorted(yaws) == sorted(shard.labels["yaw"])
    np.testing.assert_allclose(errors, np.broadcast_to(error, (12, 5, 2)), atol=1e-9)
    oracle.blind = True
    assert np.isnan(measure([shard], oracle, None, views=5)[1]).all()
    other_face = _Oracle(shard, np.full((5, 2), 30.0))
    assert np.isnan(measure([shard], other_face, None, views=5)[1]).all()


class _Refiner:
    """Moves every point by one pixel to the right."""

    def refine(self, _: UInt8Array, face: Detection) -> RefinedFace:
        moved = replace(face, landmarks=face.landmarks + (1.0, 0.0))
        return RefinedFace(moved, 0.0, 0.0, 0.0)


def test_a_refiner_has_the_last_word(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = ShardReader(shards / "shard-00000")
    monkeypatch.setattr(detector_errors, "show", _as_it_is)
    exact = _Oracle(shard, np.zeros((5, 2)))
    _, errors = measure([shard], exact, cast(LandmarkRefiner, _Refiner()), views=10_000)
    np.testing.assert_allclose(errors, np.broadcast_to([1.0, 0.0], (12, 5, 2)), atol=1e-9)


def test_a_view_is_shown_where_the_origin_says(
    shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(augment, "damage", lambda _, image: to_uint8(image))
    view = np.asarray(ShardReader(shards / "shard-00000").views[4])
    for seed in range(5):
        picture, (x, y) = detector_errors.show(view, np.random.default_rng(seed))
        assert picture.shape == (320, 320, 3)
        crop = picture[int(y) : int(y) + 128, int(x) : int(x) + 128]
        inner = view[VIEW_MARGIN : VIEW_MARGIN + 128, VIEW_MARGIN : VIEW_MARGIN + 128]
        opaque = inner[..., 3] == 255
        np.testing.assert_array_equal(crop[opaque], inner[opaque][:, :3])


def test_bands_hold_mean_covariance_and_rate(rng: np.random.Generator) -> None:
    yaws = np.repeat(np.arange(0.0, 91.0, 15.0), 60)
    errors = rng.normal(0, 2, (len(yaws), 5, 2))
    errors[60:66] = np.nan  # six of the sixty at 15 degrees
    table = summarise("fake", yaws, errors)
    assert [band.yaw for band in table.bands] == [0, 15, 30, 45, 60, 75, 90]
    assert [band.found for band in table.bands] == [1, 0.9, 1, 1, 1, 1, 1]
    second, good = table.bands[1], errors[66:120]
    np.testing.assert_allclose(second.mean, good.mean(axis=0))
    np.testing.assert_allclose(second.distances, np.hypot(good[..., 0], good[..., 1]).mean(axis=0))
    apart = (good - good.mean(axis=0)).reshape(-1, 10)
    np.testing.assert_allclose(second.covariance, apart.T @ apart / 53)


def test_too_few_faces_of_a_band_are_refused(rng: np.random.Generator) -> None:
    yaws = np.repeat(np.arange(0.0, 91.0, 15.0), 60)
    errors = rng.normal(0, 2, (len(yaws), 5, 2))
    errors[300:330] = np.nan
    with pytest.raises(TrainingError, match=r"30 faces were found around 75 degrees.*--views"):
        summarise("fake", yaws, errors)


def test_the_command_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--data", str(tmp_path), "--output", str(tmp_path / "table.json")]
    assert detector_errors.main(flags) == 1
    assert "no shards in" in capsys.readouterr().err
    assert not (tmp_path / "table.json").exists()


def test_the_page_shows_the_shipped_table() -> None:
    page = (REPOSITORY / "docs" / "data.md").read_text()
    bands = load_table(SHIPPED).bands
    for yaw, band in zip(range(0, 91, 15), bands, strict=True):
        cells = [*band.distances, band.distances.mean()]
        row = [f"{yaw}", f"{band.views}", f"{band.found * 100:.1f}", *(f"{v:.1f}" for v in cells)]
        assert f"\n| {' | '.join(row)} |\n" in page
    mean = np.mean([band.distances.mean() for band in bands[:5]])
    assert f"The mean over 0 to 60 degrees is {mean:.1f} px." in page
    assert mean < 1.5
    alone = re.search(r"Its mean over 0 to 60 degrees is ([\d.]+) px", page)
    assert alone is not None
    assert float(alone[1]) < 4
