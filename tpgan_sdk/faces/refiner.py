"""Landmark refiner: five points and the pose of one face, by a small network.

Detectors of five points put the hidden eye and mouth corner of a profile on its outline. The
refiner was trained on rendered heads, where the exact place of hidden points is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .. import geometry
from ..geometry import CROP_SIZE, OFFICIAL, FloatArray
from ..images.files import check_image
from ..images.resample import Float32Array, UInt8Array, warp
from ..models.auxiliary import open_session, read_sidecar
from ..models.model import PACKAGED
from ..types import Detection

INPUT_SIZE: Final = 96
"""Width and height of what the network sees, in px."""
WINDOW: Final = 144
"""Width and height of the same part of the face in pixels of the 128x128 crop."""
# From pixels of the crop to pixels of the input, both counted from the middle of the first.
_SCALE: Final = INPUT_SIZE / WINDOW
_SHIFT: Final = (INPUT_SIZE - _SCALE * CROP_SIZE) / 2 + (_SCALE - 1) / 2
INPUT_TRANSFORM: Final = ((_SCALE, 0.0, _SHIFT), (0.0, _SCALE, _SHIFT))
# The second look at a crop cut by the first one's result is worth its time, a third is not.
LOOKS: Final = 2
KIND: Final = "landmark refiner"
FORMAT: Final = 1
"""Version of the sidecar."""
PACKAGED_REFINER: Final = PACKAGED / "landmarks" / "refiner.onnx"


@dataclass(frozen=True, slots=True)
class RefinedFace:
    """A detected face with better landmarks, and its pose."""

    detection: Detection
    """Box and score of the detector, landmarks of the refiner: hidden ones too."""
    yaw: float
    """Degrees; positive: looks towards the picture's right edge."""
    pitch: float
    """Degrees; positive: looks up."""
    roll: float
    """Degrees; positive: clockwise in the picture."""


def to_points(output: npt.NDArray[np.floating]) -> FloatArray:
    """(..., 5, 2) px of the 128x128 crop from the network's (..., 13) output."""
    shares = np.asarray(output, dtype=np.float64)[..., :10].reshape(*output.shape[:-1], 5, 2)
    result: FloatArray = shares * (WINDOW / 2) + (CROP_SIZE - 1) / 2
    return result


def to_pose(output: npt.NDArray[np.floating]) -> FloatArray:
    """(..., 3) yaw, pitch and roll in degrees from the network's (..., 13) output."""
    result: FloatArray = np.asarray(output, dtype=np.float64)[..., 10:] * 90.0
    return result


def to_input(pixels: Float32Array) -> Float32Array:
    """(1, 3, 96, 96) RGB in [-1, 1] from (96, 96, 3) BGR in [0, 255]."""
    planes = pixels[..., ::-1].transpose(2, 0, 1)[None]
    return np.ascontiguousarray(planes * np.float32(1 / 127.5) - np.float32(1), dtype=np.float32)


def input_transform(alignment: FloatArray) -> FloatArray:
    """(2, 3) from the frame to the network's input, from the alignment's transform."""
    result = alignment * _SCALE
    result[:, 2] += _SHIFT
    return result


class LandmarkRefiner:
    """The refiner on ONNX Runtime's CPU provider; one object serves several threads.

    Args:
        path: ONNX with its sidecar; None: the one in the package.

    Raises:
        ModelError: the file is missing, damaged, or no refiner.
        BackendError: ONNX Runtime is not installed.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = PACKAGED_REFINER if path is None else Path(path).expanduser()
        self.info = read_sidecar(self.path, KIND, FORMAT, "python -m train.landmarks.export")
        # Half a millisecond of work: more threads only wait.
        inputs: dict[str, list[int | str]] = {"crop": [3, INPUT_SIZE, INPUT_SIZE]}
        self._session = open_session(self.path, inputs, threads=1)

    def refine(self, image: npt.NDArray[Any], face: Detection) -> RefinedFace:
        """Landmarks and pose of one detected face.

        A mirrored picture with mirrored landmarks gives exactly the mirrored result.

        Args:
            image: (H, W, 3) uint8 BGR.
            face: its landmarks place the crop that the network sees, and tell which side is
                hidden; a few pixels more or less do not matter.

        Raises:
            ImageError: not such an image.
            GeometryError: landmarks that no face can have.
        """
        picture = check_image(image)
        points = geometry.check_landmarks(face.landmarks)
        yaw = geometry.estimate_yaw(points)
        pose = np.zeros(3)
        for _ in range(LOOKS):
            points, pose = self._look(picture, points, yaw < 0)
            yaw = float(pose[0])
        return RefinedFace(replace(face, landmarks=points), *(float(angle) for angle in pose))

    def _look(
        self, image: UInt8Array, points: FloatArray, mirrored: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Landmarks and pose in the image, from a crop cut by these landmarks."""
        width = image.shape[1]
        if mirrored:
            image, points = image[:, ::-1], geometry.mirror_landmarks(points, width)
        alignment = geometry.alignment_transform(points, OFFICIAL)
        pixels = warp(image, input_transform(alignment), INPUT_SIZE, INPUT_SIZE)
        output = self._session.run(None, {"crop": to_input(pixels)})[0][0]
        found = geometry.apply_transform(geometry.invert_transform(alignment), to_points(output))
        pose = to_pose(output)
        pose[2] -= math.degrees(math.atan2(alignment[1, 0], alignment[0, 0]))
        if mirrored:
            found, pose = geometry.mirror_landmarks(found, width), pose * (-1.0, 1.0, -1.0)
        pose[2] = math.remainder(pose[2], 360.0)
        return found, pose
