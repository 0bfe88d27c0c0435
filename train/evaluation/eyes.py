"""Eye opening of a frontal face, by MediaPipe's landmarks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import UInt8Array

from ..rendering.landmarks import IBUG_68, PortraitAnalyser

EYES: Final = np.array([IBUG_68[36:42], IBUG_68[42:48]])
"""Mesh points of each eye: corner, two of the upper lid, corner, two of the lower lid."""
TOLERANCE: Final = 0.3
"""Part of the true opening by which one that counts as right may differ."""
BORDER: Final = 64
"""px of repeated border around the picture: the face finder wants some room around a face."""

Opening = Callable[[UInt8Array], float]
"""(128, 128, 3) RGB uint8 to `opening`; NaN without a face."""


def opening(points: FloatArray) -> float:
    """Eye aspect ratio: height of the eyes by their width, mean of both.

    Source: Soukupova and Cech, "Real-Time Eye Blink Detection using Facial Landmarks", 2016.

    Args:
        points: (2, 6, 2) px, both eyes, in the order of `EYES`.
    """
    upper, lower = points[:, [1, 2]], points[:, [5, 4]]
    height = np.linalg.norm(upper - lower, axis=2).mean(axis=1)
    width = np.linalg.norm(points[:, 0] - points[:, 3], axis=1)
    return float((height / width).mean())


def by_landmarks(analyser: PortraitAnalyser) -> Opening:
    """`opening` of pictures, measured by a face mesh on the picture at twice its size."""

    def measured(picture: UInt8Array) -> float:
        edges = ((BORDER, BORDER), (BORDER, BORDER), (0, 0))
        wide = np.pad(picture, edges, mode="edge").repeat(2, axis=0).repeat(2, axis=1)
        found = analyser.landmarks(np.ascontiguousarray(wide[..., ::-1]))
        return float("nan") if found is None else opening(found[EYES, :2])

    return measured


def as_open(made: FloatArray, true: FloatArray) -> FloatArray:
    """(N,) 1 where the opening is within `TOLERANCE` of the true one, else 0; NaN without a truth.

    A result in which no face is found is 0.
    """
    with np.errstate(invalid="ignore"):
        right = (np.abs(made - true) <= TOLERANCE * true).astype(np.float64)
    return np.where(np.isnan(true), np.nan, right)
