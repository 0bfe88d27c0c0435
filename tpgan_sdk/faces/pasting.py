"""The frontal face put back to where it was in the photo."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import numpy as np

from ..errors import ImageError
from ..geometry import CROP_SIZE, apply_transform, enlarge_transform, invert_transform
from ..images.files import check_image
from ..images.resample import Float32Array, UInt8Array, to_uint8, warp
from ..types import Face

FEATHER: Final = 16
"""Width in crop pixels over which the face fades into the photo."""

_BAND_PIXELS: Final = 1 << 17
"""Pixels that are worked on at once: 1.5 MB an array, which caches hold."""


def paste_back(frame: UInt8Array, face: Face) -> UInt8Array:
    """The frame with one frontal face in the place of the one it came from.

    The face fades out towards the border of the crop, and its colours are shifted so that along
    that border they are on average those of the photo. Several faces: call it once for each.

    Args:
        frame: (H, W, 3) uint8, the picture that `face` was made from.
        face: what `Frontalizer.frontalize` gave.

    Returns:
        (H, W, 3) uint8, a copy; pixels beyond the crop are untouched.

    Raises:
        ImageError: the frame is not such a picture, or `face` is not one `Face`.
    """
    if not isinstance(face, Face):
        raise ImageError(
            f"paste_back was given a {type(face).__name__}; expected one Face: for several call it "
            "once for each, or Frontalizer.paste_into(frame, faces)"
        )
    if isinstance(frame, str | Path):
        raise ImageError(
            f"paste_back was given the path {frame}; expected the picture itself: "
            "tpgan_sdk.images.read_image(path)"
        )
    result: UInt8Array = np.array(check_image(frame))
    left, top, right, bottom = _touched(face, result.shape[1], result.shape[0])
    if left >= right or top >= bottom:
        return result
    scale = face.image.shape[0] / CROP_SIZE
    matched = _matched(face)
    to_frame = invert_transform(enlarge_transform(face.transform, scale))
    # In bands of rows: a face that fills a large photo would need gigabytes for it whole.
    rows = max(1, _BAND_PIXELS // (right - left))
    for upper in range(top, bottom, rows):
        lower = min(upper + rows, bottom)
        front = warp(matched, to_frame, right - left, lower - upper, left, upper)
        weight = _weight(*_in_crop(face, left, upper, right, lower))[:, :, None]
        band = result[upper:lower, left:right]
        behind = band.astype(np.float32)
        front -= behind
        front *= weight
        front += behind
        band[:] = to_uint8(front)
    return result


def _in_crop(
    face: Face, left: int, top: int, right: int, bottom: int
) -> tuple[Float32Array, Float32Array]:
    """x and y in the crop of each pixel of a window of the frame."""
    matrix = face.transform.astype(np.float32)
    x = np.arange(left, right, dtype=np.float32)[None, :]
    y = np.arange(top, bottom, dtype=np.float32)[:, None]
    return (
        matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2],
        matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2],
    )


def _weight(x: Float32Array, y: Float32Array) -> Float32Array:
    """How much of the face shows: 0 on the crop's border and beyond, 1 from `FEATHER` inwards."""
    across, down = (
        np.clip(np.minimum(place, CROP_SIZE - 1 - place) / FEATHER, 0, 1) for place in (x, y)
    )
    # Smoothstep: its slope is 0 at both ends, so neither end of the fade shows as a line.
    weight = across**2 * (3 - 2 * across) * down**2 * (3 - 2 * down)
    return weight.astype(np.float32, copy=False)


_GRID: Final = np.arange(CROP_SIZE, dtype=np.float32)
_FADING: Final = _weight(_GRID[None, :], _GRID[:, None]) < 1


def _matched(face: Face) -> UInt8Array:
    """The frontal face with the mean colour of the photo where the two meet."""
    scale = face.image.shape[0] // CROP_SIZE
    fading = _FADING.repeat(scale, axis=0).repeat(scale, axis=1)
    difference = face.aligned[fading].astype(np.float32) - face.image[fading]
    return to_uint8(face.image + difference.mean(axis=0))


def _touched(face: Face, width: int, height: int) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of the frame's pixels that the crop covers, clipped to the frame."""
    last = CROP_SIZE - 1
    corners = apply_transform(
        invert_transform(face.transform), [[0, 0], [last, 0], [0, last], [last, last]]
    )
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return (
        max(0, math.floor(x0)),
        max(0, math.floor(y0)),
        min(width, math.ceil(x1) + 1),
        min(height, math.ceil(y1) + 1),
    )
