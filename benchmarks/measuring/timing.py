"""Interleaved timing: candidates in turns, so that other load hits all of them alike."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from tpgan_sdk.geometry import FloatArray

DRAWS: Final = 2000
"""Bootstrap draws behind an interval."""
_BOUNDS: Final = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Samples:
    """Times of one candidate, in the order of the rounds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds."""
        return self.percentile(50)

    def percentile(self, share: float) -> float:
        """Seconds that `share` percent of the samples do not exceed, interpolated linearly."""
        return float(np.percentile(self.seconds, share))

    def row(self) -> dict[str, float]:
        """For a result's row: milliseconds, and how many samples are behind them."""
        names = {"median_ms": 50, "p95_ms": 95, "p99_ms": 99}
        found = {name: self.percentile(share) * 1e3 for name, share in names.items()}
        return {**found, "min_ms": min(self.seconds) * 1e3, "samples": len(self.seconds)}

    def rate_row(self, faces: int) -> dict[str, float]:
        """As `row`, with faces a second by the median, where a sample is of `faces` faces."""
        return {**self.row(), "faces_per_s": faces / self.median}


@dataclass(frozen=True, slots=True)
class Pace:
    """How often each candidate is measured; see `interleave`."""

    rounds: int
    settle: int


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two candidates' figures, and bounds with 95 % of the bootstrap's draws between."""

    value: float
    low: float
    high: float

    def row(self, name: str) -> dict[str, float]:
        """For a result's row: `NAME`, `NAME_low`, `NAME_high`."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


def interleave(
    candidates: Mapping[str, Callable[[], object]],
    rounds: int,
    warmup: int = 1,
    settle: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Samples]:
    """Times of the candidates, one sample of each in every round.

    Args:
        candidates: what to measure, by name. A call returns when its work is done: one that
            launches GPU work waits for it.
        rounds: samples of each; at least 1.
        warmup: calls of each before the first round.
        settle: calls before each sample that do not count. With 1 or 2 the sample is that of a
            program which does nothing else: caches are its own again, and the threads that the
            runtime before left spinning have gone to sleep.
        clock: seconds; `time.process_time` counts the process's own work only.

    Raises:
        ValueError: no round.
    """
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}; expected at least 1")
    for call in candidates.values():
        for _ in range(warmup):
            call()
    times: dict[str, list[float]] = {name: [] for name in candidates}
    order, shuffled = list(candidates), random.Random(0)
    for _ in range(rounds):
        # In a fixed order each would always suffer from the same predecessor.
        shuffled.shuffle(order)
        for name in order:
            call = candidates[name]
            for _ in range(settle):
                call()
            begun = clock()
            call()
            times[name].append(clock() - begun)
    return {name: Samples(tuple(found)) for name, found in times.items()}


def ratio(a: Samples, b: Samples, seed: int = 0) -> Ratio:
    """How many times as long `a` takes as `b`: the ratio of their medians.

    The bootstrap draws rounds, the same for both: what slowed a whole round down cancels out.

    Raises:
        ValueError: not samples of one interleaved run.
    """
    return _of_figures(a, b, lambda times: np.median(times, axis=-1), seed)


def ratio_of_tails(a: Samples, b: Samples, seed: int = 0) -> Ratio:
    """How many times as long the tail of `a` is as that of `b`: of each its p99 by its p50.

    Drawn as for `ratio`.

    Raises:
        ValueError: not samples of one interleaved run.
    """

    def tail(times: FloatArray) -> FloatArray:
        high, middle = np.percentile(times, (99, 50), axis=-1)
        found: FloatArray = high / middle
        return found

    return _of_figures(a, b, tail, seed)


def _of_figures(
    a: Samples, b: Samples, figure: Callable[[FloatArray], FloatArray], seed: int
) -> Ratio:
    first, second = np.asarray(a.seconds), np.asarray(b.seconds)
    if len(first) != len(second):
        raise ValueError(
            f"{len(first)} and {len(second)} samples; expected those of one `interleave`"
        )
    drawn = np.random.default_rng(seed).integers(0, len(first), (DRAWS, len(first)))
    low, high = np.percentile(figure(first[drawn]) / figure(second[drawn]), _BOUNDS)
    return Ratio(float(figure(first) / figure(second)), float(low), float(high))
