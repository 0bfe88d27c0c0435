"""Runtimes of one network side by side: opened, timed in turns, their pictures compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tpgan_sdk.backends.parity import compare
from tpgan_sdk.images.resample import Float32Array

from ..errors import BenchmarkError
from ..measuring.progress import Say
from ..measuring.timing import Pace, Samples, interleave, ratio
from .networks import BenchmarkNetwork
from .runtimes import Opened, Runtime


@dataclass(slots=True)
class Comparison:
    """What becomes a result's rows, and what could not be opened."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        subject: BenchmarkNetwork,
        runtimes: Sequence[Runtime],
        reference: Float32Array,
        pace: Pace,
        say: Say,
    ) -> None:
        """Compares runtimes that are all on one device; the first that opens is the baseline.

        Args:
            reference: the pictures that FP32 eager makes; their number is the batch.
        """
        inputs = subject.faces(len(reference))
        opened: dict[str, Opened] = {}
        for runtime in runtimes:
            name = f"{subject.preset}, {runtime.name}"
            say(f"{name}, batch {len(reference)}")
            try:
                opened[runtime.name] = runtime.open(subject, inputs)
            except BenchmarkError as error:
                self.left_out[name] = str(error)
        samples = interleave({n: o.run for n, o in opened.items()}, pace.rounds, 1, pace.settle)
        tried = [runtime for runtime in runtimes if runtime.name in opened]
        best = _best_shipped(tried, samples)
        for runtime in tried:
            row: dict[str, Any] = {
                **{
                    "kind": "runtime",
                    "preset": subject.preset,
                    "runtime": runtime.name,
                    "what": runtime.what,
                },
                **{"device": runtime.device, "precision": runtime.precision},
                **{"batch": len(reference), "shipped": runtime.shipped},
                **samples[runtime.name].rate_row(len(reference)),
                **ratio(samples[tried[0].name], samples[runtime.name]).row("speedup"),
            }
            if best is not None:
                row |= ratio(samples[runtime.name], samples[best]).row("sdk_speedup")
            found = compare(reference, opened[runtime.name].run())
            alike = {"max_abs": found.max, "psnr_db": found.psnr}
            row |= dict.fromkeys(alike) if runtime.own_weights else alike
            row["output_span"] = found.span
            row["device_median_ms"] = _on_device(opened[runtime.name], pace.rounds)
            self.rows.append(row)
        for one in opened.values():
            one.close()


def _best_shipped(runtimes: Sequence[Runtime], samples: dict[str, Samples]) -> str | None:
    """The fastest of the SDK's own backends."""
    own = [runtime.name for runtime in runtimes if runtime.shipped]
    return min(own, key=lambda name: samples[name].median, default=None)


def _on_device(opened: Opened, rounds: int) -> float | None:
    if opened.device_seconds is None:
        return None
    return median(opened.device_seconds() for _ in range(rounds)) * 1e3
