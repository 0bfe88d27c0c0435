"""Backgrounds: range, repeatability, and what is left of them behind the target."""

from __future__ import annotations

import numpy as np
import pytest

from train.data import background as made


@pytest.mark.parametrize("kind", ["plain", "scene"])
def test_backgrounds_differ_by_seed_and_repeat(kind: str) -> None:
    one, again, other = (getattr(made, kind)(np.random.default_rng(s), 96) for s in (1, 1, 2))
    assert one.shape == (96, 96, 3)
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 10


def test_range_and_mixture() -> None:
    other = np.random.default_rng(0).integers(0, 256, (160, 160, 4), dtype=np.uint8)
    edges = []
    for seed in range(60):
        picture = made.background(np.random.default_rng(seed), 160, other)
        assert picture.dtype == np.float32
        assert picture.min() >= 0
        assert picture.max() <= 255
        edges.append(np.abs(np.diff(picture.mean(axis=2), axis=1)).max())
    # Some are smooth, some have edges.
    assert min(edges) < 3
    assert max(edges) > 60


def test_a_borrowed_part_is_part_of_the_other_picture() -> None:
    """From a picture of one colour comes one colour, brighter or darker."""
    other = np.full((80, 80, 3), (50, 100, 150), np.uint8)
    picture = made.borrowed(np.random.default_rng(3), 64, other)
    assert np.ptp(picture.reshape(-1, 3), axis=0).max() < 1e-3
    gain = (picture[0, 0, 2] - picture[0, 0, 0]) / 100
    assert 0.4 <= gain <= 1.2


def test_softening_keeps_the_colour_and_loses_the_detail() -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(0, 255, (160, 160, 3)).astype(np.float32)
    soft = made.soften(noise)
    np.testing.assert_allclose(soft.mean(axis=(0, 1)), noise.mean(axis=(0, 1)), atol=3)
    assert soft.std(axis=(0, 1)).max() < 10
    assert noise.std() > 70
