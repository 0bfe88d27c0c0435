"""What every embedder does to its pictures first: checks, and the face cut out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tpgan_sdk.errors import ImageError
from tpgan_sdk.geometry import FloatArray, apply_transform, check_landmarks, invert_transform
from tpgan_sdk.images.resample import Float32Array, UInt8Array, warp


def checked(
    pictures: Sequence[UInt8Array] | UInt8Array, points: npt.ArrayLike
) -> list[tuple[UInt8Array, FloatArray]]:
    """Each picture with its landmarks (5, 2), after the checks that `Embedder.embed` names."""
    faces = [check_landmarks(face) for face in np.asarray(points, dtype=np.float64)]
    if len(faces) != len(pictures):
        raise ImageError(f"{len(pictures)} pictures but {len(faces)} faces; expected one in each")
    for picture in pictures:
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise ImageError(
                f"a picture is {picture.dtype} of shape {picture.shape}; expected uint8 RGB of "
                "shape (H, W, 3)"
            )
    return list(zip(pictures, faces, strict=True))


def cut(picture: UInt8Array, transform: FloatArray, size: int) -> Float32Array:
    """The (size, size, 3) face crop in [0, 255]; black beyond the picture, as recognisers learn."""
    face = warp(picture, transform, size, size)
    rows, columns = np.indices((size, size))
    grid = np.stack([columns, rows], axis=-1).reshape(-1, 2)
    places = apply_transform(invert_transform(transform), grid).reshape(size, size, 2)
    height, width = picture.shape[:2]
    inside = (places > -0.5) & (places < (width - 0.5, height - 0.5))
    result: Float32Array = face * inside.all(axis=-1, keepdims=True)
    return result
