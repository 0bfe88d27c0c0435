"""`python -m benchmarks.scaling`: faces a second by faces, frames, batch, threads and processes.

With `--shards DIR` (what `python -m train.data.render` writes) training images a second by data
workers and ranks, too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from tpgan_sdk import Frontalizer
from tpgan_sdk.backends.parity import FACES, load_parity_faces
from tpgan_sdk.cli.worker_pool import map_in_processes
from tpgan_sdk.errors import TPGANError
from tpgan_sdk.images.files import read_image
from tpgan_sdk.images.resample import UInt8Array
from tpgan_sdk.system.cores import usable_cores

from .command import command, conclude
from .errors import BenchmarkError
from .folder import PHOTOS
from .hardware.machine import describe
from .measuring.timing import interleave
from .measuring.training_rate import QUICK_STEPS, STEPS, training_rates
from .reporting.results import Result

FACES_A_CALL: Final[Sequence[int]] = (1, 2, 4, 8, 16, 32)
FRAMES: Final[Sequence[int]] = (1, 2, 4, 8)
CALLS: Final = 40
"""That each process makes, one face a call."""
CALLS_A_SAMPLE: Final = 5
"""That each thread makes, one face a call."""
_PHOTO: Final = "astronaut_left_60.png"


def crops(count: int) -> UInt8Array:
    """(count, 128, 128, 3) aligned faces."""
    names = sorted(FACES.glob("*.png"))
    return np.stack([read_image(names[n % len(names)]) for n in range(count)])


def doubled(most: int) -> list[int]:
    """1, 2, 4, ... up to twice a number, which shows where more stop to help."""
    return [2**n for n in range((2 * most).bit_length()) if 2**n <= 2 * most]


def by_call(
    frontalizer: Frontalizer, counts: Sequence[int], rounds: int
) -> Iterator[dict[str, Any]]:
    """By faces of one call of the SDK, and by the batch of the network alone."""
    pictures = crops(max(counts))
    faces = load_parity_faces(FACES, frontalizer.model.template, frontalizer.model.inputs)
    calls: dict[tuple[str, int], Callable[[], object]] = {}
    for count in counts:
        rows = np.arange(count) % len(faces["face"])
        inputs = {name: values[rows] for name, values in faces.items()}
        calls["faces", count] = partial(frontalizer.frontalize_aligned, pictures[:count])
        calls["batch", count] = partial(frontalizer._backend.run, inputs)
    yield from _rows(calls, rounds)


def by_frames(
    frontalizer: Frontalizer, counts: Sequence[int], rounds: int
) -> Iterator[dict[str, Any]]:
    """By photos of one face each that share the network's batches."""
    photo = read_image(PHOTOS / _PHOTO)
    calls: dict[tuple[str, int], Callable[[], object]] = {
        ("frames", count): partial(frontalizer.frontalize_batch, [photo] * count)
        for count in counts
    }
    yield from _rows(calls, rounds)


def _rows(
    calls: dict[tuple[str, int], Callable[[], object]], rounds: int
) -> Iterator[dict[str, Any]]:
    named = {f"{kind} {count}": call for (kind, count), call in calls.items()}
    samples = interleave(named, rounds)
    for kind, count in calls:
        found = samples[f"{kind} {count}"]
        rate = count / found.median
        yield {"kind": kind, "count": count, **found.row(), "faces_per_s": rate}


def by_threads(
    frontalizer: Frontalizer, counts: Sequence[int], rounds: int
) -> Iterator[dict[str, Any]]:
    """By threads, each with a clone."""
    crop = crops(1)
    clones = [frontalizer.clone() for _ in range(max(counts))]

    def work(clone: Frontalizer) -> None:
        for _ in range(CALLS_A_SAMPLE):
            clone.frontalize_aligned(crop)

    with ThreadPoolExecutor(len(clones)) as pool:

        def together(count: int) -> None:
            list(pool.map(work, clones[:count]))

        samples = interleave({str(n): partial(together, n) for n in counts}, rounds)
    for count in counts:
        rate = count * CALLS_A_SAMPLE / samples[str(count)].median
        yield {"kind": "threads", "count": count, "faces_per_s": rate, "samples": rounds}


def by_processes(
    options: dict[str, Any], counts: Sequence[int], calls: int
) -> Iterator[dict[str, Any]]:
    """By processes, which share the cores as the workers of `tpgan frontalize` do."""
    for count in counts:
        items = [crops(1)] * (2 * count * calls)
        with map_in_processes(partial(_opened, options), items, count) as results:
            for _ in range(count * calls):  # all have started when these are done
                next(results)
            begun = time.perf_counter()
            done = sum(1 for _ in results)
            seconds = time.perf_counter() - begun
        yield {"kind": "processes", "count": count, "faces_per_s": done / seconds}


def _opened(options: dict[str, Any]) -> Callable[[UInt8Array], int]:
    """In a worker."""
    frontalizer = Frontalizer(**options)
    return lambda given: len(frontalizer.frontalize_aligned(given))


def measure(args: argparse.Namespace) -> Result:
    """All that the command's flags ask for.

    Raises:
        TPGANError: a model or backend that does not work here, or a training run that fails.
    """
    if args.rounds < 1:
        raise BenchmarkError("--rounds has to be above 0")
    machine, left_out = describe(), {}
    options = {"model": args.model, "backend": args.backend, "refine": False}
    counts, frames, rounds = FACES_A_CALL, FRAMES, args.rounds
    if args.quick:
        counts, frames, rounds = counts[:2], frames[:2], 3
    most, calls = (1, 3) if args.quick else (usable_cores(), CALLS)
    with Frontalizer(**options, max_batch=max(counts)) as frontalizer:
        rows = list(by_call(frontalizer, counts, rounds))
        try:
            rows += by_frames(frontalizer, frames, rounds)
        except TPGANError as error:
            left_out["frames"] = str(error)
        rows += by_threads(frontalizer, doubled(most), rounds)
    rows += by_processes(options, doubled(most), calls)
    if args.shards:
        workers, ranks, steps = args.workers, args.ranks, STEPS
        if args.quick:
            workers, ranks, steps = workers[:1], (), QUICK_STEPS
        with tempfile.TemporaryDirectory() as folder:
            try:
                rows.extend(training_rates(args.shards, workers, ranks, Path(folder), steps))
            except BenchmarkError as error:  # what is measured already stays
                left_out["training"] = str(error)
    else:
        left_out["training"] = "not asked for: --shards DIR"
    settings = {"rounds": rounds, "quick": args.quick, "calls": calls}
    return Result("scaling", machine, settings, rows, left_out)


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = command("scaling", __doc__, "few counts, few samples")
    add = p.add_argument
    add("--model", help="name of a packaged model, or path of an exported ONNX")
    add("--backend", default="auto", help="as for `tpgan frontalize`")
    add("--rounds", type=int, default=20, help="samples of each call")
    add("--shards", type=Path, metavar="DIR", help="rendered shards: measures training, too")
    add("--workers", type=int, nargs="+", default=[0, 1, 2], help="of training's data")
    add("--ranks", type=int, nargs="+", default=[1, 2], help="processes of training")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1: refused."""
    args = parser().parse_args(argv)
    return conclude("scaling", args.output, lambda: measure(args))


if __name__ == "__main__":
    sys.exit(main())
