"""Evaluation views: pictures of people, each with its five points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from tpgan_sdk import geometry
from tpgan_sdk.errors import GeometryError
from tpgan_sdk.geometry import CROP_SIZE, FloatArray, Template
from tpgan_sdk.images.resample import UInt8Array, to_uint8, warp

STEP: Final = 15
"""Degrees from one row of a table to the next."""
UNKNOWN: Final = -1
"""The row of pictures in which no face was found."""


def nearest_yaw(yaw: float) -> int:
    """Multiple of `STEP`, left and right together."""
    return UNKNOWN if math.isnan(yaw) else round(abs(yaw) / STEP) * STEP


@dataclass(frozen=True, slots=True)
class View:
    """One picture of one person."""

    key: str
    """Unique; for a file its path below the root, without the ending."""
    person: str
    picture: UInt8Array
    """(H, W, 3) RGB."""
    points: FloatArray | None
    """(5, 2) px, see `tpgan_sdk.geometry`; None: no face was found."""
    yaw: float
    """Degrees, positive looks to the right edge; NaN without points."""
    probe: bool = True
    """Whether it is frontalized, too; a gallery's picture stays as it is."""
    truth: UInt8Array | None = None
    """(128, 128, 3) RGB, the true frontal face: its own light, the picture's exposure."""
    photo: UInt8Array | None = None
    """(H, W, 3) RGB what the network is given, where that is more than `picture`."""
    offset: int = 0
    """Of `picture` in `photo`, px from the left and from the top."""


def aligned_face(view: View, template: Template) -> UInt8Array | None:
    """The face as the network sees it, (128, 128, 3) RGB, for figures.

    None where there are no points, or such as no face can have.
    """
    if view.points is None:
        return None
    try:
        transform = geometry.alignment_transform(view.points, template)
    except GeometryError:
        return None
    return to_uint8(warp(view.picture, transform, CROP_SIZE, CROP_SIZE))
