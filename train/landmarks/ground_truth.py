"""Ground truth of landmarks: held-out rendered views, and annotated photos."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from tpgan_sdk import geometry
from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import UInt8Array
from train.data.detector_errors import show
from train.data.fiducials import EYE, INNER_CORNER, MOUTH_CORNER, NOSE_TIP, OUTER_CORNER
from train.data.shards import VIEW_MARGIN

from .views import MARGIN, read_views

# Edges of the bands of yaw, in degrees.
BANDS: Final = (0, 30, 60, 75, 91)


@dataclass(frozen=True, slots=True)
class GroundTruth:
    """What is known of one face."""

    image: UInt8Array
    """(H, W, 3) BGR."""
    points: FloatArray
    """(5, 2) px, NaN where unknown."""
    pose: FloatArray
    """(3,) degrees, NaN where unknown."""
    length: float
    """Px from eyes to mouth."""
    group: str


def rendered(folder: Path, seed: int = 0) -> Iterator[GroundTruth]:
    """Held-out rendered views in larger pictures, half of them mirrored; no photos."""
    for number, views in enumerate(read_views(folder)):
        for row in np.flatnonzero(~views.photo):
            rng = np.random.default_rng((seed, number, int(row)))
            image, origin = show(views.images[row], rng)
            points = views.landmarks[row] + origin + (MARGIN - VIEW_MARGIN)
            pose = views.poses[row].copy()
            yaw = abs(pose[0])
            group = next(f"{a}-{b}" for a, b in pairwise(BANDS) if yaw < b)
            if rng.random() < 0.5:
                image = np.ascontiguousarray(image[:, ::-1])
                points = geometry.mirror_landmarks(points, image.shape[1])
                pose *= (-1.0, 1.0, -1.0)
            yield GroundTruth(image, points, pose, eye_to_mouth(points), group)


def eye_to_mouth(points: FloatArray) -> float:
    """Px from the middle of the eyes to the middle of the mouth."""
    return float(np.linalg.norm(points[3:].mean(axis=0) - points[:2].mean(axis=0)))


def photographed(folder: Path) -> Iterator[GroundTruth]:
    """Photos in the layout of CFP with its 30 fiducials, from the front and from the side.

    Only one eye, the nose and one mouth corner are annotated.
    """
    for kind in ("frontal", "profile"):
        for path in sorted((folder / "Data" / "Images").glob(f"*/{kind}/*.jpg")):
            marks = folder / "Data" / "Fiducials" / path.parts[-3] / kind / f"{path.stem}.txt"
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is None or not marks.is_file():
                continue
            found = np.loadtxt(marks, delimiter=",")
            points = fiducial_points(found)
            length = float(np.linalg.norm(found[EYE].mean(axis=0) - found[MOUTH_CORNER]))
            yield GroundTruth(image.astype(np.uint8), points, np.full(3, np.nan), length, kind)


def fiducial_points(fiducials: FloatArray) -> FloatArray:
    """(5, 2) landmarks of (30, 2) fiducials; NaN on the side that is not annotated."""
    points = np.full((5, 2), np.nan)
    right = fiducials[OUTER_CORNER, 0] > fiducials[INNER_CORNER, 0]
    points[1 if right else 0] = fiducials[EYE].mean(axis=0)
    points[2] = fiducials[NOSE_TIP]
    points[4 if right else 3] = fiducials[MOUTH_CORNER]
    return points
