"""Turns, percentiles and ratios, on a clock that the tests turn themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.measuring.timing import Samples, interleave, ratio, ratio_of_tails


class Clock:
    """Stands still but for what candidates take."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def candidate(self, seconds: float, calls: Counter[str], name: str) -> Callable[[], None]:
        def call() -> None:
            self.now += seconds
            calls[name] += 1

        return call


def test_each_candidate_gets_its_own_time_in_every_round() -> None:
    clock, calls = Clock(), Counter[str]()
    candidates = {n: clock.candidate(s, calls, n) for n, s in (("slow", 0.5), ("fast", 0.25))}
    found = interleave(candidates, rounds=4, warmup=3, settle=2, clock=clock)
    assert found == {"slow": Samples((0.5,) * 4), "fast": Samples((0.25,) * 4)}
    assert calls == {"slow": 3 + 4 * (2 + 1), "fast": 3 + 4 * (2 + 1)}


def test_no_candidate_always_follows_the_same_one() -> None:
    order: list[str] = []
    interleave({n: lambda n=n: order.append(n) for n in "abc"}, rounds=30, warmup=0)  # type: ignore[misc]
    rounds = [tuple(order[i : i + 3]) for i in range(0, 90, 3)]
    assert all(sorted(turn) == ["a", "b", "c"] for turn in rounds)
    assert len(set(rounds)) == 6


def test_no_round_is_refused() -> None:
    with pytest.raises(ValueError, match="rounds is 0; expected at least 1"):
        interleave({}, rounds=0)


def test_percentiles_are_those_of_the_definition() -> None:
    samples = Samples(tuple(k / 1e3 for k in range(100, -1, -1)))  # 0 to 100 ms
    assert samples.median == pytest.approx(0.050)
    row = samples.rate_row(faces=4)
    assert row == pytest.approx(
        {
            "median_ms": 50,
            "p95_ms": 95,
            "p99_ms": 99,
            "min_ms": 0,
            "samples": 101,
            "faces_per_s": 4 / 0.050,
        }
    )


def test_what_slows_a_whole_round_down_is_not_in_the_ratio() -> None:
    load = np.random.default_rng(1).uniform(1, 10, 40)
    found = ratio(Samples(tuple(3 * load)), Samples(tuple(load)))
    assert (found.value, found.low, found.high) == pytest.approx((3, 3, 3))
    assert found.row("speedup") == {
        "speedup": found.value,
        "speedup_low": found.low,
        "speedup_high": found.high,
    }


def test_the_interval_holds_the_true_ratio_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    held = 0
    for seed in range(200):
        first, second = rng.normal(2, 0.2, 41), rng.normal(1, 0.1, 41)
        found = ratio(Samples(tuple(first)), Samples(tuple(second)), seed)
        held += found.low <= 2 <= found.high
    assert 180 <= held <= 200  # 95 % of 200, within five standard deviations


def test_a_tail_is_p99_by_p50_and_does_not_know_the_speed() -> None:
    """Twice as slow throughout: the same tail. One call in fifty three times as long: not."""
    rng = np.random.default_rng(0)
    times = rng.uniform(1.0, 1.2, 400)
    same = ratio_of_tails(Samples(tuple(2 * times)), Samples(tuple(times)))
    assert (same.value, same.low, same.high) == pytest.approx((1, 1, 1))
    longer = np.where(np.arange(400) % 50 == 0, 3 * times, times)
    found = ratio_of_tails(Samples(tuple(longer)), Samples(tuple(times)))
    tails = [np.percentile(t, 99) / np.percentile(t, 50) for t in (longer, times)]
    assert found.value == pytest.approx(tails[0] / tails[1])
    assert 1 < found.low < 2.7 < found.high < 3.3


def test_samples_of_two_runs_have_no_ratio() -> None:
    with pytest.raises(ValueError, match="1 and 2 samples; expected those of one `interleave`"):
        ratio(Samples((1.0,)), Samples((1.0, 2.0)))
