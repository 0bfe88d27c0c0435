"""Counting, with detectors whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from tpgan_sdk.types import Detection
from train.detector import evaluate as e
from train.landmarks.ground_truth import GroundTruth

POINTS = np.array([[40.0, 40], [60, 40], [50, 55], [42, 70], [58, 70]])


def truth(group: str = "profile") -> GroundTruth:
    image = np.full((120, 120, 3), 200, np.uint8)
    image[30:80, 30:70] = (0, 0, 250)
    known = POINTS.copy()
    known[[0, 3]] = np.nan
    return GroundTruth(image, known, np.full(3, np.nan), 30.0, group)


def detector(*shifts: float) -> SimpleNamespace:
    """Finds the face so many px away, once for each."""
    faces = [Detection((0, 0, 9, 9), POINTS + shift, 0.9) for shift in shifts]
    return SimpleNamespace(name="own", detect=lambda image: faces)


def test_what_counts_as_found() -> None:
    assert e.found(truth(), detector(5)) == (True, 0)
    assert e.found(truth(), detector(40)) == (False, 1)
    assert e.found(truth(), detector(2, 60, -70)) == (True, 2)
    assert e.found(truth(), detector(2, 3)) == (True, 1)
    assert e.found(truth(), detector()) == (False, 0)


def test_counts_by_group() -> None:
    truths = [truth(), truth(), truth("frontal")]
    assert e.detection(truths, detector(0, 90)) == {
        "profile": {"photos": 2, "found": 2, "others": 2},
        "frontal": {"photos": 1, "found": 1, "others": 1},
    }
    blank = [np.zeros((9, 9, 3), np.uint8)] * 3
    assert e.false_faces(blank, detector(0, 1)) == {"pictures": 3, "with_faces": 3, "faces": 6}
    assert e.false_faces(blank, detector()) == {"pictures": 3, "with_faces": 0, "faces": 0}


def test_a_covered_face_is_gone() -> None:
    whole = truth()
    picture = e.covered(whole)
    assert ((picture == (0, 0, 250)).all(axis=2)).sum() == 0
    np.testing.assert_array_equal(picture[-5:, -5:], 200)
    assert ((whole.image == (0, 0, 250)).all(axis=2)).sum() == 2000  # the photo itself is not


def test_frontal_photos_are_evenly_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [truth("frontal") for _ in range(10)] + [truth() for _ in range(3)]
    monkeypatch.setattr(e, "photographed", lambda folder: iter(photos))
    chosen = e.annotated(Path(), 4)
    expected = [photos[number] for number in (0, 3, 6, 9, 10, 11, 12)]
    assert [id(t) for t in chosen] == [id(t) for t in expected]
    assert len(e.annotated(Path(), 400)) == 13


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert e.main(["--detector", "packaged"]) == 1
    assert "nothing to evaluate on; give --cfp, --empty or both" in capsys.readouterr().err
    cv2.imwrite(str(tmp_path / "wall.png"), np.zeros((400, 400, 3), np.uint8))
    monkeypatch.setattr(e, "create_detector", lambda spec: detector())
    output = tmp_path / "out.json"
    flags = ["--empty", str(tmp_path), "--detector", "x", "--output", str(output)]
    assert e.main(flags) == 0
    expected = {"own": {"empty": {"pictures": 1 + e.PARTS, "with_faces": 0, "faces": 0}}}
    assert json.loads(output.read_text()) == expected
