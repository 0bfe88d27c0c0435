"""Texture grid: the aligned picture that meshes are built on, and the meshes of its parts.

The picture is the 128x128 crop of the portrait at twice its resolution, with a margin. Depth is
kept on a coarser grid of nodes, `STEP` pixels apart.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt
from scipy.spatial import Delaunay

from tpgan_sdk.geometry import CROP_SIZE, FloatArray
from tpgan_sdk.images.resample import Float32Array

from .raster import IntArray, compiled, rasterise

SCALE: Final = 2
"""Picture pixels per crop pixel: the resolution at which views are sampled."""
MARGIN: Final = 80
"""Picture pixels around the crop."""
PICTURE: Final = SCALE * CROP_SIZE + 2 * MARGIN
"""Width and height of the picture."""

STEP: Final = 3
NODES: Final = PICTURE // STEP
# Distances inside the outline of the face, in picture px: where the face sheet begins, where the
# head sheet ends, and where the depth is all MediaPipe's.
SHEET_FROM: Final = 6
HEAD_UNTIL: Final = 14
DEPTH_FROM: Final = 36
# The rest lies this far behind the head's outline (px), and recedes by this slope.
OUTLINE_BEHIND: Final = 16.0
RECEDING: Final = 0.7

_NODE_PIXELS: Final = np.arange(NODES) * STEP + STEP // 2
_OPAQUE: Final = np.ones((1, 1), np.float32)

BoolArray = npt.NDArray[np.bool_]


def at_nodes(image: Float32Array) -> Float32Array:
    """(138, 138) values of a (416, 416) image at the nodes."""
    return np.ascontiguousarray(image[np.ix_(_NODE_PIXELS, _NODE_PIXELS)])


def sample(image: npt.NDArray[np.float32], points: FloatArray) -> FloatArray:
    """(N, C) bilinear values of a (H, W, C) image at the x and y of (N, 2 or more) points."""
    x = np.clip(points[:, 0], 0, image.shape[1] - 1.001)
    y = np.clip(points[:, 1], 0, image.shape[0] - 1.001)
    return _bilinear(image, x, y)


@compiled
def _bilinear(image: npt.NDArray[np.float32], x: FloatArray, y: FloatArray) -> FloatArray:
    """(N, C) values at (N,) columns and (N,) rows that lie within the image."""
    result = np.empty((len(x), image.shape[2]))
    for n in range(len(x)):
        column, row = int(x[n]), int(y[n])
        fx, fy = x[n] - column, y[n] - row
        for k in range(image.shape[2]):
            upper = image[row, column, k] * (1 - fx) + image[row, column + 1, k] * fx
            lower = image[row + 1, column, k] * (1 - fx) + image[row + 1, column + 1, k] * fx
            result[n, k] = upper * (1 - fy) + lower * fy
    return result


def grid_depth(vertices: FloatArray, triangles: IntArray) -> Float32Array:
    """(138, 138) depth of the nearest surface at the nodes, infinite where there is none."""
    points = ((vertices - (STEP // 2, STEP // 2, 0.0)) / (STEP, STEP, 1.0)).astype(np.float32)
    flat = np.ascontiguousarray(points[:, :2])
    return rasterise(points, triangles, NODES, NODES, flat, _OPAQUE, len(triangles))[2]


def face_depth(points: FloatArray, head_depth: Float32Array, inside: Float32Array) -> Float32Array:
    """Depth of the face sheet: the landmarks' inside the face, the head's along its border.

    Args:
        points: (478, 3) landmarks in picture px, depth in the frame of the head.
        head_depth: (138, 138) from `grid_depth`.
        inside: (416, 416) distance inside the outline of the face.

    Returns:
        (138, 138) float32, finite.
    """
    surface = points[:468]  # the irises that follow lie on it
    # Delaunay's triangles run the other way round than those that `rasterise` sees.
    triangles = np.ascontiguousarray(Delaunay(surface[:, :2]).simplices[:, ::-1]).astype(np.int32)
    own = grid_depth(surface, triangles)
    depth = np.where(np.isfinite(head_depth), head_depth, surface[:, 2].max())
    share = np.clip((at_nodes(inside) - HEAD_UNTIL) / (DEPTH_FROM - HEAD_UNTIL), 0.0, 1.0)
    share = share * share * (3 - 2 * share)
    mixed = np.where(np.isfinite(own), depth + share * (np.where(share > 0, own, 0) - depth), depth)
    return np.asarray(cv2.GaussianBlur(mixed.astype(np.float32), (0, 0), 0.8), dtype=np.float32)


def rest_depth(head_depth: Float32Array, alpha: Float32Array) -> tuple[Float32Array, BoolArray]:
    """Depth of hair and shoulders beyond the head's outline, and the nodes they take up.

    Args:
        head_depth: (138, 138) from `grid_depth`.
        alpha: (416, 416) foreground.

    Returns:
        (138, 138) float32 and (138, 138) bool.
    """
    covered = np.isfinite(head_depth).astype(np.uint8)
    inner = cv2.erode(covered, np.ones((5, 5), np.uint8)) > 0
    distance, nearest = distance_transform_edt(~inner, return_indices=True)
    # Just inside the outline the head is still seen at an angle; its widest part lies behind.
    outline = cv2.GaussianBlur(head_depth[nearest[0], nearest[1]] + OUTLINE_BEHIND, (0, 0), 4)
    body = cv2.dilate(alpha, np.ones((7, 7), np.uint8))
    body = at_nodes(np.asarray(body, dtype=np.float32)) > 0.5
    # A fringe that only follows the head would stick out behind it as a line in side views.
    beyond = ((at_nodes(alpha) > 0.5) & (covered == 0)).astype(np.uint8)
    beyond = cv2.morphologyEx(beyond, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    used = ~inner & body & (cv2.dilate(beyond, np.ones((7, 7), np.uint8)) > 0)
    return np.asarray(outline + RECEDING * STEP * distance, dtype=np.float32), used


def sheet(depth: Float32Array, used: BoolArray) -> tuple[FloatArray, IntArray]:
    """(N, 3) vertices and (T, 3) triangles of the cells all of whose corners are used."""
    ys, xs = np.mgrid[:NODES, :NODES]
    cells = used[:-1, :-1] & used[1:, :-1] & used[:-1, 1:] & used[1:, 1:]
    needed = np.zeros_like(used)
    for dy in (0, 1):
        for dx in (0, 1):
            needed[dy : NODES - 1 + dy, dx : NODES - 1 + dx] |= cells
    number = np.cumsum(needed.ravel()).reshape(used.shape) - 1
    rows, columns = np.nonzero(cells)
    a, b = number[rows, columns], number[rows, columns + 1]
    c, d = number[rows + 1, columns], number[rows + 1, columns + 1]
    triangles = np.concatenate([np.column_stack([a, c, b]), np.column_stack([b, c, d])])
    vertices = np.column_stack(
        [_NODE_PIXELS[xs[needed]], _NODE_PIXELS[ys[needed]], depth[needed]]
    ).astype(np.float64)
    return vertices, triangles.astype(np.int32)
