"""`python -m benchmarks.overhead`: what the SDK does besides the network.

`frontalize_aligned` and the bare call of its backend on the same inputs take turns; the difference
is the SDK's own work: crops checked and cut, values normalised, pictures made of the output. No
photo is read, searched, written or pasted into.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from tpgan_sdk import Frontalizer
from tpgan_sdk.backends.parity import FACES
from tpgan_sdk.faces.crops import crop_aligned, network_inputs
from tpgan_sdk.images.files import read_image

from .command import command, conclude
from .hardware.cores import use_cores
from .hardware.machine import describe
from .measuring.timing import Samples, interleave, ratio, ratio_of_tails
from .reporting.results import Result

BATCHES: Final = (1, 16)
GOALS: Final = {1: 0.10, 16: 0.05}
"""Own work at most, as a share of the bare call, by batch."""
TAIL_GOAL: Final = 1.2
"""p99 by p50 at most this many times that of the bare call."""


def measure(
    model: str | None = None,
    backend: str = "auto",
    batches: Sequence[int] = BATCHES,
    rounds: int = 200,
    threads: int | None = None,
    quick: bool = False,
) -> Result:
    """Both calls for each batch.

    Args:
        rounds: samples of each call at batch 1; larger batches get fewer, at least a quarter.
        quick: 8 rounds, whatever `rounds` says.

    Raises:
        TPGANError: a model or backend that does not work here.
    """
    machine, used = describe(), use_cores(threads)
    rounds = 8 if quick else rounds
    rows = []
    with Frontalizer(model, backend, refine=False, max_batch=max(batches)) as frontalizer:
        info = frontalizer.backend
        for batch in batches:
            count = max(rounds // batch, rounds // 4, 1)
            rows.append(
                {
                    **{"model": frontalizer.model.name, "backend": info.name, "batch": batch},
                    **compare(_samples(frontalizer, batch, count), batch),
                }
            )
    settings = {"rounds": rounds, "threads": used, "quick": quick}
    return Result("overhead", machine, settings, rows)


def compare(samples: dict[str, Samples], batch: int) -> dict[str, Any]:
    """The row of one batch, from samples of "sdk" and "bare"."""
    whole, bare = samples["sdk"], samples["bare"]
    times = ratio(whole, bare)
    tail = {name: s.percentile(99) / s.median for name, s in samples.items()}
    return {
        "sdk_median_ms": whole.median * 1e3,
        "bare_median_ms": bare.median * 1e3,
        "own_ms_per_face": (whole.median - bare.median) / batch * 1e3,
        "own_share": times.value - 1,
        "own_share_low": times.low - 1,
        "own_share_high": times.high - 1,
        "goal_share": GOALS.get(batch),
        "sdk_p99_by_p50": tail["sdk"],
        "bare_p99_by_p50": tail["bare"],
        **ratio_of_tails(whole, bare).row("tail"),
        "goal_tail": TAIL_GOAL,
        "samples": len(whole.seconds),
    }


def _samples(frontalizer: Frontalizer, batch: int, rounds: int) -> dict[str, Samples]:
    landmarks = json.loads((FACES / "landmarks.json").read_text())
    names = [sorted(landmarks)[n % len(landmarks)] for n in range(batch)]
    crops = [read_image(FACES / name) for name in names]
    points = [landmarks[name] for name in names]
    model = frontalizer.model
    cuts = [
        crop_aligned(crop, five, model.template, model.margin)
        for crop, five in zip(crops, points, strict=True)
    ]
    inputs = network_inputs(cuts, True, model.inputs)
    bare = frontalizer._backend.run
    pictures = np.stack(crops)
    calls = {
        "sdk": lambda: frontalizer.frontalize_aligned(pictures, points),
        "bare": lambda: bare(inputs),
    }
    return interleave(calls, rounds, warmup=3, settle=1 if batch == 1 else 0)


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = command("overhead", __doc__, "few samples")
    add = p.add_argument
    add("--model", help="name of a packaged model, or path of an exported ONNX")
    add("--backend", default="auto", help="as for `tpgan frontalize`")
    add("--batch", type=int, action="append", metavar="N", help="default: 1 and 16")
    add("--rounds", type=int, default=200, help="samples at batch 1; fewer at larger batches")
    add("--threads", type=int, help="default: the usable cores")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1: refused."""
    args = parser().parse_args(argv)
    batches = args.batch or BATCHES
    asked = (args.model, args.backend, batches, args.rounds, args.threads, args.quick)
    return conclude("overhead", args.output, lambda: measure(*asked), _lines)


def _lines(result: Result) -> Iterator[str]:
    for row in result.rows:
        yield (
            f"batch {row['batch']}: own work {100 * row['own_share']:.1f} % of the bare call "
            f"({row['own_ms_per_face']:.2f} ms a face), tail {row['tail']:.2f} times its"
        )


if __name__ == "__main__":
    sys.exit(main())
