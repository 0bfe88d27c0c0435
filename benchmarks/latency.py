"""`python -m benchmarks.latency`: how long this SDK takes, cold and warm, and where the time goes.

Rows of kind "latency": aligned crops to pictures with each model, precision, backend and batch
that works here, warm in turns, and cold with its memory in a process of its own. Kind "stages": one
photo, from its file to a file with the face put back. PyTorch is needed for `paper` only.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, product
from pathlib import Path
from typing import Any, Final

from tpgan_sdk import Frontalizer
from tpgan_sdk.backends import BACKENDS
from tpgan_sdk.backends.parity import FACES
from tpgan_sdk.errors import TPGANError
from tpgan_sdk.images.files import read_image
from tpgan_sdk.models.model import Model

from .command import command, conclude
from .hardware.cores import use_cores
from .hardware.energy import Meter, open_meter
from .hardware.machine import describe
from .inference.variants import UNTRAINED, made, variant_builders
from .measuring.cold import cold_start
from .measuring.progress import Say, aloud
from .measuring.stages import stages
from .measuring.timing import interleave
from .reporting.results import Result

BATCHES: Final = (1, 4, 16)
_ENERGY_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for; the command's flags, one to one."""

    batches: Sequence[int] = BATCHES
    rounds: int = 100
    threads: int | None = None
    """None: all cores that this process may use."""
    calibration: Path | None = None
    photo: Path | None = None
    quick: bool = False

    def rounds_of(self, preset: str, batch: int) -> int:
        """About the same time for every batch; `paper` gets a seventh of it."""
        if self.quick:
            return 3
        return max(5, self.rounds // (7 * batch if preset == UNTRAINED else batch))


@dataclass(slots=True)
class _Candidate:
    """One open Frontalizer and what it is measured with."""

    model: Model
    backend: str
    frontalizer: Frontalizer
    call: Callable[[], Any]

    @property
    def name(self) -> str:
        return f"{self.model.info.preset} {self.model.info.precision}, {self.backend}"


def measure(request: Request, say: Say = aloud) -> Result:
    """Runs everything that this machine can.

    Raises:
        BenchmarkError: more threads than cores.
    """
    machine = describe()
    threads = use_cores(request.threads)
    left_out: dict[str, str] = {}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        say("models")
        models = made(variant_builders(Path(folder), request.calibration, request.quick), left_out)
        for batch, (preset, group) in product(request.batches, _by_preset(models)):
            say(f"{preset}, batch {batch}")
            candidates = _open(group, batch, left_out)
            rounds = request.rounds_of(preset, batch)
            rows += _rows(candidates, batch, rounds, request.quick, left_out)
    say("stages")
    try:
        rows.append(stages(3 if request.quick else request.rounds, request.photo))
    except TPGANError as error:
        left_out["stages"] = str(error)
    settings = {"batches": list(request.batches), "rounds": request.rounds, "threads": threads}
    return Result("latency", machine, {**settings, "quick": request.quick}, rows, left_out)


def _by_preset(models: Sequence[Model]) -> list[tuple[str, list[Model]]]:
    return [(name, list(group)) for name, group in groupby(models, lambda m: m.info.preset)]


def _open(models: Sequence[Model], batch: int, left_out: dict[str, str]) -> list[_Candidate]:
    crops, points = _crops(batch)
    found = []
    for model, backend in product(models, BACKENDS):
        try:
            frontalizer = Frontalizer(model, backend, refine=False, max_batch=batch)
        except TPGANError as error:
            left_out[f"{model.info.preset} {model.info.precision}, {backend}"] = str(error)
            continue
        call = partial(frontalizer.frontalize_aligned, crops, points)
        found.append(_Candidate(model, backend, frontalizer, call))
    return found


def _crops(batch: int) -> tuple[list[Any], list[Any]]:
    """The first parity faces and their landmarks, from the beginning again after the last."""
    points = json.loads((FACES / "landmarks.json").read_text())
    names = sorted(path.name for path in FACES.glob("*.png"))
    chosen = [names[index % len(names)] for index in range(batch)]
    return [read_image(FACES / name) for name in chosen], [points.get(name) for name in chosen]


def _rows(
    candidates: Sequence[_Candidate],
    batch: int,
    rounds: int,
    quick: bool,
    left_out: dict[str, str],
) -> list[dict[str, Any]]:
    warm = interleave({c.name: c.call for c in candidates}, rounds, 1, 0 if quick else 1)
    rows = []
    for candidate in candidates:
        info = candidate.model.info
        row: dict[str, Any] = {
            **{"kind": "latency", "preset": info.preset, "precision": info.precision},
            **{"backend": candidate.backend, "device": candidate.frontalizer.backend.device},
            **{"batch": batch, **warm[candidate.name].rate_row(batch)},
            **_energy(candidate, batch, quick, left_out),
        }
        candidate.frontalizer.close()
        try:
            row |= cold_start(str(candidate.model.path), candidate.backend, batch)
        except TPGANError as error:
            left_out[f"{candidate.name}, cold"] = str(error)
        rows.append(row)
    return rows


def _energy(
    candidate: _Candidate, batch: int, quick: bool, left_out: dict[str, str]
) -> dict[str, Any]:
    """Of calls one after the other for a while; nothing where no meter tells."""
    meter = open_meter(candidate.frontalizer.backend.device.startswith("cuda"))
    if not isinstance(meter, Meter):
        left_out["energy"] = meter
        return {}
    calls, until = 0, time.perf_counter() + (0.5 if quick else _ENERGY_SECONDS)
    with meter:
        while time.perf_counter() < until:
            candidate.call()
            calls += 1
    try:
        return meter.energy().row(faces=calls * batch)
    except TPGANError as error:  # a board with rails that nobody knows
        left_out["energy"] = str(error)
        return {}


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = command("latency", __doc__, "without paper, batch 1, few rounds")
    add = p.add_argument
    add("--batch", type=int, action="append", metavar="N", help="default: 1, 4 and 16")
    add("--rounds", type=int, default=100, help="samples of each at batch 1; of paper a seventh")
    add("--threads", type=int, help="of every backend; default: the usable cores")
    add("--calibration", type=Path, metavar="DIR", help="200 or more aligned faces, for INT8")
    add("--photo", type=Path, help="for the stages; default: an example, enlarged to 640 px")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1: refused."""
    args = parser().parse_args(argv)
    batches = args.batch or ((1,) if args.quick else BATCHES)
    request = Request(batches, args.rounds, args.threads, args.calibration, args.photo, args.quick)
    return conclude("latency", args.output, lambda: measure(request))


if __name__ == "__main__":
    sys.exit(main())
