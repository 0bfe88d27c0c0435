"""Face geometry: template, alignment, patch boxes, mirroring, yaw.

This is the only place that knows these numbers. Training, export, the SDK and the native
code all take them from here. NumPy only.

Conventions
-----------
* Points are ``(x, y)`` in pixels; the centre of the first pixel is ``(0, 0)``.
* Five landmarks, in this order: left eye, right eye, nose tip, left mouth corner, right mouth
  corner. *Left* is the left of the **picture**, as in insightface.
* A transform is a 2x3 float64 matrix that maps frame pixels to crop pixels.
* Yaw is in degrees; **positive when the face looks towards the right edge of the picture**, so
  that its occluded side is on the right. The network only ever sees yaw >= 0: a face with
  negative yaw is mirrored before it and mirrored back after it.

Source: Huang et al., "Beyond Face Rotation", ICCV 2017, and its published code, whose five
canonical points count pixels from one. Taken from zero they put the eye centre at (64, 40) and
the mouth centre 48 px below, which is exactly the published alignment rule, and the published
paste boxes are the patches cut around them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .errors import GeometryError

FloatArray = npt.NDArray[np.float64]

CROP_SIZE: Final = 128
"""Width and height of an aligned crop, of the network's input face and of its output, in px."""

LANDMARK_NAMES: Final = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
MIRROR_ORDER: Final = (1, 0, 2, 4, 3)
"""Landmark that takes each place when the picture is mirrored."""

# Between these two ratios of eye distance to eye-mouth distance the roll is blended from the eye
# line (wide apart: reliable) to the eye-mouth axis (eyes nearly coincide: the line is noise).
# A frontal face has 0.89 to 0.97; the bounds correspond to about 62 and 75 degrees of yaw.
EYE_LINE_ABOVE: Final = 0.45
AXIS_BELOW: Final = 0.25

# Mean face in units of the eye-mouth distance: distance of the eyes (template), and how far the
# nose tip stands out from the eye-mouth axis. Only their ratio matters; it was fitted on 417
# rendered heads at 0 to 90 degrees, where the yaw is then off by 1.2 degrees on average.
EYE_SPAN: Final = 42.84 / 48.0
NOSE_DEPTH: Final = 0.445

# Landmarks further than this outside the aligned crop belong to no face aligned by this rule.
MAX_OVERHANG: Final = 64


@dataclass(frozen=True, slots=True)
class PatchSpec:
    """One local pathway's window: size in px and the landmarks whose mean it is cut around."""

    name: str
    width: int
    height: int
    anchors: tuple[int, ...]


PATCHES: Final = (
    PatchSpec("left_eye", 40, 40, (0,)),
    PatchSpec("right_eye", 40, 40, (1,)),
    PatchSpec("nose", 40, 32, (2,)),
    PatchSpec("mouth", 48, 32, (3, 4)),
)


@dataclass(frozen=True, slots=True)
class Template:
    """Where the five points of a frontal face lie in the crop (px, counted from zero)."""

    name: str
    points: tuple[tuple[float, float], ...]
    eye_center: tuple[float, float]
    eye_to_mouth: float

    def paste_boxes(self) -> tuple[tuple[int, int], ...]:
        """(left, top) of the four patches on the frontal map, in the order of `PATCHES`."""
        return patch_origins(np.asarray(self.points))


OFFICIAL: Final = Template(
    name="official",
    points=((42.58, 40.00), (85.42, 40.00), (63.12, 63.75), (46.59, 87.86), (81.59, 88.11)),
    eye_center=(64.0, 40.0),
    eye_to_mouth=48.0,
)
SEED: Final = Template(
    name="seed",
    points=((38.48, 39.28), (84.96, 37.71), (62.64, 62.65), (44.67, 88.96), (82.90, 87.69)),
    eye_center=(61.72, 38.495),
    eye_to_mouth=49.83,
)
TEMPLATES: Final = {template.name: template for template in (OFFICIAL, SEED)}


def check_landmarks(landmarks: npt.ArrayLike) -> FloatArray:
    """Five finite points as a (5, 2) float64 array.

    Raises:
        GeometryError: wrong shape, or a coordinate that is NaN or infinite.
    """
    try:
        points = np.asarray(landmarks, dtype=np.float64)
    except (TypeError, ValueError):
        raise GeometryError(
            "landmarks are not numbers; expected (5, 2): x and y of " + ", ".join(LANDMARK_NAMES)
        ) from None
    if points.shape != (5, 2):
        raise GeometryError(
            f"landmarks have shape {points.shape}; expected (5, 2): x and y of "
            + ", ".join(LANDMARK_NAMES)
        )
    if not np.isfinite(points).all():
        bad = [n for n, p in zip(LANDMARK_NAMES, points, strict=True) if not np.isfinite(p).all()]
        raise GeometryError(f"landmarks hold NaN or infinity ({', '.join(bad)}); expected pixels")
    return points


def mirror_landmarks(landmarks: npt.ArrayLike, width: int) -> FloatArray:
    """The landmarks of the mirrored picture, left and right swapped. `width` in px."""
    points = check_landmarks(landmarks)[list(MIRROR_ORDER)]
    points[:, 0] = (width - 1) - points[:, 0]
    return points


def fit_similarity(source: npt.ArrayLike, target: npt.ArrayLike) -> FloatArray:
    """Least-squares rotation, uniform scale and shift from `source` to `target` points.

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", PAMI 1991. Never mirrors.

    Args:
        source, target: (N, 2) points in px, N >= 2.

    Returns:
        (2, 3) float64 transform.

    Raises:
        GeometryError: the source points coincide.
    """
    src = np.asarray(source, dtype=np.float64)
    dst = np.asarray(target, dtype=np.float64)
    src_mean, dst_mean = src.mean(axis=0), dst.mean(axis=0)
    a, b = src - src_mean, dst - dst_mean
    spread = float((a * a).sum())
    if spread < 1e-12:
        raise GeometryError("all points coincide; a similarity needs two that differ")
    # In two dimensions the optimal rotation has a closed form: one complex division.
    cos = float((a * b).sum()) / spread
    sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / spread
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([linear, dst_mean - linear @ src_mean])


def apply_transform(transform: FloatArray, points: npt.ArrayLike) -> FloatArray:
    """(N, 2) points mapped by a (2, 3) transform."""
    result: FloatArray = np.asarray(points, dtype=np.float64) @ transform[:, :2].T + transform[:, 2]
    return result


def enlarge_transform(transform: FloatArray, scale: float) -> FloatArray:
    """The (2, 3) transform to a crop `scale` times as large, pixel centres at whole numbers."""
    larger = transform * scale
    larger[:, 2] += (scale - 1) / 2
    return larger


def invert_transform(transform: FloatArray) -> FloatArray:
    """The (2, 3) transform that undoes this one."""
    inverse = np.linalg.inv(transform[:, :2])
    return np.column_stack([inverse, -inverse @ transform[:, 2]])


def mirror_crop_transform(transform: FloatArray) -> FloatArray:
    """The transform followed by a mirror of the crop (x becomes 127 - x)."""
    result = transform.copy()
    result[0] *= -1.0
    result[0, 2] += CROP_SIZE - 1
    return result


def mirror_frame_transform(transform: FloatArray, width: int) -> FloatArray:
    """The same crop, taken from the mirrored frame of `width` px."""
    result = transform.copy()
    result[:, 2] += result[:, 0] * (width - 1)
    result[:, 0] *= -1.0
    return result


def _face_axes(points: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Eye centre, eye-to-mouth vector and the ratio of eye distance to its length (signed)."""
    eyes = (points[0] + points[1]) / 2
    axis = (points[3] + points[4]) / 2 - eyes
    length_squared = float(axis @ axis)
    if length_squared < 1.0:
        raise GeometryError(
            "the middle of the eyes and the middle of the mouth lie less than one pixel apart; "
            "expected the landmarks of a face"
        )
    eye_line = points[1] - points[0]
    ratio = float(eye_line[0] * axis[1] - eye_line[1] * axis[0]) / length_squared
    return eyes, axis, ratio


def alignment_transform(landmarks: npt.ArrayLike, template: Template = OFFICIAL) -> FloatArray:
    """The published alignment: eyes level, mouth a fixed distance below, eye centre fixed.

    The distance of the eyes plays no part, because it shrinks with yaw. Where the eyes nearly
    coincide their line says nothing about the roll, and the eye-mouth axis is made vertical.

    Args:
        landmarks: (5, 2) frame pixels of a face whose occluded side is on the right.
        template: gives eye centre and eye-mouth distance in the crop.

    Returns:
        (2, 3) float64, frame to crop.

    Raises:
        GeometryError: landmarks are not finite, coincide, or cannot be a face.
    """
    eyes, axis, ratio = _face_axes(check_landmarks(landmarks))
    axis_roll = math.atan2(-axis[0], axis[1])
    line = np.asarray(landmarks, dtype=np.float64)[1] - np.asarray(landmarks, dtype=np.float64)[0]
    line_roll = math.atan2(line[1], line[0])
    weight = min(max((ratio - AXIS_BELOW) / (EYE_LINE_ABOVE - AXIS_BELOW), 0.0), 1.0)
    # Blend the difference, wrapped to half a turn, so that upside-down faces blend as well.
    difference = math.remainder(line_roll - axis_roll, 2 * math.pi)
    roll = axis_roll + weight * difference
    cos, sin = math.cos(roll), math.sin(roll)
    drop = cos * axis[1] - sin * axis[0]
    if drop < 1.0:
        raise GeometryError(
            "the mouth does not lie below the eyes once these are level; expected the landmarks "
            "in the order " + ", ".join(LANDMARK_NAMES)
        )
    scale = template.eye_to_mouth / drop
    linear = scale * np.array([[cos, sin], [-sin, cos]])
    return np.column_stack([linear, np.asarray(template.eye_center) - linear @ eyes])


def estimate_yaw(landmarks: npt.ArrayLike) -> float:
    """Yaw in degrees from five points; positive: looks towards the right edge of the picture.

    The distance of the eyes shrinks with the cosine of the yaw and the nose tip moves out from
    the eye-mouth axis with its sine; both are measured in units of the eye-mouth distance, so
    scale, position and roll play no part. Mirroring a face negates its yaw.
    """
    points = check_landmarks(landmarks)
    eyes, axis, ratio = _face_axes(points)
    nose = points[2] - eyes
    offset = float(nose[0] * axis[1] - nose[1] * axis[0]) / float(axis @ axis)
    return math.degrees(math.atan2(offset / NOSE_DEPTH, ratio / EYE_SPAN))


def patch_origins(landmarks: npt.ArrayLike) -> tuple[tuple[int, int], ...]:
    """(left, top) of the four patches around these landmarks, whole pixels of the crop's grid.

    One rule for the input's patches and for the paste boxes: the centre minus half the size,
    rounded half up. It reproduces the published boxes of both templates.

    Args:
        landmarks: (5, 2) **crop** pixels.

    Raises:
        GeometryError: a patch would lie further than `MAX_OVERHANG` px outside the crop.
    """
    points = check_landmarks(landmarks)
    origins = []
    for patch in PATCHES:
        center = points[list(patch.anchors)].mean(axis=0)
        left = math.floor(center[0] - patch.width / 2 + 0.5)
        top = math.floor(center[1] - patch.height / 2 + 0.5)
        inside = (
            -MAX_OVERHANG <= left <= CROP_SIZE + MAX_OVERHANG - patch.width
            and -MAX_OVERHANG <= top <= CROP_SIZE + MAX_OVERHANG - patch.height
        )
        if not inside:
            raise GeometryError(
                f"the {patch.name} landmark lies at ({center[0]:.0f}, {center[1]:.0f}) of the "
                f"128x128 crop, further than a patch can reach; expected landmarks of one face "
                "in crop pixels"
            )
        origins.append((left, top))
    return tuple(origins)
