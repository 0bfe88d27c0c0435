"""The detector in the package: the same faces however it runs, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="it runs on ONNX Runtime")

from tpgan_sdk import geometry
from tpgan_sdk.detectors import create_detector
from tpgan_sdk.detectors.multiscale import roll_of
from tpgan_sdk.detectors.packaged import PACKAGED_DETECTOR, non_maximum_suppression, open_packaged
from tpgan_sdk.detectors.yunet import open_yunet
from tpgan_sdk.errors import DetectorError
from tpgan_sdk.models.model import sha256_of, sidecar_path

from ..conftest import REPOSITORY


def copied(folder: Path, **changes: Any) -> Path:
    """The packaged detector in a folder, its sidecar changed."""
    path = folder / PACKAGED_DETECTOR.name
    shutil.copyfile(PACKAGED_DETECTOR, path)
    info = json.loads(sidecar_path(PACKAGED_DETECTOR).read_text()) | changes
    sidecar_path(path).write_text(json.dumps(info))
    return path


def test_onnx_runtime_and_opencv_agree(
    portrait: np.ndarray, profiles: dict[int, np.ndarray]
) -> None:
    runtime, opencv = create_detector("packaged"), open_yunet(PACKAGED_DETECTOR)
    # Sides that are no multiples of 32, so that both fill up.
    for image in (portrait[:501, :333], *profiles.values()):
        ours = runtime.detect(np.ascontiguousarray(image))
        theirs = opencv.detect(np.ascontiguousarray(image))
        assert len(ours) == len(theirs) > 0
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one.box, other.box, atol=0.01)
            np.testing.assert_allclose(one.landmarks, other.landmarks, atol=0.01)
            assert one.score == pytest.approx(other.score, abs=1e-4)


def test_a_mirrored_picture_gives_mirrored_faces(profiles: dict[int, np.ndarray]) -> None:
    detector = create_detector("packaged")
    for image in profiles.values():
        width = image.shape[1]
        (face,) = detector.detect(image)
        (mirrored,) = detector.detect(np.ascontiguousarray(image[:, ::-1]))
        back = geometry.mirror_landmarks(mirrored.landmarks, width)
        np.testing.assert_allclose(back, face.landmarks, atol=1e-9)
        assert mirrored.score == face.score


@pytest.mark.parametrize("roll", range(0, 360, 30))
def test_a_turned_photo_gives_turned_landmarks(roll: int, portrait: np.ndarray) -> None:
    """On average within 3 px of the 128-px crop of where those of the upright photo go."""
    detector = create_detector("packaged")
    (upright,) = detector.detect(portrait)
    height, width = portrait.shape[:2]
    side = int(np.hypot(height, width)) + 1
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -roll, 1.0)  # clockwise
    turn[:, 2] += (side - width) / 2, (side - height) / 2
    turned = cv2.warpAffine(portrait, turn, (side, side), borderValue=(90, 120, 100))
    face = detector.detect(turned)[0]
    wanted = geometry.apply_transform(turn, upright.landmarks)
    crop = geometry.alignment_transform(upright.landmarks, geometry.OFFICIAL)
    scale = np.sqrt(abs(np.linalg.det(crop[:, :2])))
    assert np.hypot(*(face.landmarks - wanted).T).mean() * scale < 3
    apart = roll_of(face.landmarks) - roll_of(upright.landmarks) - roll
    assert abs((apart + 180) % 360 - 180) < 4


def test_without_onnx_runtime_opencv_runs_it(
    monkeypatch: pytest.MonkeyPatch, portrait: np.ndarray
) -> None:
    expected = create_detector("packaged").detect(portrait)[0]
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    detector = create_detector("packaged")
    assert detector.name == "packaged"
    np.testing.assert_allclose(
        detector.detect(portrait)[0].landmarks, expected.landmarks, atol=0.01
    )


def test_doubles_go() -> None:
    def row(x: float, score: float) -> np.ndarray:
        return np.array([x, 0, x + 10, 10, score, *[x] * 10])

    # 0 and 2 share 8 of 12 px, 0 and 6 share 4 of 16 px: a quarter.
    rows = np.stack([row(2, 0.7), row(0, 0.9), row(6, 0.8), row(40, 0.65)])
    np.testing.assert_array_equal(non_maximum_suppression(rows), rows[[1, 2, 3]])
    assert non_maximum_suppression(np.empty((0, 15))).shape == (0, 15)


def test_what_it_refuses(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"no face detector at .*or no gone\.json beside it"):
        open_packaged(tmp_path / "gone.onnx")
    path = copied(tmp_path, kind="landmark refiner")
    with pytest.raises(DetectorError, match="describes a 'landmark refiner' of format 1; expected"):
        open_packaged(path)
    with pytest.raises(DetectorError, match="of format 7; expected a 'face detector' of format 1"):
        open_packaged(copied(tmp_path, format=7))
    sidecar_path(path).write_text("{}")
    with pytest.raises(DetectorError, match="is not a face detector's sidecar: KeyError"):
        open_packaged(path)
    path = copied(tmp_path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DetectorError, match=r"is not the file that detector\.json describes"):
        open_packaged(path)
    path.write_bytes(b"junk")
    copied_info = json.loads(sidecar_path(PACKAGED_DETECTOR).read_text())
    sidecar_path(path).write_text(json.dumps(copied_info | {"sha256": sha256_of(path)}))
    with pytest.raises(DetectorError, match="ONNX Runtime cannot load"):
        open_packaged(path)


def test_another_network_is_refused(tmp_path: Path) -> None:
    """With a sidecar that says it is a detector, too."""
    refiner = PACKAGED_DETECTOR.parent.parent / "landmarks" / "refiner.onnx"
    path = copied(tmp_path, sha256=sha256_of(refiner))
    shutil.copyfile(refiner, path)
    with pytest.raises(DetectorError, match=r"takes the inputs .*expected .*input"):
        open_packaged(path)


def test_it_is_small() -> None:
    info = json.loads(sidecar_path(PACKAGED_DETECTOR).read_text())
    assert PACKAGED_DETECTOR.stat().st_size < 1e6
    assert info["flops_320"] < 0.3e9


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    """In a process of its own: OpenCV's binding ends the process where it is given such a name."""
    path = tmp_path / os.fsdecode(b"caf\xe9.onnx")
    shutil.copyfile(PACKAGED_DETECTOR, path)
    code = (
        "import os, sys; from pathlib import Path\n"
        "from tpgan_sdk.detectors.yunet import open_yunet\n"
        "print(ascii(open_yunet(Path(sys.argv[1])).name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == r"'yunet:caf\udce9.onnx'"
