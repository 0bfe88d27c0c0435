"""The ICT head: its shape fitted to the landmarks of one portrait.

Frame: x right, y down, z away from the camera (right-handed), as MediaPipe's.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray

from .landmarks import IBUG_68

SURFACE_VERTICES: Final = 11248
"""Vertices 0..11247 are skin and scalp; eyes, teeth and lashes follow."""
FACE_VERTICES: Final = 9409
"""Vertices 0..9408 are the face, mouth cavity and front of the neck included."""
MODES: Final = 30
MODEL_FILE: Final = "ict_facekit_neutral_identity.npz"
INDEX_FILE: Final = "vertex_indices.json"

# Spread of a landmark around the shape model (expression included), in the model's centimetres.
LANDMARK_SPREAD: Final = 0.3
# The jaw line of a photo is an occluding contour: it binds the model less, and not in depth.
JAW: Final = slice(0, 17)
JAW_WEIGHT: Final = 0.2
DEPTH_RANGE: Final = (0.5, 1.0)


def find_model(path: Path | None = None) -> Path:
    """Folder of the head model: `path`, or `data/ict-facekit` of the shared folder.

    Raises:
        TrainingError: the files are not there.
    """
    if path is None:
        shared = os.environ.get("TPGAN_SHARED")
        root = Path(shared) if shared else Path(__file__).resolve().parents[3] / "shared"
        path = root / "data" / "ict-facekit"
    missing = [name for name in (MODEL_FILE, INDEX_FILE) if not (path / name).is_file()]
    if missing:
        raise TrainingError(
            f"no head model in {path} ({', '.join(missing)} missing); give the folder of the ICT "
            "face model with --head, or set TPGAN_SHARED to a folder that has data/ict-facekit"
        )
    return path


@dataclass(frozen=True, slots=True)
class HeadFit:
    """The head in the picture of one portrait."""

    vertices: FloatArray
    """(11248, 3) picture px."""
    rotation: FloatArray
    """(3, 3) from an upright head that looks at the camera to this one."""
    depth_terms: FloatArray
    """(4,) from MediaPipe's z, x, y and 1 to the depth of this head, see `apply_depth`."""
    scale: float
    """Picture px a centimetre of the model."""


class HeadModel:
    """Neutral head, 30 identity modes, and a warp that makes the fit exact at the landmarks.

    Args:
        path: folder of the model; None looks in the shared folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        folder = find_model(path)
        axes = np.array([1.0, -1.0, -1.0])  # the model has y up and z towards the viewer
        with np.load(folder / MODEL_FILE) as data:
            self.vertices: FloatArray = data["vertices"][:SURFACE_VERTICES].astype(np.float64)
            modes = data["identity_modes"][:MODES, :SURFACE_VERTICES].astype(np.float64)
            quads = data["faces"]
        self.vertices *= axes
        self.modes: FloatArray = modes * axes
        quads = quads[(quads < SURFACE_VERTICES).all(axis=1) & (quads >= 0).all(axis=1)]
        self.triangles: npt.NDArray[np.int32] = np.concatenate(
            [quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]
        ).astype(np.int32)
        index: Any = json.loads((folder / INDEX_FILE).read_text())
        self.landmarks: npt.NDArray[np.int64] = np.asarray(index["idx_to_landmark_verts"])
        self._warp = _warp_matrix(self.vertices[self.landmarks], self.vertices)

    def fit(self, points: FloatArray) -> HeadFit:
        """Pose, shape and depth scale from a portrait's (478, 3) landmarks in picture px."""
        target = points[list(IBUG_68)]
        weights = np.ones(len(target))
        weights[JAW] = JAW_WEIGHT
        mean, modes = self.vertices[self.landmarks], self.modes[:, self.landmarks]
        shape = mean
        coefficients = np.zeros(MODES)
        for _ in range(3):
            rotation, scale, shift = fit_weak_perspective(shape, target[:, :2], weights)
            fitted = scale * shape @ rotation.T + shift
            depth = _depth_terms(target[17:], fitted[17:, 2])
            goal = np.column_stack([target[:, :2], apply_depth(depth, target)])
            residual = (goal - shift) @ rotation / scale - mean
            coefficients = _ridge(modes, residual, weights)
            shape = mean + np.tensordot(coefficients, modes, 1)
        vertices = self.vertices + np.tensordot(coefficients, self.modes, 1)
        vertices = scale * vertices @ rotation.T + shift
        offset = goal - vertices[self.landmarks]
        offset[JAW, 2] = offset[17:, 2].mean()
        return HeadFit(vertices + self._warp @ offset, rotation, depth, scale)


def pose_angles(rotation: FloatArray) -> tuple[float, float, float]:
    """Yaw, pitch and roll in degrees of a (3, 3) rotation = roll @ pitch @ yaw.

    Positive yaw looks towards the right edge, positive pitch up, positive roll is clockwise.
    """
    yaw = np.arctan2(rotation[2, 0], rotation[2, 2])
    pitch = np.arcsin(np.clip(-rotation[2, 1], -1.0, 1.0))
    roll = np.arctan2(-rotation[0, 1], rotation[1, 1])
    return float(np.degrees(yaw)), float(np.degrees(pitch)), float(np.degrees(roll))


def fit_weak_perspective(
    shape: FloatArray, target: FloatArray, weights: FloatArray
) -> tuple[FloatArray, float, FloatArray]:
    """Pose of a known shape from a picture of it: target ~ scale * (shape @ rotation.T) + shift.

    Only the picture's x and y decide. MediaPipe's own depth would, too, but it understates how
    far a head is turned.

    Args:
        shape: (N, 3); target: (N, 2) px; weights: (N,).

    Returns:
        (3, 3) rotation, scale and (3,) shift, the last with z = 0.
    """
    share = weights / weights.sum()
    shape_mean, target_mean = share @ shape, share @ target
    root = np.sqrt(share)[:, None]
    affine = np.linalg.lstsq((shape - shape_mean) * root, (target - target_mean) * root, -1)[0].T
    u, singular, vt = np.linalg.svd(affine, full_matrices=False)
    rows = u @ vt
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])])
    scale = float(singular.mean())
    shift = -scale * rotation @ shape_mean
    return rotation, scale, np.array([*(shift[:2] + target_mean), 0.0])


def _depth_terms(points: FloatArray, depth: FloatArray) -> FloatArray:
    """(4,) factors of z, x, y and 1 that bring MediaPipe's points closest to a fitted depth."""
    columns = np.column_stack([points[:, 2], points[:, 0], points[:, 1], np.ones(len(points))])
    result = np.asarray(np.linalg.lstsq(columns, depth, rcond=None)[0], dtype=np.float64)
    if not DEPTH_RANGE[0] <= result[0] <= DEPTH_RANGE[1]:
        factor = float(np.clip(result[0], *DEPTH_RANGE))
        rest = np.linalg.lstsq(columns[:, 1:], depth - factor * points[:, 2], rcond=None)[0]
        result = np.array([factor, *rest])
    return result


def apply_depth(terms: FloatArray, points: FloatArray) -> FloatArray:
    """(N,) depth of (N, 3) MediaPipe points in the frame of the fitted head."""
    result: FloatArray = (
        terms[0] * points[:, 2] + terms[1] * points[:, 0] + terms[2] * points[:, 1] + terms[3]
    )
    return result


def _ridge(modes: FloatArray, residual: FloatArray, weights: FloatArray) -> FloatArray:
    """Coefficients of the (K, L, 3) modes for a (L, 3) residual, prior of unit spread."""
    root = np.sqrt(np.repeat(weights, 3)) / LANDMARK_SPREAD
    matrix = modes.reshape(len(modes), -1) * root
    normal = matrix @ matrix.T + np.eye(len(modes))
    solution = np.linalg.solve(normal, matrix @ (residual.reshape(-1) * root))
    return np.asarray(solution, dtype=np.float64)


def _warp_matrix(centres: FloatArray, points: FloatArray) -> FloatArray:
    """(V, L) matrix from displacements at `centres` to displacements at `points`.

    Interpolates with the kernel r and a constant, which levels off far from the face.
    """
    count = len(centres)
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = np.linalg.norm(centres[:, None] - centres, axis=2)
    system[count, count] = 0.0
    kernel = np.linalg.norm(points[:, None] - centres, axis=2)
    basis = np.column_stack([kernel, np.ones(len(points))])
    result: FloatArray = (basis @ np.linalg.inv(system))[:, :count]
    return result
