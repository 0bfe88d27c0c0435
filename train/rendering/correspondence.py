"""Dense correspondence: where each frontal pixel lies in a view, and whether it is seen.

The triangle that shows in a target pixel is projected into the view with the same barycentric
weights, so the correspondence is exact up to the rounding it is stored with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from tpgan_sdk.geometry import CROP_SIZE, OFFICIAL, FloatArray, Template
from tpgan_sdk.images.resample import UInt8Array

from ..data.shards import FLOW_GRID, FLOW_UNIT, HIDDEN, NO_SURFACE, SEEN, VIEW_MARGIN
from .camera import FAR, Camera, aligned_points
from .mesh import PortraitMesh
from .raster import interpolate, rasterise
from .texture_grid import MARGIN, SCALE

# A surface this far behind the nearest one (mesh units: half crop px) is still the same: steep
# slopes change their depth within a pixel.
DEPTH_SLACK: Final = 6.0
# The view's alpha within one pixel of a seen point, at least: beyond it the background shows.
MIN_ALPHA: Final = 230


@dataclass(frozen=True, slots=True)
class Correspondence:
    """From the frontal target to one view, on a grid of 64x64 cells of 2 crop px."""

    flow: npt.NDArray[np.int16]
    """(2, 64, 64) x, y in the view's 128x128 crop, in 1/64 px; it may lie outside the crop."""
    visibility: UInt8Array
    """(64, 64) `shards.NO_SURFACE`, `HIDDEN` or `SEEN`."""


def frontal_points(mesh: PortraitMesh, template: Template = OFFICIAL) -> FloatArray:
    """(N, 3) the mesh's vertices in crop px of `views.frontal_target`; z in mesh units."""
    if not mesh.is_frontal or template is not OFFICIAL:
        return aligned_points(mesh, Camera(0.0, distance=FAR), template)[0]
    # The target is the photo itself: a vertex lies where its texture comes from.
    turned = mesh.vertices.astype(np.float64) @ Camera(*mesh.pose).rotation().T
    flat = (mesh.uv.astype(np.float64) - MARGIN - (SCALE - 1) / 2) / SCALE
    return np.column_stack([flat, turned[:, 2]])


def correspondence(
    mesh: PortraitMesh,
    frontal: FloatArray,
    camera: Camera,
    view: UInt8Array,
    template: Template = OFFICIAL,
) -> Correspondence:
    """The correspondence of one view.

    Args:
        mesh: the view's.
        frontal: (N, 3) from `frontal_points`.
        camera: the view's.
        view: (192, 192, 4) uint8 from `camera.render_view`; its alpha says what is background.
        template: the view's.
    """
    cell = CROP_SIZE / FLOW_GRID
    points = frontal.copy()
    points[:, :2] = (points[:, :2] + 0.5) / cell - 0.5
    index, weights, _ = _rasterise(mesh, points, FLOW_GRID)
    placed = aligned_points(mesh, camera, template)[0]
    placed[:, :2] += VIEW_MARGIN
    size = view.shape[0]
    _, _, depth = _rasterise(mesh, placed, size)
    x, y, z = np.moveaxis(
        interpolate(index, weights, mesh.triangles, placed.astype(np.float32)), -1, 0
    )
    surface = index >= 0
    column, row = (np.clip(np.rint(v).astype(np.intp), 0, size - 1) for v in (x, y))
    solid = cv2.erode(np.ascontiguousarray(view[..., 3]), np.ones((3, 3), np.uint8)) >= MIN_ALPHA
    inside = (x >= 1) & (y >= 1) & (x <= size - 2) & (y <= size - 2)
    seen = surface & inside & solid[row, column] & (z <= depth[row, column] + DEPTH_SLACK)
    limit = np.iinfo(np.int16).max
    flow = np.rint(np.clip(np.stack([x, y]) - VIEW_MARGIN, -500, 500) * FLOW_UNIT)
    visibility = np.where(seen, SEEN, np.where(surface, HIDDEN, NO_SURFACE))
    return Correspondence(
        np.clip(flow, -limit, limit).astype(np.int16), visibility.astype(np.uint8)
    )


def _rasterise(
    mesh: PortraitMesh, points: FloatArray, size: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    return rasterise(
        points.astype(np.float32),
        mesh.triangles,
        size,
        size,
        mesh.uv,
        mesh.alpha,
        mesh.first_cutout,
    )
