"""Bootstrap over people: 95 % intervals by drawing with replacement.

Views of one person are not independent, people are: so whole people are drawn. Raw and
frontalized are compared on the same draws, which is what makes a small difference visible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tpgan_sdk.geometry import FloatArray

IntArray = npt.NDArray[np.int64]

DRAWS: Final = 1000
_PERCENTILES: Final = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the bounds between which 95 % of the draws lie."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Raw beside frontalized."""

    raw: Interval
    frontalized: Interval
    difference: Interval
    """Frontalized minus raw, draw by draw."""


def draws(people: int, count: int = DRAWS, seed: int = 0) -> IntArray:
    """(count, people): how often each person is in each draw."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(people, np.full(people, 1 / people), size=count)


def means(values: FloatArray, person: IntArray, drawn: IntArray) -> FloatArray:
    """(draws,) means of `values` over the rows of the people drawn; NaN where none has a row.

    Args:
        values: (N,).
        person: (N,) column of `drawn` that each row belongs to.
    """
    sums = np.bincount(person, weights=values, minlength=drawn.shape[1])
    counts = np.bincount(person, minlength=drawn.shape[1])
    with np.errstate(invalid="ignore"):
        result: FloatArray = (drawn @ sums) / (drawn @ counts)
    return result


def interval(value: float, drawn: FloatArray) -> Interval:
    """The figure with the percentiles of its draws; draws without a value are left out."""
    kept = drawn[~np.isnan(drawn)]
    low, high = np.percentile(kept, _PERCENTILES) if len(kept) else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high))


def compare(
    raw: float, frontalized: float, drawn_raw: FloatArray, drawn_frontalized: FloatArray
) -> Comparison:
    """Two figures and their difference from the same draws."""
    return Comparison(
        interval(raw, drawn_raw),
        interval(frontalized, drawn_frontalized),
        interval(frontalized - raw, drawn_frontalized - drawn_raw),
    )
