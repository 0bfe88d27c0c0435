"""Hair: the head widened to its outline."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import Float32Array

from .head import HeadModel
from .texture_grid import NODES, PICTURE, STEP, grid_depth

# Hair may widen the head by this factor; a narrow outline may make it this much narrower.
WIDENING: Final = (0.9, 1.35)
DIRECTIONS: Final = 120
# Degrees from straight down: within the first, towards neck and shoulders, the outline is not
# that of hair; beyond the second it is.
NECK: Final = (50.0, 70.0)
# The profile of the hair is centred this far above the eyes, in picture px.
CENTRE_ABOVE_EYES: Final = 24.0


def widen_to_hair(
    vertices: FloatArray, head: HeadModel, alpha: Float32Array, inside: Float32Array
) -> FloatArray:
    """The head's vertices moved outwards until its outline is that of the hair.

    Args:
        vertices: (V, 3) of the fitted head in picture px.
        head: the model they belong to.
        alpha: (416, 416) foreground.
        inside: (416, 416) distance inside the outline of the face; the face does not move.

    Returns:
        (V, 3).
    """
    eyes = vertices[head.landmarks[36:48], :2].mean(axis=0)
    centre = eyes - (0.0, CENTRE_ABOVE_EYES)
    coverage = np.isfinite(grid_depth(vertices, head.triangles)).astype(np.float32)
    coverage = np.asarray(cv2.resize(coverage, (NODES * STEP, NODES * STEP)), dtype=np.float32)
    own = _polar_radius(coverage, centre)
    oval = _polar_radius((inside > 0).astype(np.float32), centre)
    ratio = np.clip(_polar_radius(alpha, centre) / own, *WIDENING)
    angle = np.arange(DIRECTIONS) * 360.0 / DIRECTIONS
    from_down = np.abs((angle - 90.0 + 180.0) % 360.0 - 180.0)
    ratio = 1.0 + (ratio - 1.0) * np.clip((from_down - NECK[0]) / (NECK[1] - NECK[0]), 0.0, 1.0)

    offset = vertices[:, :2] - centre
    radius = np.maximum(np.linalg.norm(offset, axis=1), 1e-6)
    direction = (np.degrees(np.arctan2(offset[:, 1], offset[:, 0])) % 360) * DIRECTIONS / 360
    ratio, own, oval = (_around(_smooth(profile), direction) for profile in (ratio, own, oval))
    ears = vertices[head.landmarks[[0, 16]], 2].mean()
    front = np.clip((radius - oval) / np.maximum(own - oval, 4.0), 0.0, 1.0)
    behind = np.minimum(radius / own, 1.0)
    blend = np.clip((vertices[:, 2] - ears) / 24.0, 0.0, 1.0)
    share = front + blend * (behind - front)
    result = vertices.copy()
    result[:, :2] += offset * (share * own * (ratio - 1.0) / radius)[:, None]
    return result


def _polar_radius(mask: Float32Array, centre: FloatArray) -> FloatArray:
    """(120,) radius at which a ray from `centre` first leaves the mask; angle 90 points down."""
    reach = PICTURE // 2
    middle = (float(centre[0]), float(centre[1]))
    # Without the second flag, rays that leave the picture read uninitialised memory.
    flags = cv2.INTER_LINEAR | cv2.WARP_FILL_OUTLIERS
    polar = cv2.warpPolar(mask, (reach, DIRECTIONS), middle, reach, flags)
    outside = np.asarray(polar) < 0.5
    first = np.where(outside.any(axis=1), outside.argmax(axis=1), reach)
    return first.astype(np.float64)


def _smooth(profile: FloatArray) -> FloatArray:
    """A closed profile smoothed by about 12 degrees."""
    window = np.hanning(9)[1:-1]
    padded = np.concatenate([profile[-3:], profile, profile[:3]])
    return np.convolve(padded, window / window.sum(), mode="valid")


def _around(profile: FloatArray, direction: FloatArray) -> FloatArray:
    """A closed profile at fractional directions."""
    closed = np.append(profile, profile[0])
    return np.asarray(np.interp(direction, np.arange(DIRECTIONS + 1), closed), dtype=np.float64)
