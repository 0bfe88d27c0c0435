"""`python -m benchmarks.peers`: runtimes side by side, timed in turns, pictures compared.

Rows of kind "runtime": a preset's network in every runtime of this machine. `speedup` is against
PyTorch eager on the same device, `sdk_speedup` that of the SDK's fastest backend against the
row's runtime. Kind "seed": the packaged model from an aligned crop to its picture, against the
seed's network in eager. Kind "int8": the packaged model in INT8 against itself in FP32.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Final

import torch

from tpgan_sdk.backends.parity import Inputs
from tpgan_sdk.errors import TPGANError
from tpgan_sdk.gpu.cuda import CudaDriver, find_driver
from tpgan_sdk.models.model import load_model

from .command import command, conclude
from .hardware.cores import use_cores
from .hardware.machine import describe
from .inference.comparison import Comparison
from .inference.gpu_runtimes import GPU
from .inference.networks import BenchmarkNetwork, make_benchmark_network
from .inference.packaged import against_itself_in_int8, against_seed
from .inference.runtimes import CPU, SHIPPED, Opened, Runtime, sdk_backend
from .measuring.progress import Say, aloud
from .measuring.timing import Pace
from .reporting.results import Result

SEED: Final = "paper"
"""The preset that is the seed's network."""
PRESETS: Final = ("edge", SEED)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for; the command's flags, one to one."""

    presets: Sequence[str] = PRESETS
    batches: Sequence[int] = (1,)
    rounds: int = 100
    threads: int | None = None
    """None: all cores that this process may use."""
    checkpoints: Mapping[str, Path] = field(default_factory=dict)
    """Weights by preset; the others get random ones, which take the same time."""
    onnx: Mapping[str, Path] = field(default_factory=dict)
    """Further exported graphs, by the name of their row."""
    models: Path | None = None
    """Folder that keeps the exported graphs, or has them already."""
    calibration: Path | None = None
    recogniser: Path | None = None
    quick: bool = False

    def pace(self, preset: str) -> Pace:
        """A face of `paper` takes a CPU so long that what ran before it does not matter."""
        if self.quick:
            return Pace(3, 0)
        return Pace(max(5, self.rounds // 7), 0) if preset == "paper" else Pace(self.rounds, 2)


def measure(request: Request, say: Say = aloud) -> Result:
    """Runs everything that this machine can.

    Raises:
        BenchmarkError: an unknown preset, more threads than cores.
        TPGANError: a checkpoint or an ONNX that cannot be used.
    """
    machine = describe()
    threads = use_cores(request.threads)
    torch.set_num_threads(threads)
    further = [(load_model(path).info.preset, name, path) for name, path in request.onnx.items()]
    found = Comparison()
    driver = find_driver()
    if not isinstance(driver, CudaDriver):
        found.left_out["everything on a GPU"] = driver
    with tempfile.TemporaryDirectory() as temporary:
        folder = request.models or Path(temporary)
        subjects = {
            preset: make_benchmark_network(preset, folder, request.checkpoints.get(preset))
            for preset in dict.fromkeys((*request.presets, SEED))
        }
        for preset, batch in product(request.presets, request.batches):
            subject = subjects[preset]
            reference = CPU[0].open(subject, subject.faces(batch)).run()
            others = preset not in request.checkpoints
            own = [_further(name, path, others) for of, name, path in further if of == preset]
            for runtimes in _by_device(own, isinstance(driver, CudaDriver), request.quick):
                found.add(subject, runtimes, reference, request.pace(preset), say)
        say("the packaged model against the seed's network")
        found.rows += against_seed(subjects[SEED], request.pace(SEED))
    say("the packaged model in INT8")
    try:
        found.rows += against_itself_in_int8(
            request.calibration, request.recogniser, request.pace("edge"), request.quick
        )
    except TPGANError as error:
        found.left_out["INT8"] = str(error)
    settings = {
        "batches": list(request.batches),
        "rounds": {preset: asdict(request.pace(preset)) for preset in request.presets},
        "threads": threads,
        "weights": {p: "trained" if p in request.checkpoints else "random" for p in subjects},
        "quick": request.quick,
    }
    return Result("peers", machine, settings, found.rows, found.left_out)


def _by_device(own: Sequence[Runtime], gpu: bool, quick: bool) -> Iterator[list[Runtime]]:
    """The runtimes of the CPU and, where there is one, of the GPU; each baseline first."""
    every = (*CPU, *GPU, *SHIPPED, *own)
    for device in ("cpu", "cuda") if gpu else ("cpu",):
        yield [r for r in every if r.device == device and not (quick and r.compiles)]


def _further(name: str, path: Path, own_weights: bool) -> Runtime:
    def opener(_: BenchmarkNetwork, inputs: Inputs) -> Opened:
        return sdk_backend(path, "onnxruntime-cpu", inputs)

    what, precision = f"onnxruntime-cpu, {path.name}", load_model(path).info.precision
    return Runtime(name, what, precision, opener, own_weights=own_weights)


def _named_path(text: str) -> tuple[str, Path]:
    name, given, path = text.partition("=")
    if not (name and given and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, Path(path)


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = command("peers", __doc__, "edge alone, few rounds, nothing that compiles")
    add = p.add_argument
    add("--preset", action="append", metavar="NAME", help="default: edge and paper")
    add("--batch", type=int, action="append", metavar="N", help="as often as needed; default: 1")
    add("--rounds", type=int, default=100, help="samples of each runtime; of paper a seventh")
    add("--threads", type=int, help="of every runtime; default: the usable cores")
    add(
        "--checkpoint",
        type=_named_path,
        action="append",
        default=[],
        metavar="PRESET=DIR",
        help="trained weights instead of random ones, which take the same time",
    )
    add(
        "--onnx",
        type=_named_path,
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="another exported ONNX, as a further row of its preset",
    )
    add("--models", type=Path, metavar="DIR", help="keeps the exported ONNX; takes what is there")
    add("--calibration", type=Path, metavar="DIR", help="200 or more aligned faces, for INT8")
    add("--recogniser", type=Path, help="weights of a recogniser: tells the identity kept by INT8")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1: refused."""
    args = parser().parse_args(argv)
    request = Request(
        presets=args.preset or (("edge",) if args.quick else PRESETS),
        batches=args.batch or (1,),
        rounds=args.rounds,
        threads=args.threads,
        checkpoints=dict(args.checkpoint),
        onnx=dict(args.onnx),
        models=args.models,
        calibration=args.calibration,
        recogniser=args.recogniser,
        quick=args.quick,
    )
    return conclude("peers", args.output, lambda: measure(request))


if __name__ == "__main__":
    sys.exit(main())
