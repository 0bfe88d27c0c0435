"""New people: two portraits morphed into one, or one of another shape; skin moves with it.

The result is a portrait like any other: its mesh, its frontal target and its views are made from
it as from a photo, so geometry and texture fit each other by themselves.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from scipy.spatial import Delaunay, cKDTree

from tpgan_sdk.geometry import FloatArray, fit_similarity
from tpgan_sdk.images.resample import Float32Array, UInt8Array, to_uint8, warp

from .head import FACE_VERTICES, HeadModel
from .landmarks import FIVE_POINTS, OVAL
from .raster import interpolate, rasterise

# Where, relative to the width of the face, the second person's skin begins to show inside the
# outline. Hair, ears and background stay the first person's: two of them mixed are two ghosts.
FEATHER: Final = 0.12
SURFACE: Final = 468
"""Landmarks that lie on the skin; the irises follow."""
_OPAQUE: Final = np.ones((1, 1), np.float32)


def morph(
    first: UInt8Array,
    first_points: FloatArray,
    second: UInt8Array,
    second_points: FloatArray,
    share: float,
) -> UInt8Array:
    """A portrait of somebody between two people, with the first one's hair and background.

    Args:
        first, second: (H, W, 3) uint8 BGR portraits, of any sizes.
        first_points, second_points: (478, 2 or more) MediaPipe's landmarks, px.
        share: 0 to 1, the second person's part.

    Returns:
        (H, W, 3) uint8, as large as `first`.
    """
    height, width = first.shape[:2]
    five = list(FIVE_POINTS)
    # Size and place come from the first portrait, only the shape is mixed.
    into = fit_similarity(second_points[five, :2], first_points[five, :2])
    placed = second_points[:, :2] @ into[:, :2].T + into[:, 2]
    mixed = first_points[:, :2] + share * (placed - first_points[:, :2])
    one = deform(first, first_points, mixed)
    two = deform(to_uint8(warp(second, into, width, height)), placed, mixed)
    mask = _face(mixed, height, width)[..., None]
    two = two + _tone(one, two, mask)  # the skins meet at the feather without a step
    return to_uint8(one + share * mask * (two - one))


def reshape(
    image: UInt8Array, points: FloatArray, head: HeadModel, coefficients: FloatArray
) -> UInt8Array:
    """The portrait with the face's shape moved along the head model's identity modes.

    Args:
        image: (H, W, 3) uint8 BGR.
        points: (478, 3) MediaPipe's landmarks, px.
        head: whose modes.
        coefficients: (K,) standard deviations of its first K modes.

    Returns:
        (H, W, 3) uint8.
    """
    fit = head.fit(points)
    shift = np.tensordot(coefficients, head.modes[: len(coefficients)], 1)[:FACE_VERTICES]
    shift = fit.scale * shift @ fit.rotation.T
    nearest = cKDTree(fit.vertices[:FACE_VERTICES, :2]).query(points[:, :2])[1]
    moved = points[:, :2] + shift[nearest, :2]
    five = list(FIVE_POINTS)
    back = fit_similarity(moved[five], points[five, :2])  # alignment would undo it anyway
    return to_uint8(deform(image, points, moved @ back[:, :2].T + back[:, 2]))


def deform(image: UInt8Array, start: FloatArray, goal: FloatArray) -> Float32Array:
    """The picture with landmarks moved, affine within each triangle; its border stays.

    Args:
        image: (H, W, 3) uint8.
        start, goal: (478, 2 or more) MediaPipe's landmarks, px.

    Returns:
        (H, W, 3) float32 in [0, 255].
    """
    height, width = image.shape[:2]
    border = _frame(width, height)
    uv = np.concatenate([start[:SURFACE, :2], border]).astype(np.float32)
    there = np.concatenate([goal[:SURFACE, :2], border])
    # Delaunay's triangles run the other way round than those that `rasterise` sees.
    triangles = np.ascontiguousarray(Delaunay(there).simplices[:, ::-1]).astype(np.int32)
    flat = np.column_stack([there, np.zeros(len(there))]).astype(np.float32)
    index, weights, _ = rasterise(flat, triangles, height, width, uv, _OPAQUE, len(triangles))
    source = interpolate(index, weights, triangles, uv)
    ys, xs = np.nonzero(index < 0)  # a landmark beyond the border leaves holes there
    source[ys, xs] = np.column_stack([xs, ys])
    mapped = cv2.remap(image, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(mapped, dtype=np.float32)


def _frame(width: int, height: int) -> FloatArray:
    """Points along the picture's border, which do not move."""
    x, y = (np.linspace(0, length - 1, 5) for length in (width, height))
    top = np.column_stack([x, np.zeros(5)])
    left = np.column_stack([np.zeros(3), y[1:-1]])
    return np.concatenate([top, top + (0, height - 1), left, left + (width - 1, 0)])


def _face(points: FloatArray, height: int, width: int) -> Float32Array:
    """(H, W) 0 to 1: one well inside the outline of the face, zero outside."""
    outline = points[list(OVAL), :2]
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.rint(outline).astype(np.int32)], 1)
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    feather = max(1.0, FEATHER * float(np.ptp(outline[:, 0])))
    ramp = np.clip(inside / feather, 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), dtype=np.float32)


def _tone(one: Float32Array, two: Float32Array, mask: Float32Array) -> Float32Array:
    """(3,) what brings the second face to the first one's mean colour at the feather's middle."""
    rim = ((mask > 0.2) & (mask < 0.8))[..., 0]
    if not rim.any():
        return np.zeros(3, np.float32)
    return np.asarray((one[rim] - two[rim]).mean(axis=0), dtype=np.float32)
