"""Similarity of two pictures or embeddings; sharpness and asymmetry of one picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tpgan_sdk.geometry import CROP_SIZE, FloatArray
from tpgan_sdk.images.resample import UInt8Array

Vectors = npt.NDArray[np.floating]


def ssim(a: UInt8Array, b: UInt8Array) -> float:
    """Structural similarity of two (H, W, 3) pictures, mean over channels; 1: the same.

    Source: Wang et al., "Image quality assessment: from error visibility to structural
    similarity", TIP 2004, as scikit-image has it (7x7 windows).
    """
    from skimage.metrics import structural_similarity

    return float(structural_similarity(a, b, channel_axis=2, data_range=255))


def ssim_in_face(a: UInt8Array, b: UInt8Array) -> float:
    """`ssim` of two (128, 128, 3) frontal faces, mean over the face alone."""
    from skimage.metrics import structural_similarity

    _, each = structural_similarity(a, b, channel_axis=2, data_range=255, full=True)
    return float(each[_face()].mean())


def sharpness(picture: UInt8Array) -> float:
    """Mean absolute Laplacian of a (128, 128, 3) frontal face within the face, grey levels."""
    grey = picture.astype(np.float64).mean(axis=2)
    inner = grey[1:-1, 1:-1]
    laplacian = 4 * inner - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    return float(np.abs(laplacian)[_face()[1:-1, 1:-1]].mean())


def asymmetry(picture: UInt8Array) -> float:
    """Mean absolute difference of a (128, 128, 3) frontal face to its mirror image, grey levels."""
    values = picture.astype(np.float64)
    return float(np.abs(values - values[:, ::-1]).mean(axis=2)[_face()].mean())


def _face() -> npt.NDArray[np.bool_]:
    """(128, 128): an upright ellipse from the forehead to the chin of the frontal template."""
    axis = np.arange(CROP_SIZE) - (CROP_SIZE - 1) / 2
    inside: npt.NDArray[np.bool_] = (axis / 46) ** 2 + (axis[:, None] / 58) ** 2 <= 1
    return inside


def psnr(a: UInt8Array, b: UInt8Array) -> float:
    """Peak signal-to-noise ratio in dB; 99 for pictures that do not differ."""
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return min(10 * np.log10(255**2 / error), 99.0) if error > 0 else 99.0


def cosine(a: Vectors, b: Vectors) -> FloatArray:
    """Of the rows of two (N, D) arrays of unit vectors; NaN where a row is NaN."""
    result: FloatArray = np.sum(a.astype(np.float64) * b, axis=1)
    return result
