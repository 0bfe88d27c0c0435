"""Real pixels: portraits whose five points are known, and pictures without any face."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from tpgan_sdk import geometry
from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.files import SUFFIXES, read_image
from tpgan_sdk.images.resample import Float32Array, UInt8Array
from tpgan_sdk.types import Detection
from train.data.background import background
from train.data.points import FoundPoints
from train.rendering.landmarks import FIVE_POINTS, PortraitAnalyser
from train.rendering.plan import find_portraits

from .scene import SIZE
from .sprites import face_box

# Longer side that pictures without faces are scaled down to, px, and the smallest part shown.
LONGEST: Final = 1024
SMALLEST_PART: Final = 48
# Share of backgrounds that are parts of photos as they are; the others are made up, or blurred.
AS_THEY_ARE: Final = 0.5


class _MediaPipe:
    """MediaPipe as a detector; opened when first asked."""

    name = "mediapipe"

    def __init__(self) -> None:
        self._analyser: PortraitAnalyser | None = None

    def detect(self, image: UInt8Array) -> list[Detection]:
        self._analyser = self._analyser or PortraitAnalyser()
        found = self._analyser.landmarks(image)
        if found is None:
            return []
        (x0, y0), (x1, y1) = found[:, :2].min(axis=0), found[:, :2].max(axis=0)
        return [Detection((x0, y0, x1, y1), found[list(FIVE_POINTS), :2], 1.0)]


def known_portraits(folders: Sequence[Path], cache: Path) -> list[tuple[Path, FloatArray]]:
    """Portraits of the training split with their (5, 2) points, found by MediaPipe.

    Args:
        folders: of portraits with one frontal face each.
        cache: JSON that keeps what was found.

    Raises:
        TrainingError: no portraits, or no MediaPipe where it is needed.
    """
    points, photos = FoundPoints(cache, _MediaPipe()), []
    for path in find_portraits(folders, "train"):
        try:
            photos.append((path, points.find(path)))
        except TrainingError:
            continue  # nothing found in it
    points.save()
    return photos


def read_empty(folder: Path) -> list[UInt8Array]:
    """All pictures of a folder, none of which shows a face, up to 1024 px long.

    Raises:
        TrainingError: there is none.
        ImageError: one cannot be read.
    """
    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise TrainingError(f"no pictures in {folder}; expected photos without any face")
    return [_shrunk(read_image(path)) for path in paths]


def _shrunk(image: UInt8Array) -> UInt8Array:
    scale = LONGEST / max(image.shape[:2])
    if scale >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def strip_beside_face(photo: UInt8Array, points: FloatArray) -> UInt8Array:
    """The wider of the two strips left and right of a portrait's face: hair, clothes, walls."""
    frame = geometry.invert_transform(geometry.alignment_transform(points))
    x0, _, x1, _ = face_box(0.0, frame).astype(int)
    left, right = photo[:, : max(0, x0)], photo[:, max(0, x1) :]
    return left if left.shape[1] > right.shape[1] else right


def part_of(rng: np.random.Generator, photo: UInt8Array) -> Float32Array:
    """(320, 320, 3) some square part of a photo, turned and mirrored at random."""
    longest = min(photo.shape[:2])
    side = round(longest * float(rng.uniform(min(1.0, SMALLEST_PART / longest), 1)))
    y, x = (int(rng.integers(0, length - side + 1)) for length in photo.shape[:2])
    part = np.rot90(photo[y : y + side, x : x + side], int(rng.integers(4)) * (rng.random() < 0.3))
    part = np.ascontiguousarray(part[:, :: int(rng.choice([-1, 1]))])
    how = cv2.INTER_AREA if side > SIZE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (SIZE, SIZE), interpolation=how), dtype=np.float32)


def make_background(rng: np.random.Generator, photos: Sequence[UInt8Array]) -> Float32Array:
    """(320, 320, 3) something without a face: part of a photo as it is, blurred, or made up."""
    photo = photos[int(rng.integers(len(photos)))]
    as_it_is = rng.random() < AS_THEY_ARE
    return part_of(rng, photo) if as_it_is else background(rng, SIZE, photo)
