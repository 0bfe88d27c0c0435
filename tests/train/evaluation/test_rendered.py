"""Held-out shards as gallery and probes; sex by a fixed classifier; what is kept between runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.faces.crops import crop_face
from tpgan_sdk.geometry import OFFICIAL
from train.data import augment
from train.data.people import Photo
from train.evaluation.attributes import fit_on_gallery, sex_by_yaw
from train.evaluation.cache import CachedEmbedder, VectorCache, cached_locate, file_name
from train.evaluation.embedding import Measured, measure
from train.evaluation.evaluations import Setting, evaluate_rendered
from train.evaluation.rendered import _another_exposure, gallery_views, heldout_views
from train.evaluation.report import markdown
from train.evaluation.synthesis import NetworkSynthesis
from train.evaluation.views import View, aligned_face

from .conftest import Known, Reader, embedding, face


def test_every_view_is_a_probe_and_every_person_has_a_gallery_photo(shards: Path) -> None:
    views = list(heldout_views(shards, 10, seed=0))
    gallery = [view for view in views if not view.probe]
    probes = [view for view in views if view.probe]
    assert [view.person for view in gallery] == ["0", "1", "2", "3"]
    assert len(probes) == 12
    assert {view.yaw for view in probes} == {0, 40, 80}
    assert len({view.key for view in views}) == 16
    assert all(v.picture.shape == (128, 128, 3) and v.picture.dtype == np.uint8 for v in views)
    assert all(view.truth is not None for view in probes)
    assert len(list(heldout_views(shards, 2, seed=0))) == 2 + 6


def test_the_degradation_is_the_seed_s_and_each_picture_s_own(shards: Path) -> None:
    once, again, other = (list(heldout_views(shards, 4, seed)) for seed in (0, 0, 1))
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a.picture, b.picture)
    assert any((a.picture != b.picture).any() for a, b in zip(once, other, strict=True))
    # Of one person gallery and probes have colours of their own.
    mine = [view.picture.mean(axis=(0, 1)) for view in once if view.person == "1"]
    assert all(np.abs(a - b).max() > 1 for a, b in pairwise(mine))


def relight(shards: Path, folder: Path, light: tuple[float, float, float], rows: slice) -> Path:
    """The shards with other light on some of their views, as the labels have it."""
    shutil.copytree(shards, folder)
    labels = np.load(folder / "shard-00000" / "labels.npy")
    labels["light"][rows] = light
    np.save(folder / "shard-00000" / "labels.npy", labels)
    return folder


def test_a_view_in_the_gallery_s_light_is_no_probe(shards: Path, tmp_path: Path) -> None:
    none = relight(shards, tmp_path / "none", (0, 0, 0), slice(0, 4))
    faint = relight(shards, tmp_path / "faint", (0, 0.2, 0), slice(0, 4))
    for folder in (none, faint):
        keys = [view.key for view in heldout_views(folder, 10, seed=0) if view.probe]
        assert keys == [f"shard-00000/{row:05}" for row in range(4, 12)]
    dark = relight(shards, tmp_path / "all", (0, 0, 0), slice(0, 12))
    with pytest.raises(TrainingError, match=r"no view in .*all has a lamp of its own"):
        list(heldout_views(dark, 10, seed=0))


def test_a_probe_s_exposure_is_never_the_gallery_s(monkeypatch: pytest.MonkeyPatch) -> None:
    same, other = (augment.colour_map(np.random.default_rng(seed)) for seed in (0, 1))
    drawn = iter([same, same, other])
    monkeypatch.setattr(augment, "colour_map", lambda rng: next(drawn))
    assert _another_exposure(np.random.default_rng(), same) is other


def test_pictures_are_rgb_at_the_labelled_points(shards: Path) -> None:
    view = next(v for v in heldout_views(shards, 1, 0) if v.probe and v.yaw == 0)
    assert view.points is not None
    assert np.abs(view.points[0] - (42.58, 40)).max() < 0.1
    # The cartoon's dots are (40, 30, 30) in BGR, dark beside skin of 90 and more.
    x, y = (int(v) for v in view.points[0])
    assert view.picture[y, x].mean() < view.picture[70, 40].mean()


def test_likeness_by_yaw_and_no_result_at_all(shards: Path) -> None:
    who: dict[str, int | None] = {str(n): n for n in range(4)}
    report, found = evaluate_rendered(shards, 4, Setting(Known(who), {"r": Reader()}, draws=20))
    assert [row.yaw for row in report.likeness] == [0, 45, 75]
    assert [row.views for row in report.likeness] == [4, 4, 4]
    assert all(0 < row.ssim.value < 1 for row in report.likeness)
    assert found.without_result.sum() == 0
    nobody = Setting(Known(dict.fromkeys(who)), {"r": Reader()}, draws=20)
    with pytest.raises(TrainingError, match="gave no result for any view"):
        evaluate_rendered(shards, 4, nobody)


def test_each_sex_s_probes_are_looked_for_among_everybody(shards: Path, tmp_path: Path) -> None:
    """The only man has no result, so men fall to 0; raw, the hits add up to everybody's."""
    folder = tmp_path / "named"
    shutil.copytree(shards, folder)
    meta = json.loads((folder / "shard-00000" / "meta.json").read_text())
    names = ["f0123456789.jpg", "m0123456789.jpg", "f1123456789.jpg", "official.jpg"]
    meta["portraits"] = {str(n): name for n, name in enumerate(names)}
    (folder / "shard-00000" / "meta.json").write_text(json.dumps(meta))
    who: dict[str, int | None] = {"0": 0, "1": None, "2": 2, "3": 3}
    report, _ = evaluate_rendered(folder, 4, Setting(Known(who), {"r": Reader()}, draws=20))
    assert set(report.by_sex) == {"women, by r", "men, by r"}
    women, men = report.by_sex["women, by r"], report.by_sex["men, by r"]
    assert [row.probes for row in women] == [2, 2, 2]
    assert [row.probes for row in men] == [1, 1, 1]
    assert [row.rank1.frontalized.value for row in men] == [0, 0, 0]
    known = (*report.identification["r"], *women, *men)
    for everybody, woman, man in zip(*(known[i : i + 3] for i in (0, 3, 6)), strict=True):
        counted = 2 * woman.rank1.raw.value + man.rank1.raw.value
        assert 4 * everybody.rank1.raw.value - counted in (0, 100)  # the one without a sex
    assert "Of these, probes of men, by r" in markdown(report)


def people(count: int) -> list[View]:
    points = np.asarray(Known.template.points)
    return [View(f"g{n}", str(n), face(n), points, 0.0, probe=False) for n in range(count)]


def test_sex_is_judged_by_one_classifier() -> None:
    portraits = {str(n): f"{'fm'[n % 2]}0123456789.jpg" for n in range(12)}
    classifier = fit_on_gallery(people(12), portraits, Reader())
    wrong = [embedding((n + 1) % 12) for n in range(12)]
    found = Measured(
        keys=[str(n) for n in range(12)],
        persons=np.array([str(n) for n in range(12)]),
        yaw=np.repeat([0.0, -61.0], 6),
        probe=np.ones(12, bool),
        raw={"r": np.array([embedding(n) for n in range(12)])},
        frontalized={"r": np.array(wrong)},
        ssim=np.zeros(12),
        psnr=np.zeros(12),
        sharpness=np.zeros((12, 2)),
        asymmetry=np.zeros((12, 2)),
        eyes=np.full((12, 2), np.nan),
        photo_ssim=np.full(12, np.nan),
        sheets=[],
    )
    found.frontalized["r"][3] = np.nan
    rows = sex_by_yaw(found, "r", classifier, portraits, 50, 0)
    assert [(row.yaw, row.probes) for row in rows] == [(0, 6), (60, 6)]
    assert [row.accuracy.raw.value for row in rows] == [100, 100]
    assert [row.accuracy.frontalized.value for row in rows] == [0, 0]
    with pytest.raises(TrainingError, match="expected one each"):
        fit_on_gallery(people(2), {"0": "f0123456789.jpg", "1": "f0123456780.jpg"}, Reader())


class Counting(Reader):
    asked = 0

    def embed(self, pictures, points):  # type: ignore[no-untyped-def]
        self.asked += len(pictures)
        return super().embed(pictures, points)


def test_a_face_is_embedded_once(tmp_path: Path) -> None:
    counting = Counting()
    path = tmp_path / "faces.npz"
    first = measure(
        people(5), Known({}), {"r": CachedEmbedder(counting, kept := VectorCache(path))}
    )
    kept.save()
    assert counting.asked == 5
    again = measure(people(5), Known({}), {"r": CachedEmbedder(counting, VectorCache(path))})
    assert counting.asked == 5
    np.testing.assert_array_equal(first.raw["r"], again.raw["r"])
    moved = people(1)[0]
    assert moved.points is not None
    CachedEmbedder(counting, VectorCache(path)).embed([moved.picture], [moved.points + 1])
    assert counting.asked == 6
    path.write_bytes(b"no archive")
    with pytest.raises(TrainingError, match="is damaged"):
        VectorCache(path)


def test_landmarks_are_found_once_also_where_there_are_none(tmp_path: Path) -> None:
    asked = []

    def locate(photo: Photo, picture: np.ndarray) -> np.ndarray | None:
        asked.append(photo.key)
        return None if photo.key == "none" else np.asarray(Known.template.points)

    for _ in range(2):
        kept = VectorCache(tmp_path / "points.npz")
        find = cached_locate(locate, kept)
        for key, level in (("some", 0), ("none", 1)):
            points = find(Photo(key, "p", tmp_path), face(0, level))
            assert (points is None) == (key == "none")
        kept.save()
    assert asked == ["some", "none"]


def test_another_file_of_weights_has_another_name(tmp_path: Path) -> None:
    names = []
    for content in (b"a", b"b", b"a"):
        (tmp_path / "w.pt").write_bytes(content)
        names.append(file_name("net", str(tmp_path / "w.pt")))
    assert names[0] == names[2] != names[1]
    assert file_name("dlib", "dlib") != file_name("other", "dlib")


def test_the_shown_crop_is_the_network_s(shards: Path) -> None:
    view = next(iter(gallery_views(shards, 0)))
    crop = aligned_face(view, Known.template)
    assert crop is not None
    assert np.abs(crop.astype(int) - view.picture).mean() < 1.5


def test_the_network_sees_more_than_the_recogniser(shards: Path) -> None:
    probe = next(view for view in heldout_views(shards, 4, 0) if view.probe and view.yaw > 30)
    assert probe.photo is not None
    assert probe.points is not None
    assert (probe.photo.shape, probe.picture.shape, probe.offset) == (
        (192, 192, 3),
        (128, 128, 3),
        32,
    )
    np.testing.assert_array_equal(probe.photo[32:160, 32:160], probe.picture)
    seen: list[np.ndarray] = []

    def run(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        seen.append(inputs["face"])
        return np.zeros((1, 3, 128, 128), np.float32)

    NetworkSynthesis("wide", OFFICIAL, run, {"face": [3, 160, 160]}).frontalize([probe])
    expected = crop_face(probe.photo, probe.points + 32, OFFICIAL, margin=16)
    face = expected.face.transpose(2, 0, 1) / 127.5 - 1
    np.testing.assert_allclose(seen[0][0], face, atol=1e-5)
