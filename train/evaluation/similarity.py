"""Similarity of two pictures (SSIM, PSNR) or two embeddings (cosine)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import UInt8Array

Vectors = npt.NDArray[np.floating]


def ssim(a: UInt8Array, b: UInt8Array) -> float:
    """Structural similarity of two (H, W, 3) pictures, mean over channels; 1: the same.

    Source: Wang et al., "Image quality assessment: from error visibility to structural
    similarity", TIP 2004, as scikit-image has it (7x7 windows).
    """
    from skimage.metrics import structural_similarity

    return float(structural_similarity(a, b, channel_axis=2, data_range=255))


def psnr(a: UInt8Array, b: UInt8Array) -> float:
    """Peak signal-to-noise ratio in dB; 99 for pictures that do not differ."""
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return min(10 * np.log10(255**2 / error), 99.0) if error > 0 else 99.0


def cosine(a: Vectors, b: Vectors) -> FloatArray:
    """Of the rows of two (N, D) arrays of unit vectors; NaN where a row is NaN."""
    result: FloatArray = np.sum(a.astype(np.float64) * b, axis=1)
    return result
