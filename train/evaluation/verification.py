"""Verification (same person or not): accuracy, equal error rate, area under the curve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray

from .bootstrap import Comparison, IntArray, compare
from .bootstrap import draws as draw_people


@dataclass(frozen=True, slots=True)
class Trials:
    """Pairs of two people's photos, or of one person's."""

    same: npt.NDArray[np.bool_]
    fold: IntArray
    people: IntArray
    """(N, 2) numbers of the two people, the same twice where it is one."""

    def weights(self, drawn: IntArray) -> FloatArray:
        """(draws, N): how often each pair is among the people drawn.

        A person drawn twice gives his own pairs twice, and with another one drawn three times
        six pairs.
        """
        first, second = drawn[:, self.people[:, 0]], drawn[:, self.people[:, 1]]
        result: FloatArray = np.where(self.same, first, first * second).astype(np.float64)
        return result


@dataclass(frozen=True, slots=True)
class Verification:
    """Percent. A pair with a face that was not found is wrong at every threshold."""

    pairs: int
    accuracy: Comparison
    eer: Comparison
    auc: Comparison


def scores(similarity: FloatArray, same: npt.NDArray[np.bool_]) -> FloatArray:
    """NaN, of a face that was not found, becomes the score that is wrong for its pair."""
    worst = np.where(same, -np.inf, np.inf)
    result: FloatArray = np.where(np.isnan(similarity), worst, similarity)
    return result


def verify(
    raw: FloatArray, frontalized: FloatArray, trials: Trials, count: int, seed: int
) -> Verification:
    """
    Args:
        raw, frontalized: (N,) similarities, higher is more alike; NaN: no face.
        count, seed: draws of the bootstrap, over people.

    Raises:
        TrainingError: only same or only different pairs, or fewer than two folds.
    """
    if trials.same.all() or not trials.same.any():
        raise TrainingError("all pairs are of one kind; expected same and different people")
    if len(set(trials.fold)) < 2:
        raise TrainingError(
            "the pairs have one fold; expected two or more: the threshold is chosen on the others"
        )
    drawn = draw_people(int(trials.people.max()) + 1, count, seed)
    figures, replicates = [], []
    for similarity in (raw, frontalized):
        found = scores(similarity, trials.same)
        figures.append(_figures(found, trials, np.ones((1, len(found)))))
        parts = [_figures(found, trials, trials.weights(part)) for part in _parts(drawn)]
        replicates.append(np.concatenate(parts))
    (raw_figures, front_figures), (drawn_raw, drawn_front) = figures, replicates
    compared = [
        compare(raw_figures[0, k], front_figures[0, k], drawn_raw[:, k], drawn_front[:, k])
        for k in range(3)
    ]
    return Verification(len(raw), *compared)


def _parts(drawn: IntArray) -> Iterator[IntArray]:
    yield from np.array_split(drawn, max(1, len(drawn) // 100))  # bounds the memory


def _figures(found: FloatArray, trials: Trials, weights: FloatArray) -> FloatArray:
    """(draws, 3): accuracy, equal error rate, area under the curve, percent."""
    curve = Curve(found, trials.same, weights)
    right = accuracy(found, trials.same, trials.fold, weights)
    return 100 * np.stack([right, curve.eer(), curve.auc()], axis=1)


class Curve:
    """False accepts and false rejects at every threshold, for (draws, N) weights of the pairs."""

    accepted: FloatArray
    """(draws, levels + 1): share of different pairs above the threshold, 1 to 0."""
    rejected: FloatArray
    """Share of same pairs at or below it, 0 to 1."""

    def __init__(self, found: FloatArray, same: npt.NDArray[np.bool_], weights: FloatArray) -> None:
        with np.errstate(invalid="ignore"):  # a draw without a pair of a kind: NaN throughout
            below = _below(found, weights * same)
            self.rejected = below / below[:, -1:]
            below = _below(found, weights * ~same)
            self.accepted = 1 - below / below[:, -1:]

    def eer(self) -> FloatArray:
        """(draws,): where both errors are equal, interpolated between two thresholds."""
        gap = self.rejected - self.accepted
        after = np.argmax(gap >= 0, axis=1)
        rows = np.arange(len(gap))
        before = np.maximum(after - 1, 0)
        span = gap[rows, after] - gap[rows, before]
        share = np.where(span > 0, -gap[rows, before] / np.where(span > 0, span, 1), 0.0)
        low, high = self.rejected[rows, before], self.rejected[rows, after]
        result: FloatArray = np.where(np.isnan(span), np.nan, low + share * (high - low))
        return result

    def auc(self) -> FloatArray:
        """(draws,): chance that a same pair scores above a different one, ties count half."""
        width = -np.diff(self.accepted, axis=1)
        height = 1 - (self.rejected[:, 1:] + self.rejected[:, :-1]) / 2
        result: FloatArray = np.sum(width * height, axis=1)
        return result


def accuracy(
    found: FloatArray, same: npt.NDArray[np.bool_], fold: IntArray, weights: FloatArray
) -> FloatArray:
    """(draws,): mean over folds, each with the threshold that is best on the others.

    Of several that are equally good the lowest score is taken.
    """
    results = []
    for held in np.unique(fold):
        right_of = []
        for mask in (fold != held, fold == held):
            part = weights * mask
            passed = _below(found, part * ~same) - _below(found, part * same)
            right = (part * same).sum(axis=1, keepdims=True) + passed
            right_of.append(right / part.sum(axis=1, keepdims=True))
        others, own = right_of
        results.append(own[np.arange(len(own)), np.argmax(others, axis=1)])
    return np.asarray(np.mean(results, axis=0))


def _below(found: FloatArray, weights: FloatArray) -> FloatArray:
    """(draws, levels + 1): weight of the pairs at or below each distinct score, from none on."""
    _, level = np.unique(found, return_inverse=True)
    order = np.argsort(level, kind="stable")
    total = np.cumsum(weights[:, order], axis=1)
    last = np.flatnonzero(np.diff(level[order], append=level.max() + 1))
    return np.pad(total[:, last], ((0, 0), (1, 0)))
