"""A z-buffered triangle rasteriser, and the shading of what it leaves visible.

Compiled by Numba on first use (cached beside this file). Every pixel is computed from its own
triangle alone and in a fixed order, so the same input gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import Float32Array

try:
    import numba
except ImportError as error:
    raise TrainingError(
        f"rendering needs numba ({error}); install it with `pip install numba`"
    ) from error

Function = TypeVar("Function", bound=Callable[..., object])


# Numba has no types of its own that say "the same function, faster".
_jit: Any = numba.njit(cache=True)


def compiled(function: Function) -> Function:
    """The function as machine code, with the same types."""
    faster: Function = _jit(function)
    return faster


IntArray = npt.NDArray[np.int32]


@compiled
def rasterise(
    points: Float32Array,
    triangles: IntArray,
    height: int,
    width: int,
    uv: Float32Array,
    alpha: Float32Array,
    first_cutout: int,
) -> tuple[IntArray, Float32Array, Float32Array]:
    """Nearest triangle of each pixel.

    Args:
        points: (N, 3) float32: x, y in pixels (centre of the first pixel at 0, 0), z away from
            the camera.
        triangles: (T, 3) int32 indices; seen from one side only (clockwise in the picture),
            except those that are cut out.
        height, width: of the result.
        uv: (N, 2) float32 texture pixels.
        alpha: (h, w) float32 texture opacity. Triangles from `first_cutout` on are cut out by
            it: they do not exist where it is below one half.

    Returns:
        (H, W) int32 triangle or -1; (H, W, 2) float32 weights of its second and third corner;
        (H, W) float32 depth, infinite where there is nothing.
    """
    index = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 2), np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
        bx, by = points[b, 0] - ax, points[b, 1] - ay
        cx, cy = points[c, 0] - ax, points[c, 1] - ay
        area = bx * cy - by * cx
        if abs(area) < 1e-9 or (area > 0 and t < first_cutout):
            continue
        x0 = max(0, math.ceil(ax + min(0.0, bx, cx)))
        x1 = min(width - 1, math.floor(ax + max(0.0, bx, cx)))
        y0 = max(0, math.ceil(ay + min(0.0, by, cy)))
        y1 = min(height - 1, math.floor(ay + max(0.0, by, cy)))
        if x1 < x0 or y1 < y0:
            continue
        inverse = 1.0 / area
        dz_b, dz_c = points[b, 2] - az, points[c, 2] - az
        for y in range(y0, y1 + 1):
            py = y - ay
            for x in range(x0, x1 + 1):
                px = x - ax
                wb = (px * cy - py * cx) * inverse
                wc = (bx * py - by * px) * inverse
                if wb < -1e-6 or wc < -1e-6 or wb + wc > 1.000001:
                    continue
                z = az + wb * dz_b + wc * dz_c
                if z >= depth[y, x]:
                    continue
                if t >= first_cutout:
                    wa = 1.0 - wb - wc
                    u = int(wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0] + 0.5)
                    v = int(wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1] + 0.5)
                    u = min(max(u, 0), alpha.shape[1] - 1)
                    v = min(max(v, 0), alpha.shape[0] - 1)
                    if alpha[v, u] < 0.5:
                        continue
                depth[y, x] = z
                index[y, x] = t
                weights[y, x, 0] = wb
                weights[y, x, 1] = wc
    return index, weights, depth


@compiled
def shade(
    index: IntArray,
    weights: Float32Array,
    triangles: IntArray,
    uv: Float32Array,
    texture: Float32Array,
    fill: Float32Array,
    confidence: Float32Array,
    light: Float32Array,
    highlight: Float32Array,
    samples: int,
) -> Float32Array:
    """Colour of what `rasterise` found, box-reduced by `samples` on both axes.

    Args:
        index, weights: from `rasterise`, (H, W) and (H, W, 2).
        triangles: (T, 3) int32.
        uv: (N, 2) float32 texture pixels; texture: (h, w, 3) float32, read bilinearly.
        fill: (N, 3) float32 colours, used where `confidence` (N,) in [0, 1] is below one.
        light: (N, 3) float32 factor of each colour.
        highlight: (N,) float32 grey levels to add.
        samples: a pixel, on each axis.

    Returns:
        (H / samples, W / samples, 4) float32 in [0, 255], premultiplied with its fourth channel.
    """
    height, width = index.shape
    one = np.float32(1.0)
    result = np.zeros((height // samples, width // samples, 4), np.float32)
    share = np.float32(1.0 / (samples * samples))
    for y in range(height // samples * samples):
        for x in range(width // samples * samples):
            t = index[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            wb, wc = weights[y, x, 0], weights[y, x, 1]
            wa = one - wb - wc
            u = wa * uv[a, 0] + wb * uv[b, 0] + wc * uv[c, 0]
            v = wa * uv[a, 1] + wb * uv[b, 1] + wc * uv[c, 1]
            u = min(max(u, np.float32(0.0)), np.float32(texture.shape[1] - 1.001))
            v = min(max(v, np.float32(0.0)), np.float32(texture.shape[0] - 1.001))
            iu, iv = int(u), int(v)
            fu, fv = u - np.float32(iu), v - np.float32(iv)
            trust = wa * confidence[a] + wb * confidence[b] + wc * confidence[c]
            shine = wa * highlight[a] + wb * highlight[b] + wc * highlight[c]
            for k in range(3):
                upper = texture[iv, iu, k] * (one - fu) + texture[iv, iu + 1, k] * fu
                lower = texture[iv + 1, iu, k] * (one - fu) + texture[iv + 1, iu + 1, k] * fu
                colour = trust * (upper * (one - fv) + lower * fv)
                if trust < one:
                    colour += (one - trust) * (wa * fill[a, k] + wb * fill[b, k] + wc * fill[c, k])
                lit = wa * light[a, k] + wb * light[b, k] + wc * light[c, k]
                colour = min(max(colour * lit + shine, np.float32(0)), np.float32(255))
                result[y // samples, x // samples, k] += share * colour
            result[y // samples, x // samples, 3] += share * np.float32(255)
    return result


@compiled
def interpolate(
    index: IntArray, weights: Float32Array, triangles: IntArray, values: Float32Array
) -> Float32Array:
    """(H, W, C) of (N, C) float32 values at the corners, zero where `rasterise` found nothing."""
    height, width = index.shape
    result = np.zeros((height, width, values.shape[1]), np.float32)
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t < 0:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            wb, wc = weights[y, x, 0], weights[y, x, 1]
            wa = np.float32(1.0) - wb - wc
            for k in range(values.shape[1]):
                result[y, x, k] = wa * values[a, k] + (wb * values[b, k] + wc * values[c, k])
    return result


@compiled
def vertex_normals(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """(N, 3) unit normals of (N, 3) vertices: the adjacent triangles' mean, weighted by area."""
    normals = np.zeros_like(vertices)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        p, q = vertices[b] - vertices[a], vertices[c] - vertices[a]
        x = p[1] * q[2] - p[2] * q[1]
        y = p[2] * q[0] - p[0] * q[2]
        z = p[0] * q[1] - p[1] * q[0]
        for corner in (a, b, c):
            normals[corner, 0] += x
            normals[corner, 1] += y
            normals[corner, 2] += z
    for n in range(normals.shape[0]):
        length = math.sqrt(normals[n, 0] ** 2 + normals[n, 1] ** 2 + normals[n, 2] ** 2)
        for k in range(3):
            normals[n, k] /= max(length, 1e-12)
    return normals
