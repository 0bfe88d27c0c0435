"""Intervals over people: a known mean is covered, and people, not views, are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from train.evaluation.bootstrap import compare, draws, interval, means


def test_a_draw_has_as_many_people_as_there_are() -> None:
    drawn = draws(40, 500, seed=3)
    assert drawn.shape == (500, 40)
    assert (drawn.sum(axis=1) == 40).all()
    assert drawn.mean() == 1
    # The chance to be left out of a draw is (1 - 1/n)^n.
    assert (drawn == 0).mean() == pytest.approx((1 - 1 / 40) ** 40, abs=0.01)
    assert (draws(40, 500, seed=3) == drawn).all()
    assert (draws(40, 500, seed=4) != drawn).any()


def test_95_percent_of_the_intervals_cover_the_mean() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(300):
        values = rng.normal(5, 2, 200)
        found = interval(values.mean(), means(values, np.arange(200), draws(200, 400, trial)))
        covered += found.low <= 5 <= found.high
    assert 0.90 < covered / 300 < 0.98


def test_the_width_is_that_of_the_normal_distribution() -> None:
    values = np.random.default_rng(1).normal(0, 1, 400)
    found = interval(values.mean(), means(values, np.arange(400), draws(400, 4000)))
    width = 2 * 1.96 * values.std() / np.sqrt(400)
    assert found.high - found.low == pytest.approx(width, rel=0.06)


def test_people_are_drawn_whole() -> None:
    # Ten views of each person that all agree say no more than one view of each.
    values = np.random.default_rng(2).normal(0, 1, 50)
    once = means(values, np.arange(50), draws(50, 800))
    tenfold = means(values.repeat(10), np.arange(50).repeat(10), draws(50, 800))
    np.testing.assert_allclose(tenfold, once, atol=1e-12)


def test_a_constant_difference_has_no_width() -> None:
    values = np.random.default_rng(3).normal(0, 5, 30)
    drawn = draws(30, 200)
    raw, front = (means(v, np.arange(30), drawn) for v in (values, values + 2))
    found = compare(float(values.mean()), float(values.mean() + 2), raw, front)
    assert found.raw.high - found.raw.low > 1
    assert found.difference.low == pytest.approx(2)
    assert found.difference.high == pytest.approx(2)


def test_draws_without_a_row_are_left_out() -> None:
    drawn = np.array([[2, 0], [0, 2]])
    found = means(np.array([7.0]), np.array([0]), drawn)
    assert found[0] == 7
    assert np.isnan(found[1])
    assert interval(7.0, found).low == 7
    assert np.isnan(interval(7.0, found[1:]).low)
