"""Five landmarks from the 30 fiducials of CFP, which show one half of the face only.

Eye centre, mouth corner and nose tip are there for the half that is seen. The hidden eye and
corner lie across the middle line, level with the seen ones, as far away as the yaw leaves them.
How much that is follows from how far bridge, nose and upper lip stand out from the line through
eye and corner: on a mean head that distance is a constant times the cosine of the yaw plus
another times its sine, so both come from one least-squares fit. Nodding does not change it.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tpgan_sdk.errors import GeometryError
from tpgan_sdk.geometry import FloatArray

# Places among the 30, counted from 0. The eye's run around it, from the outer corner.
EYE: Final = slice(12, 18)
OUTER_CORNER, INNER_CORNER = 12, 15
NOSE_TIP: Final = 21
MOUTH_CORNER: Final = 25
_MIDDLE: Final = (18, 19, 20, 21, 22, 26)
"""Nose bridge from top to tip, below the nose, top of the upper lip."""

# Mean head of ICT-FaceKit (MIT) in units of its eye-mouth distance, from the middle of the eyes:
# height below and depth before it of `_MIDDLE`; half distances of eyes and corners; the corner.
_DROP: Final = np.array([-0.043, 0.115, 0.26, 0.432, 0.661, 0.843])
_DEPTH: Final = np.array([0.215, 0.327, 0.439, 0.547, 0.333, 0.372])
_HALF_EYES, _HALF_MOUTH, _MOUTH_DROP, _MOUTH_DEPTH = 0.463, 0.361, 0.991, 0.137


def five_points(fiducials: FloatArray) -> FloatArray:
    """
    Args:
        fiducials: (30, 2) px of a photo, profile or frontal.

    Returns:
        (5, 2) px in the order of `tpgan_sdk.geometry.LANDMARK_NAMES`.

    Raises:
        GeometryError: eye and mouth corner coincide.
    """
    eye, corner = fiducials[EYE].mean(axis=0), fiducials[MOUTH_CORNER]
    length = float(np.hypot(*(corner - eye)))
    if length < 1:
        raise GeometryError(
            "the eye and the mouth corner of the fiducials lie less than one pixel apart; expected "
            "30 points of a face"
        )
    down = (corner - eye) / length
    across = np.array([-down[1], down[0]])
    offsets = (fiducials[list(_MIDDLE)] - eye) @ across
    if offsets.sum() < 0:  # to the side of the nose
        across, offsets = -across, -offsets
    # The line runs from eye to corner, which lies nearer to the middle and further back.
    share = _DROP / _MOUTH_DROP
    inward = _HALF_EYES - _HALF_MOUTH
    columns = [_HALF_EYES - inward * share, _DEPTH - _MOUTH_DEPTH * share]
    (cos, sin), *_ = np.linalg.lstsq(np.column_stack(columns), offsets, rcond=None)
    cos = max(float(cos), 0.0)
    # That line leans by so much against the head's vertical, and offsets were measured across it.
    lean = math.asin(min(max((inward * cos + _MOUTH_DEPTH * float(sin)) / length, -1.0), 1.0))
    cos /= math.cos(lean)
    level = across * math.cos(lean) + down * math.sin(lean)
    points = np.array(
        [
            eye,
            eye + 2 * _HALF_EYES * cos * level,
            fiducials[NOSE_TIP],
            corner,
            corner + 2 * _HALF_MOUTH * cos * level,
        ]
    )
    seen_left = across[0] * down[1] - across[1] * down[0] > 0
    return points if seen_left else points[[1, 0, 2, 4, 3]]
