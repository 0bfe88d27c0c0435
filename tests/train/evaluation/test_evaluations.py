"""Whole evaluations with a recogniser that is never wrong and a synthesis of known outcome."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import OFFICIAL, FloatArray
from tpgan_sdk.images.files import write_image
from tpgan_sdk.images.resample import UInt8Array
from train.data.people import Pair, Photo, read_people
from train.evaluation.evaluations import Setting, evaluate_multipie, evaluate_pairs, evaluate_people
from train.evaluation.plots import draw_figure, draw_grid
from train.evaluation.report import Report, markdown, write_report
from train.evaluation.views import UNKNOWN, View

from ..photos import write_multipie
from .conftest import PEOPLE, Known, Reader, face

FRONTAL = np.asarray(OFFICIAL.points)
TURNED = FRONTAL + np.array([[8.0, 0], [-8, 0], [20, 4], [8, 0], [-8, 0]])


def locate(photo: Photo, picture: UInt8Array) -> FloatArray | None:
    """Photo 0 is frontal, others look to the right; of the last person no face is found."""
    if photo.person == str(PEOPLE - 1) and not photo.key.endswith("/0"):
        return None
    return FRONTAL if photo.key.endswith("/0") else TURNED


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("people")
    for person in range(PEOPLE):
        for number in range(3):
            write_image(root / str(person) / f"{number}.png", face(person, number)[..., ::-1])
    return root


def setting(who: dict[str, int | None], shown: bool = False) -> Setting:
    return Setting(Known(who), {"reader": Reader()}, draws=100, shown=lambda view: shown)


def itself(person: int) -> int | None:
    return person


def everybody(as_whom: object = itself) -> dict[str, int | None]:
    assert callable(as_whom)
    return {str(person): as_whom(person) for person in range(PEOPLE)}


def test_the_most_frontal_photo_is_the_gallery(people: Path) -> None:
    report, found = evaluate_people(read_people(people), locate, setting(everybody()))
    (row,) = report.identification["reader"][1:] or report.identification["reader"]
    assert row.probes == 2 * PEOPLE - 2
    assert (row.rank1.raw.value, row.rank1.frontalized.value) == (100, 100)
    assert len(found.keys) == 3 * PEOPLE


def test_faces_that_are_not_found_are_errors(people: Path) -> None:
    report, found = evaluate_people(read_people(people), locate, setting(everybody()))
    rows = {row.yaw: row.rank1 for row in report.identification["reader"]}
    assert (rows[UNKNOWN].raw.value, rows[UNKNOWN].frontalized.value) == (0, 0)
    assert "| no face | 2 | 0.0 (0.0 to 0.0) |" in markdown(report)
    lost = np.isnan(found.raw["reader"]).all(axis=1)
    assert np.array(found.keys)[lost].tolist() == [f"{PEOPLE - 1}/1", f"{PEOPLE - 1}/2"]


def test_a_synthesis_of_somebody_else_scores_nothing(people: Path) -> None:
    stranger = everybody(lambda person: (person + 1) % PEOPLE)
    report, _ = evaluate_people(read_people(people), locate, setting(stranger))
    row = report.identification["reader"][-1]
    assert (row.rank1.raw.value, row.rank1.frontalized.value) == (100, 0)
    assert row.rank1.difference.high == -100


def pairs(root: Path) -> list[Pair]:
    def photo(person: int, number: int) -> Photo:
        key = f"{person}/{number}"
        return Photo(key, str(person), root / f"{key}.png")

    found = []
    for person in range(PEOPLE - 1):
        other = (person + 1) % (PEOPLE - 1)
        found.append(Pair(photo(person, 1), photo(person, 0), person % 2))
        found.append(Pair(photo(person, 1), photo(other, 0), person % 2))
    return found


def test_probes_and_frontal_photos_are_frontalized(people: Path) -> None:
    chosen = setting(everybody())
    report, found = evaluate_pairs("people", pairs(people), locate, chosen)
    assert isinstance(chosen.synthesis, Known)
    both = sorted(f"{p}/{number}" for p in range(PEOPLE - 1) for number in (0, 1))
    assert sorted(chosen.synthesis.asked) == both
    # The frontal photos' own results are compared with the photos and never recognised.
    assert np.isnan(found.frontalized["reader"][~found.probe]).all()
    photos = report.photos
    assert photos is not None
    assert (photos.frontal_photos, photos.results) == (PEOPLE - 1, PEOPLE - 1)
    assert photos.ssim.value == 1  # the oracle makes the photo itself
    assert "| 11 | " in markdown(report)


def test_verification_of_an_oracle_and_of_no_result(people: Path) -> None:
    lost = everybody(lambda person: None if person < 2 else person)
    report, found = evaluate_pairs("people", pairs(people), locate, setting(lost))
    verified = report.verification["reader"]
    assert (verified.accuracy.raw.value, verified.auc.raw.value) == (100, 100)
    # Both pairs of two people of eleven are wrong, whatever the threshold.
    assert verified.accuracy.frontalized.value == pytest.approx(100 * 9 / 11, abs=2)
    assert found.without_result.sum() == 2
    assert report.about["probes without a result"] == 2


def test_multipie_by_the_camera_s_yaw(tmp_path: Path) -> None:
    write_multipie(tmp_path, (151, 152), cameras=("051", "041", "200", "240"))
    who: dict[str, int | None] = {"151": 3, "152": 4}

    def told(photo: Photo, picture: UInt8Array) -> FloatArray | None:
        return FRONTAL

    class Frontal(Reader):
        """Takes a photo of the database for the person in its name's colour."""

        def embed(self, pictures, points):  # type: ignore[no-untyped-def]
            return super().embed([p if p.shape[0] == 128 else _known(p) for p in pictures], points)

    chosen = Setting(Known(who), {"reader": Frontal()}, draws=20)
    report, found = evaluate_multipie(tmp_path, 1, told, chosen)
    assert [(row.yaw, row.probes) for row in report.identification["reader"]] == [
        (30, 2),
        (60, 2),
        (90, 2),
    ]
    assert [row.rank1.frontalized.value for row in report.identification["reader"]] == [100] * 3
    assert (~found.probe).sum() == 2


def _known(photo: UInt8Array) -> UInt8Array:
    """Background colours of `write_multipie` are the person's own."""
    own = {tuple(np.random.default_rng(n).integers(0, 256, 3)): p for n, p in ((151, 3), (152, 4))}
    corner = tuple(int(v) for v in photo[0, 0, ::-1])
    return face(min(own.items(), key=lambda one: np.abs(np.subtract(one[0], corner)).sum())[1])


def test_nothing_to_measure_is_told() -> None:
    with pytest.raises(TrainingError, match="no picture to measure"):
        evaluate_pairs("people", [], locate, setting(everybody()))


def test_report_and_figures_are_written(people: Path, tmp_path: Path) -> None:
    report, found = evaluate_people(read_people(people), locate, setting(everybody(), shown=True))
    write_report(tmp_path, report)
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["identification"]["reader"][-1]["rank1"]["frontalized"]["value"] == 100
    assert "| 100.0 (100.0 to 100.0) |" in (tmp_path / "results.md").read_text()
    draw_figure(tmp_path / "curve.png", report)
    draw_grid(tmp_path / "grid.png", found.sheets)
    assert (tmp_path / "curve.png").stat().st_size > 5000
    assert (tmp_path / "grid.png").stat().st_size > 1000
    with pytest.raises(TrainingError, match="no face to show"):
        draw_grid(tmp_path / "grid.png", [])


def test_a_figure_that_does_not_exist_is_none(tmp_path: Path) -> None:
    write_report(tmp_path, Report({"a": float("nan"), "b": 1.23456789}))
    assert json.loads((tmp_path / "results.json").read_text())["about"] == {"a": None, "b": 1.2346}
    assert markdown(Report({"dataset": "cfp", "seed": 0})) == "dataset: cfp; seed: 0"


def test_views_tell_left_from_right() -> None:
    view = View("a", "b", face(1), FRONTAL, float("nan"))
    assert view.probe
    assert view.truth is None
