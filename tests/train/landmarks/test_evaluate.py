"""Errors before and after the refiner, against closed forms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tpgan_sdk import geometry
from tpgan_sdk.faces.refiner import RefinedFace
from tpgan_sdk.types import Detection
from train.landmarks import evaluate as e
from train.landmarks.ground_truth import GroundTruth

FACE = np.array([[40.0, 40.0], [75.0, 40.0], [80.0, 65.0], [45.0, 88.0], [72.0, 88.0]])


class _Detector:
    """Finds somebody else first, then the face with its points moved to the right."""

    name = "fake"

    def detect(self, image: np.ndarray) -> list[Detection]:
        box = (0.0, 0.0, 1.0, 1.0)
        other = Detection(box, FACE + 500, 0.9)
        return [other, Detection(box, FACE + (4.8, 0), 0.8)]


class _Refiner:
    """Halves the detector's error."""

    def refine(self, image: np.ndarray, face: Detection) -> RefinedFace:
        better = replace(face, landmarks=face.landmarks - (2.4, 0))
        return RefinedFace(better, 31.0, -2.0, 0.5)


def truth(side: int = 1) -> GroundTruth:
    points = FACE if side > 0 else geometry.mirror_landmarks(FACE, 128)
    pose = np.array([30.0 * side, 0.0, 0.0])
    return GroundTruth(np.zeros((128, 128, 3), np.uint8), points, pose, 48.0, "30-60")


def evaluate(*truths: GroundTruth) -> dict[str, Any]:
    return e.evaluate(iter(truths), _Detector(), _Refiner(), offset=True)  # type: ignore[arg-type]


def test_figures_are_percent_of_eye_to_mouth() -> None:
    report = evaluate(truth(), truth())["30-60"]
    assert (report["faces"], report["missed"]) == (2, 0)
    assert (report["mean_before"], report["mean_after"]) == (10.0, 5.0)
    assert (report["yaw"], report["pitch"], report["roll"]) == (1.0, 2.0, 0.5)
    # A constant offset is all of the error.
    assert report["without_offset"]["mean_before"] == 0.0


def test_a_face_elsewhere_is_missed() -> None:
    far = replace(truth(), points=FACE + 200)
    report = evaluate(truth(), far)["30-60"]
    assert (report["faces"], report["missed"]) == (1, 1)


def test_errors_of_both_sides_are_of_one_kind() -> None:
    detection = Detection((0, 0, 1, 1), FACE + (4.8, 0), 1.0)
    refined = RefinedFace(detection, 0, 0, 0)
    facing_right = e._result(truth(), detection, refined)
    mirrored = replace(detection, landmarks=geometry.mirror_landmarks(detection.landmarks, 128))
    facing_left = e._result(truth(-1), mirrored, RefinedFace(mirrored, 0, 0, 0))
    np.testing.assert_allclose(facing_right.before, facing_left.before, atol=1e-9)
    np.testing.assert_allclose(facing_right.before, [[0.1, 0]] * 5, atol=1e-9)


def test_nothing_to_evaluate_is_an_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missing = ["--refiner", str(tmp_path / "no.onnx")]
    assert e.main(["--detector", "auto"]) == 1
    assert "give --views, --cfp or both" in capsys.readouterr().err
    assert e.main(["--detector", "auto", "--views", str(tmp_path), *missing]) == 1
    assert "no landmark refiner at" in capsys.readouterr().err
