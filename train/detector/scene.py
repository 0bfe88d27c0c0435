"""Synthetic scenes: several faces or none, placed on a background."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from tpgan_sdk import geometry
from tpgan_sdk.geometry import MIRROR_ORDER, FloatArray
from tpgan_sdk.images.resample import Float32Array, UInt8Array, warp
from train.data import augment

from .sprites import Place, Sprite, face_box

SIZE: Final = 320
"""Width and height of the pictures, px."""
SMALLEST, LARGEST = 14.0, 270.0
"""Longer side of a face's box, px."""
NUMBERS: Final = 14
"""Of a face: its box, x0, y0, x1, y1, then x and y of five points."""
# Share of an earlier face that a later thing may cover, share of the smaller of two faces' boxes
# that the other may reach into, and how often a place is looked for.
COVERED: Final = 0.1
SHARED: Final = 0.3
TRIES: Final = 3
# Of the picture's middle: a face is at least that far inside, as a share of its size.
INSIDE: Final = 0.35
STEEP: Final = 0.15
"""Share of faces turned by up to 45 degrees; the others by 8 on average."""


class Scene:
    """A picture in the making."""

    def __init__(self, background: Float32Array) -> None:
        """
        Args:
            background: (320, 320, 3) BGR in [0, 255].
        """
        self.image = background.copy()
        self._faces: list[FloatArray] = []

    def add(self, thing: Sprite, rng: np.random.Generator) -> None:
        """Puts it somewhere, unless it would hide a face wherever it is tried."""
        for _ in range(TRIES):
            if self.put(thing, random_place(rng)):
                return

    def put(self, thing: Sprite, place: Place) -> bool:
        """Puts it there; False where it would hide an earlier face, and nothing happens."""
        shown = place.transform(thing.yaw)
        box = face_box(thing.yaw, shown)
        matrix = np.vstack([shown, (0, 0, 1)]) @ np.linalg.inv(np.vstack([thing.frame, (0, 0, 1)]))
        if any(_shared(box, face) > SHARED for face in self._faces):
            return False
        window = _window(thing.image.shape, matrix)
        (y0, y1), (x0, x1) = ((part.start, part.stop) for part in window)
        pixels = warp(thing.image, matrix[:2], x1 - x0, y1 - y0, x0, y0)
        alpha = np.zeros((SIZE, SIZE), np.float32)
        alpha[window] = pixels[..., 3]
        if any(_covered(alpha, face) > COVERED for face in self._faces):
            return False
        self.image[window] *= 1 - pixels[..., 3:] * np.float32(1 / 255)
        self.image[window] += pixels[..., :3]
        points = geometry.apply_transform(matrix[:2], thing.points)
        points = points[list(MIRROR_ORDER)] if place.mirrored else points
        self._faces.append(np.concatenate([box, points.ravel()]))
        return True

    @property
    def faces(self) -> FloatArray:
        """(F, 14): box and points of each."""
        return np.array(self._faces).reshape(-1, NUMBERS)

    def photographed(self, rng: np.random.Generator) -> UInt8Array:
        """The picture with the colours and the damage of a photo."""
        picture = np.clip(self.image, 0, 255)
        if rng.random() < 0.5:
            picture = augment.recolour(picture, augment.colour_map(rng, rendered=False))
        (picture,) = augment.grey(rng, picture)
        return augment.damage(rng, picture)


def random_place(rng: np.random.Generator) -> Place:
    """Anywhere in the picture, sizes spread evenly over their logarithm, most faces upright."""
    size = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
    roll = rng.uniform(-45, 45) if rng.random() < STEEP else rng.normal(0, 10)
    x, y = rng.uniform(INSIDE * size, SIZE - INSIDE * size, 2)
    return Place((float(x), float(y)), size, float(roll), bool(rng.random() < 0.5))


def _window(shape: tuple[int, ...], matrix: FloatArray) -> tuple[slice, slice]:
    """Rows and columns of the picture that a thing of this shape can reach; one at least."""
    height, width = shape[:2]
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)], dtype=np.float64)
    reach = geometry.apply_transform(matrix[:2], corners)
    low = np.clip(np.floor(reach.min(axis=0)), 0, SIZE - 1).astype(int)
    high = np.clip(np.ceil(reach.max(axis=0)) + 1, low + 1, SIZE).astype(int)
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _shared(box: FloatArray, other: FloatArray) -> float:
    """Share of the smaller of two boxes that lies in the other."""
    common = np.minimum(box[2:4], other[2:4]) - np.maximum(box[:2], other[:2])
    smaller = min(float((b[2:4] - b[:2]).prod()) for b in (box, other))
    return float(common.clip(min=0).prod()) / smaller


def _covered(alpha: Float32Array, face: FloatArray) -> float:
    """Share of a face's box that is covered."""
    x0, y0, x1, y1 = np.clip(np.rint(face[:4]), 0, SIZE).astype(int)
    part = alpha[y0:y1, x0:x1]
    return float((part > 128).mean()) if part.size else 0.0


def pad_faces(faces: Iterable[FloatArray]) -> FloatArray:
    """(N, F, 14) of pictures with up to F faces each; rows of NaN where there are fewer."""
    rows = list(faces)
    result = np.full((len(rows), max(1, *map(len, rows)), NUMBERS), np.nan)
    for padded, known in zip(result, rows, strict=True):
        padded[: len(known)] = known
    return result
