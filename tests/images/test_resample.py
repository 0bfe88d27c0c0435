"""The fast resampler against the float64 oracle, and the oracle against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from tpgan_sdk.images import resample


def transform(scale: float, angle: float, x: float, y: float) -> np.ndarray:
    cos, sin = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    return np.array([[cos, -sin, x], [sin, cos, y]])


@pytest.mark.parametrize("scale", [0.11, 0.25, 1 / 3, 0.5, 0.75, 1.0, 2.7])
@pytest.mark.parametrize("angle", [0.0, 31.0, -120.0])
def test_fast_equals_oracle(rng: np.random.Generator, scale: float, angle: float) -> None:
    frame = rng.integers(0, 256, (211, 307, 3), dtype=np.uint8)
    matrix = transform(scale, angle, 33.3, 21.7)
    fast = resample.warp(frame, matrix, 60, 50, -7, 4)
    np.testing.assert_allclose(
        fast, resample.warp_reference(frame, matrix, 60, 50, -7, 4), atol=0.02
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2)])
def test_tiny_frames_and_faces_outside_replicate_the_edge(
    rng: np.random.Generator, shape: tuple[int, int]
) -> None:
    frame = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    for matrix in (transform(1, 0, 500, -500), transform(0.4, 20, -90, 3)):
        fast = resample.warp(frame, matrix, 16, 16)
        np.testing.assert_allclose(fast, resample.warp_reference(frame, matrix, 16, 16), atol=0.02)


def test_identity_copies_and_whole_shifts_move() -> None:
    frame = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    np.testing.assert_array_equal(resample.warp_reference(frame, np.eye(2, 3), 4, 4), frame)
    shifted = resample.warp_reference(frame, np.eye(2, 3), 3, 4, left=1)
    np.testing.assert_array_equal(shifted, frame[:, 1:])


def test_shrinking_by_a_whole_number_is_the_mean_of_blocks() -> None:
    frame = np.arange(36, dtype=np.float64).reshape(6, 6, 1)
    # Block k covers pixels 3 k .. 3 k + 2, so its centre is 3 k + 1.
    matrix = np.array([[1 / 3, 0, -1 / 3], [0, 1 / 3, -1 / 3]])
    blocks = frame.reshape(2, 3, 2, 3, 1).mean(axis=(1, 3))
    np.testing.assert_allclose(resample.warp_reference(frame, matrix, 2, 2), blocks, atol=1e-9)


def test_a_ramp_stays_a_ramp() -> None:
    """Bilinear interpolation reproduces linear functions: half a pixel is half a step."""
    frame = np.tile(np.arange(20.0)[None, :, None], (5, 1, 1))
    moved = resample.warp_reference(frame, np.array([[1, 0, -0.5], [0, 1, 0.0]]), 10, 5)
    np.testing.assert_allclose(moved[..., 0], np.tile(np.arange(10) + 0.5, (5, 1)))


def test_rounding_is_to_the_nearest_level() -> None:
    values = np.array([-3.0, 0.4, 0.6, 254.6, 300.0])
    np.testing.assert_array_equal(resample.to_uint8(values), [0, 0, 1, 255, 255])
