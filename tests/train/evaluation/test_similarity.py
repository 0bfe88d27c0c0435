"""Figures of likeness against other libraries and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from train.evaluation.similarity import asymmetry, cosine, psnr, sharpness, ssim, ssim_in_face


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


def test_sharpness_is_the_laplacian_of_the_face(rng: np.random.Generator) -> None:
    ramp = np.repeat(np.arange(128, dtype=np.uint8)[None, :, None], 128, 0).repeat(3, 2)
    assert sharpness(ramp) == 0  # a slope has no second difference
    board = (np.indices((128, 128)).sum(0) % 2 * 10).astype(np.uint8)[..., None].repeat(3, 2)
    assert sharpness(board) == 40  # every neighbour is 10 away
    outside = ramp.copy()
    outside[:5] = outside[-5:] = outside[:, :17] = outside[:, -17:] = 0
    assert sharpness(outside) == 0  # what lies beyond the face does not count


def test_asymmetry_is_the_distance_to_the_mirror_image(rng: np.random.Generator) -> None:
    half = rng.integers(0, 200, (128, 64, 3)).astype(np.uint8)
    mirrored = np.concatenate([half, half[:, ::-1]], axis=1)
    assert asymmetry(mirrored) == 0
    mirrored[:, 64:] += 7
    assert asymmetry(mirrored) == pytest.approx(7)


def test_ssim_in_the_face_leaves_out_the_rest(rng: np.random.Generator) -> None:
    a = rng.integers(0, 256, (128, 128, 3)).astype(np.uint8)
    b = a.copy()
    b[:3, :, :] = b[:, :10] = 0
    assert ssim_in_face(a, b) == pytest.approx(1)
    assert ssim(a, b) < 0.95
    b[50:70, 50:70] = 0
    assert ssim_in_face(a, b) < 0.98
