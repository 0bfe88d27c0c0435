"""`python -m benchmarks.limit`: how near each runtime comes to what the machine allows.

Two floors. `floor_ms`: all operations at the measured matrix rate, or weights, inputs and
outputs at the measured bandwidth, whichever takes longer. What beats it computes otherwise
(Winograd's convolutions multiply less) or keeps the weights in a cache from call to call.
`layered_floor_ms`: the same for each kernel, whose operands and result then pass memory, added up;
a runtime that keeps activations in caches can beat it. Rows of kind "kernel" are the layers with
the largest share of it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from tpgan_sdk.gpu.cuda import CudaDriver, find_driver

from .command import command, conclude
from .errors import BenchmarkError
from .hardware.cores import use_cores
from .hardware.machine import describe
from .hardware.peak_rates import PeakRate, all_peak_rates
from .inference.graph import GraphCost, Kernel, count
from .inference.networks import BenchmarkNetwork, make_benchmark_network
from .inference.runtimes import CPU, SHIPPED, Runtime
from .measuring.timing import interleave
from .reporting.results import Result

PRESETS: Final = ("edge", "paper")
LARGEST: Final = 10
"""Kernels that get a row."""
BYTES: Final = {"fp32": 4, "bf16": 2, "fp16": 2, "int8": 1}
"""Of a value."""
_ENGINE: Final = "fp16"  # a TensorRT engine's own, unless it was built otherwise


@dataclass(frozen=True, slots=True)
class Rates:
    """What a device can do at most, in one precision."""

    flops_per_s: float
    bytes_per_s: float
    value_bytes: int

    def seconds(self, flops: float, values: float) -> float:
        """The least time for so many operations and values through memory."""
        return max(flops / self.flops_per_s, values * self.value_bytes / self.bytes_per_s)

    def floor(self, cost: GraphCost) -> float:
        """Seconds, when caches hold every activation."""
        return self.seconds(cost.flops, cost.least_moved)

    def layered_floor(self, cost: GraphCost) -> float:
        """Seconds, when every kernel's result passes memory."""
        return sum(self.of(kernel) for kernel in cost.kernels)

    def of(self, kernel: Kernel) -> float:
        """Seconds of one kernel."""
        return self.seconds(kernel.flops, kernel.moved)


def rates(ceilings: Sequence[PeakRate], precision: str) -> Rates:
    """Of one device's ceilings.

    Raises:
        BenchmarkError: none of this precision was measured.
    """
    found = {ceiling.what: ceiling.per_s for ceiling in ceilings}
    if precision not in found or "copy" not in found:
        known = ", ".join(found) or "none"
        raise BenchmarkError(f"no measured ceiling for {precision}; measured: {known}")
    return Rates(found[precision], found["copy"], BYTES[precision])


def measure(
    presets: Sequence[str] = PRESETS,
    batches: Sequence[int] = (1,),
    rounds: int = 30,
    threads: int | None = None,
    quick: bool = False,
) -> Result:
    """Ceilings, floors and latencies of this machine.

    Raises:
        BenchmarkError: an unknown preset, more threads than cores, nothing that exports.
    """
    machine, used = describe(), use_cores(threads)
    torch.set_num_threads(used)
    driver = find_driver()
    gpu = isinstance(driver, CudaDriver) and torch.cuda.is_available()
    devices = ("cpu", "cuda") if gpu else ("cpu",)
    ceilings = {device: all_peak_rates(device, quick) for device in devices}
    rows = [ceiling.row() for device in devices for ceiling in ceilings[device]]
    left_out = (
        {} if gpu else {"the GPU": driver if isinstance(driver, str) else "torch has no CUDA"}
    )
    with tempfile.TemporaryDirectory() as folder:
        for preset in presets:
            subject = make_benchmark_network(preset, Path(folder))
            for batch in batches:
                cost = count(subject.onnx(), batch)
                rows += _latencies(subject, cost, ceilings, rounds, left_out)
                rows += _kernels(preset, cost, rates(ceilings["cpu"], "fp32"))
    settings = {"batches": batches, "rounds": rounds, "threads": used, "quick": quick}
    return Result("limit", machine, settings, rows, left_out)


def _latencies(
    subject: BenchmarkNetwork,
    cost: GraphCost,
    ceilings: Mapping[str, Sequence[PeakRate]],
    rounds: int,
    left_out: dict[str, str],
) -> Iterator[dict[str, Any]]:
    """What eager and the SDK's own backends take, beside the floors."""
    inputs = subject.faces(cost.batch)
    opened = {}
    tried = [one for one in (CPU[0], *SHIPPED) if one.device in ceilings]
    for runtime in tried:
        try:
            opened[runtime] = runtime.open(subject, inputs)
        except BenchmarkError as error:
            left_out[f"{subject.preset}, {runtime.name}"] = str(error)
    samples = interleave({r.name: one.run for r, one in opened.items()}, rounds, settle=1)
    for runtime, one in opened.items():
        one.close()
        precision = runtime.precision if runtime.precision in BYTES else _ENGINE
        limit = rates(ceilings[runtime.device], precision)
        median = samples[runtime.name].median
        yield {
            **{"kind": "latency", "preset": subject.preset, "batch": cost.batch},
            **_names(runtime),
            **samples[runtime.name].row(),
            "gflop": cost.flops / 1e9,
            "parameters": cost.parameters,
            "weights_mb": cost.parameters * limit.value_bytes / 1e6,
            "moved_mb": cost.moved * limit.value_bytes / 1e6,
            "floor_ms": limit.floor(cost) * 1e3,
            "layered_floor_ms": limit.layered_floor(cost) * 1e3,
            "times_floor": median / limit.floor(cost),
            "times_layered_floor": median / limit.layered_floor(cost),
            "gflop_per_s": cost.flops / median / 1e9,
        }


def _names(runtime: Runtime) -> dict[str, str]:
    return {
        "runtime": runtime.name,
        "what": runtime.what,
        "device": runtime.device,
        "precision": runtime.precision,
    }


def _kernels(preset: str, cost: GraphCost, limit: Rates) -> list[dict[str, Any]]:
    whole = limit.layered_floor(cost)
    largest = sorted(cost.kernels, key=limit.of, reverse=True)[:LARGEST]
    return [
        {
            **{"kind": "kernel", "preset": preset, "batch": cost.batch, "kernel": kernel.name},
            "operators": "+".join(kernel.operators),
            "gflop": kernel.flops / 1e9,
            "moved_mb": kernel.moved * limit.value_bytes / 1e6,
            "floor_ms": limit.of(kernel) * 1e3,
            "share": limit.of(kernel) / whole,
        }
        for kernel in largest
    ]


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = command("limit", __doc__, "edge alone, few rounds, small matrices")
    add = p.add_argument
    add("--preset", action="append", metavar="NAME", help="default: edge and paper")
    add("--batch", type=int, action="append", metavar="N", help="default: 1")
    add("--rounds", type=int, default=30, help="samples of each runtime")
    add("--threads", type=int, help="default: the usable cores")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1: refused."""
    args = parser().parse_args(argv)
    presets = args.preset or (("edge",) if args.quick else PRESETS)
    rounds = 3 if args.quick else args.rounds
    batches = args.batch or (1,)
    return conclude(
        "limit", args.output, lambda: measure(presets, batches, rounds, args.threads, args.quick)
    )


if __name__ == "__main__":
    sys.exit(main())
