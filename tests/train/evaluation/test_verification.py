"""Errors of verification against closed forms, brute force and hand-worked cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tpgan_sdk.errors import TrainingError
from train.evaluation.verification import Curve, Trials, accuracy, scores, verify


def curve(found: np.ndarray, same: np.ndarray) -> Curve:
    return Curve(found, same, np.ones((1, len(found))))


def normal_scores(distance: float, count: int = 100_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    found = np.concatenate([rng.normal(0, 1, count), rng.normal(distance, 1, count)])
    return found, np.repeat([False, True], count)


@pytest.mark.parametrize("distance", [0.0, 1.0, 2.5])
def test_of_normal_scores_eer_and_auc_are_known(distance: float) -> None:
    found, same = normal_scores(distance)
    assert curve(found, same).eer()[0] == pytest.approx(stats.norm.cdf(-distance / 2), abs=3e-3)
    auc = stats.norm.cdf(distance / np.sqrt(2))
    assert curve(found, same).auc()[0] == pytest.approx(auc, abs=3e-3)
    fold = np.arange(len(found)) % 2
    best = accuracy(found, same, fold, np.ones((1, len(found))))
    assert best[0] == pytest.approx(stats.norm.cdf(distance / 2), abs=5e-3)


def test_auc_is_that_of_mann_and_whitney_with_ties(rng: np.random.Generator) -> None:
    found = rng.integers(0, 8, 300).astype(float)
    same = rng.random(300) < 0.4
    expected = stats.mannwhitneyu(found[same], found[~same]).statistic
    expected /= same.sum() * (~same).sum()
    assert curve(found, same).auc()[0] == pytest.approx(expected, abs=1e-12)


def test_hand_worked_errors() -> None:
    # Above 0.45 one of four different pairs is accepted and one of four same ones rejected.
    found = np.array([0.1, 0.2, 0.3, 0.7, 0.4, 0.5, 0.8, 0.9])
    same = np.repeat([False, True], 4)
    assert curve(found, same).eer()[0] == pytest.approx(0.25)
    assert curve(found, same).auc()[0] == pytest.approx(14 / 16)


def test_the_threshold_comes_from_the_other_fold() -> None:
    # Each fold separates perfectly, at thresholds at which the other one does not.
    found = np.array([0.1, 0.2, 0.5, 0.6])
    same = np.array([False, True, False, True])
    fold = np.array([0, 0, 1, 1])
    assert accuracy(found, same, fold, np.ones((1, 4)))[0] == 0.5
    assert accuracy(found, same, np.array([0, 1, 1, 0]), np.ones((1, 4)))[0] == 0.5
    apart = np.array([0.1, 0.9, 0.1, 0.8])
    assert accuracy(apart, same, fold, np.ones((1, 4)))[0] == 1


def test_a_pair_drawn_twice_counts_twice(rng: np.random.Generator) -> None:
    found, same = rng.normal(size=40), np.arange(40) % 2 == 0
    fold, weights = np.arange(40) // 20, rng.integers(0, 4, 40)
    many, kinds, folds = (np.repeat(array, weights) for array in (found, same, fold))
    once = Curve(found, same, weights[None].astype(float))
    copied = curve(many, kinds)
    assert once.eer()[0] == pytest.approx(copied.eer()[0])
    assert once.auc()[0] == pytest.approx(copied.auc()[0])
    assert accuracy(found, same, fold, weights[None].astype(float))[0] == pytest.approx(
        accuracy(many, kinds, folds, np.ones((1, len(many))))[0]
    )


def test_weights_of_pairs_are_products_of_people() -> None:
    trials = Trials(
        same=np.array([True, False]), fold=np.array([0, 1]), people=np.array([[0, 0], [0, 1]])
    )
    drawn = np.array([[2, 3], [1, 0]])
    np.testing.assert_array_equal(trials.weights(drawn), [[2, 6], [1, 0]])


def test_a_face_that_was_not_found_is_always_wrong() -> None:
    same = np.array([True, False, True, False])
    found = scores(np.array([np.nan, np.nan, 0.9, 0.1]), same)
    assert found.tolist() == [-np.inf, np.inf, 0.9, 0.1]
    assert curve(found, same).eer()[0] == pytest.approx(0.5)
    assert curve(found, same).auc()[0] == pytest.approx(0.25)


def pairs(people: int, rng: np.random.Generator) -> Trials:
    first = rng.integers(0, people, 600)
    same = np.arange(600) % 2 == 0
    second = np.where(same, first, (first + rng.integers(1, people, 600)) % people)
    return Trials(same, np.arange(600) // 300, np.stack([first, second], axis=1))


def test_an_oracle_scores_100_and_chance_50(rng: np.random.Generator) -> None:
    trials = pairs(40, rng)
    oracle, chance = trials.same.astype(float), rng.random(600)
    found = verify(chance, oracle, trials, count=200, seed=0)
    assert (found.accuracy.frontalized.value, found.auc.frontalized.value) == (100, 100)
    assert found.eer.frontalized == type(found.eer.raw)(0, 0, 0)
    for one in (found.accuracy, found.eer, found.auc):
        assert one.raw.low < 50 < one.raw.high
        assert one.difference.value == one.frontalized.value - one.raw.value


def test_all_alike_scores_tell_nothing(rng: np.random.Generator) -> None:
    trials = pairs(10, rng)
    flat = np.zeros(600)
    found = verify(flat, flat, trials, count=20, seed=0)
    assert found.auc.raw.value == 50
    assert found.eer.raw.value == pytest.approx(50)
    assert found.eer.difference == type(found.eer.raw)(0, 0, 0)


def test_pairs_that_cannot_be_judged_are_refused(rng: np.random.Generator) -> None:
    trials = pairs(10, rng)
    flat = np.zeros(600)
    with pytest.raises(TrainingError, match="one kind"):
        verify(flat, flat, Trials(np.ones(600, bool), trials.fold, trials.people), 10, 0)
    with pytest.raises(TrainingError, match="two or more"):
        verify(flat, flat, Trials(trials.same, np.zeros(600, int), trials.people), 10, 0)
