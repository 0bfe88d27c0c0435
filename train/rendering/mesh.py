"""From a frontal portrait to a textured mesh of the whole head.

Three parts share the photo as texture. The *face* is a fine grid with MediaPipe's depth, scaled
to that of the fitted head and running into it along the border. The *head* is the fitted ICT
head, widened to the outline of the hair. The *rest* (long hair, shoulders) is a grid behind the
head's outline that the foreground mask cuts out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import Float32Array

from .hair import widen_to_hair
from .head import FACE_VERTICES, HeadModel, apply_depth, pose_angles
from .landmarks import FIVE_POINTS, OVAL
from .raster import IntArray, vertex_normals
from .texture import HiddenColours, extend_colours
from .texture_grid import (
    HEAD_UNTIL,
    PICTURE,
    SHEET_FROM,
    STEP,
    at_nodes,
    face_depth,
    grid_depth,
    rest_depth,
    sample,
    sheet,
)

# Cosine between normal and view axis at which the face sheet shows smooth skin, and the photo.
STEEP: Final = (0.05, 0.25)
# Distance inside the outline of the face, in picture px, from which on skin is skin; along the
# jaw the photo gives way to smooth skin within the second pair.
SKIN_FROM: Final = 16
JAW_BAND: Final = (6.0, 16.0)
# Pixels beside the outline of the face at which hair or neck is looked up for the nape.
BESIDE: Final = 14
COARSE: Final = 4
# Width of the mouth relative to the distance of the eyes: half of the portraits have more.
SMILE: Final = 0.9
# A photo this close to frontal is its own target; others are turned by their mesh.
PHOTO_TARGET_YAW: Final = 4.0
PHOTO_TARGET_PITCH: Final = 6.0


@dataclass(frozen=True, slots=True)
class PortraitMesh:
    """A person, upright and looking at the camera; unit: half a crop pixel."""

    vertices: Float32Array
    """(N, 3) x right, y down, z away; origin between the eyes."""
    triangles: IntArray
    """(T, 3)."""
    first_cutout: int
    """Triangles from here on are cut out by `alpha`."""
    normals: Float32Array
    """(N, 3)."""
    uv: Float32Array
    """(N, 2) pixels of `texture`."""
    fill: Float32Array
    """(N, 3) colour where the photo shows none."""
    confidence: Float32Array
    """(N,) 0 to 1, how much of the photo's colour to use."""
    texture: Float32Array
    """(416, 416, 3) BGR in [0, 255], continued beyond the outline."""
    alpha: Float32Array
    """(416, 416) in [0, 1]."""
    five: FloatArray
    """(5, 3) the five landmarks on the surface."""
    pose: tuple[float, float, float]
    """Yaw, pitch, roll of the photo in degrees, which the mesh is freed from."""
    depth_factor: float
    """Of MediaPipe's depth, see `head.HeadFit`."""

    @property
    def is_frontal(self) -> bool:
        """Whether the photo itself is the person's frontal target."""
        yaw, pitch, _ = self.pose
        return abs(yaw) <= PHOTO_TARGET_YAW and abs(pitch) <= PHOTO_TARGET_PITCH

    @property
    def smiles(self) -> bool:
        """Whether the mouth is drawn wide."""
        eyes, mouth = np.linalg.norm(self.five[[1, 4]] - self.five[[0, 3]], axis=1)
        return bool(mouth > SMILE * eyes)


def build_mesh(
    picture: Float32Array,
    alpha: Float32Array,
    points: FloatArray,
    head: HeadModel,
    hidden: HiddenColours,
) -> PortraitMesh:
    """Mesh of one aligned portrait.

    Args:
        picture: (416, 416, 3) float32 BGR; the crop begins at (80, 80), twice as large.
        alpha: (416, 416) float32 foreground in [0, 1].
        points: (478, 3) landmarks in picture px.
    """
    fit = head.fit(points)
    points = np.column_stack([points[:, :2], apply_depth(fit.depth_terms, points)])
    inside = _distance_inside(points)
    head_vertices = widen_to_hair(fit.vertices, head, alpha, inside)
    head_depth = grid_depth(head_vertices, head.triangles)
    depth = face_depth(points, head_depth, inside)
    face_vertices, face_triangles = sheet(depth, at_nodes(inside) > SHEET_FROM)
    rest_vertices, rest_triangles = sheet(*rest_depth(head_depth, alpha))
    head_triangles = _without_face(head, head_vertices, inside)

    trusted = cv2.erode((alpha > 0.9).astype(np.float32), np.ones((5, 5), np.uint8))
    texture = extend_colours(picture, np.asarray(trusted, dtype=np.float32))
    skin = _skin(picture, inside)
    beside = _beside(head_vertices, inside)
    head_fill = hidden.fill(
        sample(texture, head_vertices),
        sample(skin, head_vertices / COARSE),
        sample(texture, beside),
        sample(alpha[..., None], beside),
    )
    head_normals = vertex_normals(head_vertices, head.triangles)
    face_normals = vertex_normals(face_vertices, face_triangles)
    lobes = float(fit.vertices[head.landmarks[[2, 14]], 1].mean())
    corners = float(fit.vertices[head.landmarks[[3, 13]], 1].mean())
    face_confidence = _face_confidence(face_vertices, face_normals, inside, (lobes, corners))

    rest = len(rest_vertices)
    shift = (len(head_vertices), len(head_vertices) + len(face_vertices))
    vertices = np.concatenate([head_vertices, face_vertices, rest_vertices])
    normals = np.concatenate([head_normals, face_normals, np.tile((0.0, 0.0, -1.0), (rest, 1))])
    fill = [head_fill, sample(skin, face_vertices / COARSE), np.zeros((rest, 3))]
    confidence = [hidden.confidence, face_confidence, np.ones(rest)]
    triangles = [head_triangles, face_triangles + shift[0], rest_triangles + shift[1]]
    five = points[list(FIVE_POINTS)]
    five[:, 2] = sample(depth[..., None], (five - STEP // 2) / STEP)[:, 0]
    origin = five[:2].mean(axis=0)
    return PortraitMesh(
        vertices=((vertices - origin) @ fit.rotation).astype(np.float32),
        triangles=np.concatenate(triangles).astype(np.int32),
        first_cutout=len(head_triangles) + len(face_triangles),
        normals=(normals @ fit.rotation).astype(np.float32),
        uv=vertices[:, :2].astype(np.float32),
        fill=np.concatenate(fill).astype(np.float32),
        confidence=np.concatenate(confidence).astype(np.float32),
        texture=texture,
        alpha=alpha,
        five=(five - origin) @ fit.rotation,
        pose=pose_angles(fit.rotation),
        depth_factor=float(fit.depth_terms[0]),
    )


def _distance_inside(points: FloatArray) -> Float32Array:
    """(416, 416) distance to the outline of the face in px, zero outside."""
    mask = np.zeros((PICTURE, PICTURE), np.uint8)
    cv2.fillPoly(mask, [np.rint(points[list(OVAL), :2]).astype(np.int32)], 1)
    return np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5), dtype=np.float32)


def _skin(picture: Float32Array, inside: Float32Array) -> Float32Array:
    """(104, 104, 3) smooth colours of the face, continued beyond it; a quarter of the size."""
    size = (PICTURE // COARSE, PICTURE // COARSE)
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    trusted = np.asarray(
        cv2.resize((inside > SKIN_FROM).astype(np.float32), size), dtype=np.float32
    )
    smooth = cv2.GaussianBlur(extend_colours(small, trusted), (0, 0), 1)
    return np.asarray(smooth, dtype=np.float32)


def _beside(vertices: FloatArray, inside: Float32Array) -> FloatArray:
    """(V, 2) where the photo shows what lies beside the face at each vertex's height."""
    within = inside > 0
    rows = np.flatnonzero(within.any(axis=1))
    left = within.argmax(axis=1) - BESIDE
    right = PICTURE - 1 - within[:, ::-1].argmax(axis=1) + BESIDE
    row = np.clip(np.rint(vertices[:, 1]).astype(int), rows[0], rows[-1])
    middle = (left[row] + right[row]) / 2
    x = np.where(vertices[:, 0] < middle, left[row], right[row])
    return np.column_stack([x, row]).astype(np.float64)


def _face_confidence(
    vertices: FloatArray,
    normals: FloatArray,
    inside: Float32Array,
    heights: tuple[float, float],
) -> FloatArray:
    """(N,) 0 to 1: low where the sheet is steep, and along the jaw below `heights`."""
    facing = np.clip((-normals[:, 2] - STEEP[0]) / (STEEP[1] - STEEP[0]), 0.0, 1.0)
    distance = sample(inside[..., None], vertices)[:, 0]
    within = np.clip((distance - JAW_BAND[0]) / (JAW_BAND[1] - JAW_BAND[0]), 0.0, 1.0)
    below = np.clip((vertices[:, 1] - heights[0]) / (heights[1] - heights[0]), 0.0, 1.0)
    result: FloatArray = facing * (1.0 - below * (1.0 - within))
    return result


def _without_face(head: HeadModel, vertices: FloatArray, inside: Float32Array) -> IntArray:
    """The head's triangles without those that the face sheet stands for."""
    covered = sample(inside[..., None], vertices)[:, 0] > HEAD_UNTIL
    covered[FACE_VERTICES:] = False
    result: IntArray = head.triangles[~covered[head.triangles].all(axis=1)]
    return result
