"""Figures of likeness against other libraries and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from train.evaluation.similarity import cosine, psnr, ssim


def test_psnr_is_that_of_scikit_image(rng: np.random.Generator) -> None:
    a, b = rng.integers(0, 256, (2, 32, 40, 3)).astype(np.uint8)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b))
    assert psnr(a, a) == 99
    plain = np.zeros((8, 8, 3), np.uint8)
    assert psnr(plain, plain + 1) == pytest.approx(20 * np.log10(255))


def test_ssim_of_flat_pictures_has_a_closed_form() -> None:
    # Without structure only the luminance term is left, with C1 = (0.01 * 255)^2.
    a, b = (np.full((32, 32, 3), level, np.uint8) for level in (100, 140))
    c1 = (0.01 * 255) ** 2
    assert ssim(a, b) == pytest.approx((2 * 100 * 140 + c1) / (100**2 + 140**2 + c1), abs=1e-6)
    assert ssim(a, a) == pytest.approx(1)


def test_cosine_goes_row_by_row() -> None:
    a = np.array([[1, 0], [0.6, 0.8], [np.nan, np.nan]], np.float32)
    b = np.array([[0, 1], [1, 0], [1, 0]], np.float32)
    np.testing.assert_allclose(cosine(a, b), [0, 0.6, np.nan], atol=1e-7)
