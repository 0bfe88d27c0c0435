"""Shadows: which points of a mesh a lamp reaches, and how much of the sky each one sees.

Frame: x right, y down, z away from the camera.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import Float32Array

from .raster import IntArray, compiled, rasterise

SHADOW_MAP: Final = 192
"""Width and height of a shadow map, px."""
SHADOW_BIAS: Final = 6.0
"""Depth by which a surface must lie behind another to be in its shadow; unit of the points."""

_OPAQUE: Final = np.ones((1, 1), np.float32)


def lamp_visibility(
    points: Float32Array,
    toward: npt.NDArray[np.float32],
    triangles: IntArray,
    first_cutout: int,
    uv: Float32Array,
    alpha: Float32Array,
) -> Float32Array:
    """(N,) 0 to 1: how much of a lamp's light gets to each point past the rest of the mesh.

    Args:
        points: (N, 3) float32.
        toward: (3,) unit, towards the lamp.
        triangles, first_cutout, uv, alpha: as in `raster.rasterise`.
    """
    away = -toward
    upright = abs(float(toward[1])) < 0.95
    right = np.cross((0.0, 1.0, 0.0) if upright else (0.0, 0.0, 1.0), away)
    right = right / np.linalg.norm(right)
    axes = np.stack([right, np.cross(away, right), away])
    seen = points @ axes.T.astype(np.float32)
    # Column by column: reducing both at once takes ten times as long.
    columns = (seen[:, 0], seen[:, 1])
    extent = max(*(float(column.max() - column.min()) for column in columns), 1e-6)
    for column in columns:
        column[:] = (column - column.min()) * np.float32((SHADOW_MAP - 3) / extent) + 1
    depth = rasterise(seen, triangles, SHADOW_MAP, SHADOW_MAP, uv, alpha, first_cutout)[2]
    return _unshadowed(seen, depth, np.float32(SHADOW_BIAS))


@compiled
def _unshadowed(seen: Float32Array, depth: Float32Array, bias: np.float32) -> Float32Array:
    """(N,) 0 to 1 of (N, 3) points in px of the (H, W) depth map, softened over four looks."""
    height, width = depth.shape
    zero, one = np.float32(0.0), np.float32(1.0)
    result = np.empty(len(seen), np.float32)
    for n in range(len(seen)):
        column, row = int(np.rint(seen[n, 0])), int(np.rint(seen[n, 1]))
        total = zero
        for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            y = min(max(row + dy, 0), height - 1)
            x = min(max(column + dx, 0), width - 1)
            # Where the map is empty its depth is infinite, and so in the light.
            margin = (depth[y, x] + np.float32(2.0) * bias - seen[n, 2]) / bias
            total += min(max(margin, zero), one)
        result[n] = total / np.float32(4.0)
    return result


def ambient_occlusion(
    points: Float32Array, normals: FloatArray, triangles: IntArray, directions: int = 48
) -> Float32Array:
    """(N,) 0 to 1: the part of an even sky's light that reaches each point (ambient occlusion)."""
    k = np.arange(directions) + 0.5
    height, angle = 1 - 2 * k / directions, math.pi * (1 + math.sqrt(5)) * k  # Fibonacci's sphere
    radius = np.sqrt(1 - height**2)
    sky = np.column_stack([radius * np.cos(angle), height, radius * np.sin(angle)])
    flat = np.zeros((len(points), 2), np.float32)
    got, possible = np.zeros(len(points)), np.zeros(len(points))
    for toward in sky.astype(np.float32):
        facing = np.maximum(normals @ toward, 0)
        got += facing * lamp_visibility(points, toward, triangles, len(triangles), flat, _OPAQUE)
        possible += facing
    result = np.divide(got, possible, out=np.ones(len(points)), where=possible > 0)
    return np.asarray(result, dtype=np.float32)
