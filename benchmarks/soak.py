"""`python -m benchmarks.soak`: does the memory stay flat while faces are frontalized?

Other work on the machine makes the calls fewer and changes nothing else: no time is measured.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tpgan_sdk import Frontalizer

from .command import command, conclude
from .errors import BenchmarkError
from .hardware.machine import describe
from .hardware.memory import resident_mb
from .reporting.results import Result
from .scaling import crops

BLOCKS: Final = 20
"""Means that the line is drawn through: neighbouring samples say the same, blocks hardly."""
FLAT_MB_PER_HOUR: Final = 1.0
_T: Final = 2.1  # of Student's distribution, 95 %, 18 degrees of freedom
_SETTLE: Final = 0.1  # caches and arenas fill in the first tenth
_SAMPLES: Final = 2000
QUICK_MINUTES: Final = 0.25


@dataclass(frozen=True, slots=True)
class Slope:
    """A line through memory by time, with the interval that holds its slope in 95 of 100 runs."""

    mb_per_hour: float
    low: float
    high: float

    @property
    def flat(self) -> bool | None:
        """True: known to rise by less than `FLAT_MB_PER_HOUR`; False: known to rise; None: too
        noisy or too short to tell."""
        if self.high < FLAT_MB_PER_HOUR:
            return True
        return None if self.low <= 0 else False

    def row(self) -> dict[str, Any]:
        """For a result's row."""
        return {
            "mb_per_hour": self.mb_per_hour,
            "mb_per_hour_low": self.low,
            "mb_per_hour_high": self.high,
            "flat": {True: "yes", False: "no", None: "cannot tell"}[self.flat],
        }


def slope(seconds: npt.ArrayLike, megabytes: npt.ArrayLike) -> Slope:
    """The least-squares line through the means of `BLOCKS` blocks of equal count.

    Raises:
        BenchmarkError: fewer samples than blocks.
    """
    times, values = np.asarray(seconds), np.asarray(megabytes)
    if len(times) < BLOCKS:
        raise BenchmarkError(
            f"{len(times)} samples of memory; expected {BLOCKS} or more: run for more --minutes"
        )
    hours = np.array([b.mean() for b in np.array_split(times, BLOCKS)]) / 3600
    held = np.array([b.mean() for b in np.array_split(values, BLOCKS)])
    away = hours - hours.mean()
    rise = float(away @ held / (away @ away))
    rest = held - held.mean() - rise * away
    error = float(np.sqrt(rest @ rest / (BLOCKS - 2) / (away @ away)))
    return Slope(rise, rise - _T * error, rise + _T * error)


def soak(
    work: Callable[[], object],
    minutes: float,
    memory: Callable[[], float] = resident_mb,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Repeats some work and looks at this process's memory, evenly over the time.

    Args:
        work: is called again and again.
        minutes: how long.
        memory: MB held now.
        clock: seconds.

    The first tenth does not count. The row holds at most a hundred of the samples.

    Raises:
        BenchmarkError: too few repetitions for a line.
    """
    begun, calls, count = clock(), 0, 0
    # Held, and written, from the beginning: lists that grow would be measured, too.
    samples = np.full((_SAMPLES, 2), np.nan)
    while (passed := clock() - begun) < minutes * 60:
        work()
        calls += 1
        if passed >= count * minutes * 60 / _SAMPLES:
            samples[count] = passed, memory()
            count += 1
    seconds, held = samples[:count].T
    first = int(_SETTLE * count)
    found = slope(seconds[first:], held[first:])
    some = slice(None, None, max(1, count // 100))
    return {
        **{"kind": "memory", "minutes": minutes, "calls": calls, **found.row()},
        **{"first_mb": float(held[0]), "last_mb": float(held[-1]), "most_mb": float(held.max())},
        **{"samples_s": seconds[some].tolist(), "samples_mb": held[some].tolist()},
    }


def measure(model: str | None, backend: str, minutes: float, quick: bool) -> Result:
    """Four aligned faces a call, again and again.

    Raises:
        TPGANError: a model or backend that does not work here, or no time at all.
    """
    minutes = QUICK_MINUTES if quick else minutes
    if minutes <= 0:
        raise BenchmarkError("--minutes has to be above 0")
    machine = describe()
    faces = crops(4)
    with Frontalizer(model, backend, refine=False) as frontalizer:
        about = {"model": frontalizer.model.name, "backend": frontalizer.backend.name}
        row = soak(lambda: frontalizer.frontalize_aligned(faces), minutes)
    return Result("soak", machine, {"quick": quick}, [{**about, **row}])


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = command("soak", __doc__, "a quarter of a minute: tells nothing but that it works")
    add = p.add_argument
    add("--model", help="name of a packaged model, or path of an exported ONNX")
    add("--backend", default="auto", help="as for `tpgan frontalize`")
    add("--minutes", type=float, default=60, metavar="N", help="default: 60")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1: refused."""
    args = parser().parse_args(argv)
    asked = (args.model, args.backend, args.minutes, args.quick)
    return conclude("soak", args.output, lambda: measure(*asked))


if __name__ == "__main__":
    sys.exit(main())
