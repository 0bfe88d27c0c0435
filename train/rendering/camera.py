"""One view of a mesh: pose, perspective, and alignment by the SDK's own rule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from tpgan_sdk import geometry
from tpgan_sdk.geometry import CROP_SIZE, OFFICIAL, FloatArray, Template
from tpgan_sdk.images.resample import UInt8Array, to_uint8

from ..data.shards import VIEW_MARGIN
from .light import Light, illuminate
from .mesh import PortraitMesh
from .raster import rasterise, shade
from .texture_grid import SCALE

FAR: Final = 1e6
"""Camera distance that makes a view orthographic."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Where a view is taken from. Angles in degrees."""

    yaw: float
    """Positive: the face looks towards the right edge."""
    pitch: float = 0.0
    """Positive: the face looks up."""
    roll: float = 0.0
    """Positive: clockwise in the picture."""
    distance: float = 24.0
    """From the eyes, in eye-to-mouth distances (about 7 cm)."""

    def rotation(self) -> FloatArray:
        """(3, 3) roll @ pitch @ yaw; x right, y down, z away."""
        (cy, sy), (cp, sp), (cr, sr) = (
            (math.cos(a), math.sin(a)) for a in map(math.radians, (self.yaw, self.pitch, self.roll))
        )
        yaw = np.array([[cy, 0.0, -sy], [0.0, 1.0, 0.0], [sy, 0.0, cy]])
        pitch = np.array([[1.0, 0.0, 0.0], [0.0, cp, sp], [0.0, -sp, cp]])
        roll = np.array([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]])
        result: FloatArray = roll @ pitch @ yaw
        return result

    def project(self, points: FloatArray) -> FloatArray:
        """(N, 3) points turned and in perspective; what lies at the eyes keeps its size."""
        turned = points @ self.rotation().T
        distance = self.distance * OFFICIAL.eye_to_mouth * SCALE
        nearness = distance / (distance + turned[:, 2])
        for k in (0, 1):  # column by column: broadcasting over rows of two is slow
            turned[:, k] *= nearness
        return turned


@dataclass(frozen=True, slots=True)
class View:
    """One rendered view, aligned on its exact landmarks."""

    image: UInt8Array
    """(192, 192, 4) BGR and alpha, premultiplied; the crop begins at (32, 32)."""
    landmarks: FloatArray
    """(5, 2) crop px: exact, also where they are hidden."""


def aligned_points(
    mesh: PortraitMesh, camera: Camera, template: Template = OFFICIAL
) -> tuple[FloatArray, FloatArray]:
    """(N, 3) vertices as the camera sees them and (5, 2) exact landmarks, in crop px.

    z keeps the mesh's unit. The alignment is the SDK's, on the landmarks in this view.
    """
    points = camera.project(mesh.vertices.astype(np.float64))
    five = camera.project(mesh.five)[:, :2]
    transform = geometry.alignment_transform(five, template)
    points[:, :2] = points[:, :2] @ transform[:, :2].T + transform[:, 2]
    return points, geometry.apply_transform(transform, five)


def render_view(
    mesh: PortraitMesh,
    camera: Camera,
    light: Light | None = None,
    template: Template = OFFICIAL,
    margin: int = VIEW_MARGIN,
) -> View:
    """One view of a mesh.

    Args:
        mesh: from `mesh.build_mesh`.
        camera: its yaw should not be negative: mirror the portrait instead.
        light: None leaves the photo's.
        template: where eyes and mouth are put.
        margin: crop px around the 128x128 crop.
    """
    light = light or Light()
    # The alignment is part of the projection: nothing is resampled twice.
    points, landmarks = aligned_points(mesh, camera, template)
    points[:, :2] = (points[:, :2] + margin) * SCALE + (SCALE - 1) / 2
    size = (CROP_SIZE + 2 * margin) * SCALE
    index, weights, _ = rasterise(
        points.astype(np.float32),
        mesh.triangles,
        size,
        size,
        mesh.uv,
        mesh.alpha,
        mesh.first_cutout,
    )
    turn = camera.rotation().T.astype(np.float32)
    lit = illuminate(
        light,
        mesh.vertices @ turn,
        mesh.normals @ turn,
        mesh.triangles,
        mesh.first_cutout,
        mesh.uv,
        mesh.alpha,
    )
    image = shade(
        index,
        weights,
        mesh.triangles,
        mesh.uv,
        mesh.texture,
        mesh.fill,
        mesh.confidence,
        lit.factor,
        lit.highlight,
        SCALE,
    )
    return View(to_uint8(image), landmarks)
