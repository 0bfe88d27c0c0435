"""Eye opening: the closed form, its mark against the truth, and a real portrait squeezed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tpgan_sdk.images.resample import UInt8Array
from train.data.split import held_out
from train.evaluation.evaluations import Setting, evaluate_rendered
from train.evaluation.eyes import as_open, by_landmarks, opening
from train.evaluation.report import markdown
from train.rendering.landmarks import PortraitAnalyser

from .conftest import Known, Reader

EYE = np.array([[0, 0], [3, -1.5], [7, -1.5], [10, 0], [7, 1.5], [3, 1.5]])


def test_opening_is_height_by_width() -> None:
    assert opening(np.stack([EYE, EYE + 20])) == pytest.approx(0.3)
    closed = EYE * (1, 0)
    assert opening(np.stack([EYE, closed])) == pytest.approx(0.15)  # one of two is shut
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    assert opening(np.stack([EYE, EYE]) @ turn * 3) == pytest.approx(0.3)


def test_open_is_within_three_tenths_of_the_truth() -> None:
    made = np.array([0.3, 0.22, 0.2, 0.38, 0.4, np.nan, 0.3])
    true = np.array([0.3] * 6 + [np.nan])
    np.testing.assert_array_equal(as_open(made, true), [1, 1, 0, 1, 0, 0, np.nan])


def test_the_report_counts_results_with_open_eyes(shards: Path) -> None:
    """Results carry a mark that the truth has not; person 1's are read as half closed."""
    who: dict[str, int | None] = {str(n): n for n in range(4)}

    def told(picture: UInt8Array) -> float:
        made, person = picture[0, 1, 0] == 9, picture[0, 0, 0]
        return 0.15 if made and person == 1 else 0.3

    setting = Setting(Known(who), {"r": Reader()}, draws=20, opening=told)
    report, _ = evaluate_rendered(shards, 4, setting)
    assert [row.eyes.value for row in report.likeness] == [75, 75, 75]
    assert "75.0 (" in markdown(report)
    plain, _ = evaluate_rendered(shards, 4, Setting(Known(who), {"r": Reader()}, draws=20))
    assert all(np.isnan(row.eyes.value) for row in plain.likeness)


def test_a_portrait_squeezed_has_eyes_less_open(shared_dir: Path) -> None:
    pytest.importorskip("mediapipe", reason="eyes are measured by mediapipe")
    folder = shared_dir / "data" / "portraits" / "generated"
    if not folder.is_dir():
        pytest.skip(f"no portraits in {folder}")
    path = next(p for p in sorted(folder.glob("*.jpg")) if not held_out(p.name))
    portrait = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    with PortraitAnalyser() as analyser:
        measured = by_landmarks(analyser)
        plain, low = (measured(_fitted(portrait, height)) for height in (128, 96))
        assert np.isnan(measured(np.full((128, 128, 3), 90, np.uint8)))
    assert plain > 0.2
    assert low / plain == pytest.approx(0.75, abs=0.12)


def _fitted(portrait: UInt8Array, height: int) -> UInt8Array:
    """(128, 128, 3): the portrait squeezed to a height, in the middle of grey."""
    picture = np.full((128, 128, 3), 90, np.uint8)
    top = (128 - height) // 2
    picture[top : top + height] = cv2.resize(portrait, (128, height), interpolation=cv2.INTER_AREA)
    return picture
