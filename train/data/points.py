"""Landmarks of photos: from files, or from a detector that is asked once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tpgan_sdk.detectors import Detector, create_detector
from tpgan_sdk.errors import GeometryError, TrainingError
from tpgan_sdk.geometry import FloatArray, alignment_transform
from tpgan_sdk.images.files import read_image

SUFFIX: Final = ".5pt"
SAVE_EVERY: Final = 200
"""Detections between two saves of the cache."""


def parse_points(text: str) -> FloatArray:
    """(5, 2) landmarks from ten numbers, x and y of one point after the other.

    Raises:
        TrainingError: not ten numbers, or no face; the message lacks where they stand.
    """
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError as error:
        raise TrainingError(f"{error}; expected ten numbers, x y of five points") from None
    if len(numbers) != 10:
        raise TrainingError(f"{len(numbers)} numbers; expected ten, x y of five points")
    return _face(numbers)


def _face(numbers: npt.ArrayLike) -> FloatArray:
    points = np.asarray(numbers, dtype=np.float64).reshape(5, 2)
    try:
        alignment_transform(points)
    except GeometryError as error:
        raise TrainingError(str(error)) from error
    return points


def read_points(path: Path) -> FloatArray:
    """(5, 2) landmarks from a ``.5pt`` file: five lines ``x y``.

    Pixels of the picture, the centre of its first pixel being (0, 0), in the order of
    `tpgan_sdk.geometry.LANDMARK_NAMES`: left is the left of the picture.

    Raises:
        TrainingError: cannot be read, or holds no face.
    """
    try:
        return parse_points(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} cannot be read ({error})") from error
    except TrainingError as error:
        raise TrainingError(f"{path}: {error}") from error


class FoundPoints:
    """What a detector found in photos, kept in a JSON file so that it is asked once.

    Args:
        cache: the file; missing or of another detector, it is begun anew.
        detector: as `tpgan_sdk.detectors.create_detector` takes it; loaded when first needed.
    """

    def __init__(self, cache: Path, detector: str | Detector = "auto") -> None:
        self._cache, self._spec = cache, detector
        self._detector: Detector | None = None
        self._found: dict[str, list[list[float]] | None] = {}
        self._unsaved = 0

    def find(self, photo: Path) -> FloatArray:
        """(5, 2) landmarks of the largest face of a photo.

        Raises:
            TrainingError: no face in it, or points that no face has.
            ImageError, DetectorError: as the SDK raises them.
        """
        if self._detector is None:
            self._detector = create_detector(self._spec)
            self._load()
        key = photo.as_posix()
        if key not in self._found:
            faces = self._detector.detect(read_image(photo))
            largest = max(faces, key=lambda face: face.area, default=None)
            self._found[key] = largest.landmarks.round(3).tolist() if largest else None
            self._unsaved += 1
            if self._unsaved >= SAVE_EVERY:
                self.save()
        points = self._found[key]
        if points is None:
            raise TrainingError(f"no face found in {photo}; give its points, or leave it out")
        return _face(points)

    def save(self) -> None:
        """Write what is new.

        Raises:
            TrainingError: the file cannot be written.
        """
        if not self._unsaved or self._detector is None:
            return
        text = json.dumps({"detector": self._detector.name, "points": self._found})
        part = self._cache.with_name(self._cache.name + ".part")
        try:
            part.write_text(text + "\n", encoding="utf-8")
            part.replace(self._cache)
        except OSError as error:
            raise TrainingError(
                f"cannot keep the points found in {self._cache}: {error}"
            ) from error
        self._unsaved = 0

    def _load(self) -> None:
        if not self._cache.exists() or self._detector is None:
            return
        try:
            kept = json.loads(self._cache.read_text(encoding="utf-8"))
            if kept["detector"] == self._detector.name:
                self._found = dict(kept["points"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(
                f"{self._cache} is no readable cache of landmarks ({type(error).__name__}: "
                f"{error}); delete it, and the faces are looked for again"
            ) from error
