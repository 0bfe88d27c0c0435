"""`python -m train.throughput`: how fast a configuration trains, and where the time goes.

A process prepares its data itself. On a CPU each process has one thread. Of a single one the
computing time is counted, so that other work on the machine hardly matters. Under torchrun, as
`torchrun --nproc-per-node 2 -m train.throughput ...`, and on a GPU it is wall time: leave the
machine alone meanwhile. Shares are those of the first process.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch

from tpgan_sdk.errors import TPGANError, TrainingError

from .data.example import Example
from .data.shard_examples import ShardExamples, training_batches
from .recognisers import load_recogniser
from .training.config import TrainConfig, load_config
from .training.device import DEVICES, on_device
from .training.distributed import Ranks, ranks
from .training.step_timer import StepTimer
from .training.trainer import Trainer

PARTS = ("data", "generator", "identity", "critic")


@dataclass(frozen=True, slots=True)
class Row:
    """One configuration's figures."""

    name: str
    batch: int
    rate: float
    """Images a second: the batch by the median time of a step."""
    shares: dict[str, float]
    """Part of the time by `PARTS`, 0 to 1."""


class Measured:
    """A run that does its steps when asked, so that several can take turns."""

    def __init__(self, name: str, run: Trainer, batches: Iterator[Example]) -> None:
        self.name, self.run, self.batches = name, run, batches
        self.times: list[float] = []

    def step(self) -> None:
        """One step with its data."""
        watch = self.run.step_timer
        before = sum(watch.seconds.values())
        with watch("data"):
            batch = next(self.batches)
        self.run.learn(batch, 0.0)
        self.times.append(sum(watch.seconds.values()) - before)

    def forget(self) -> None:
        """The first step allocates and compiles: it does not count."""
        self.times.clear()
        self.run.step_timer.shares()

    def row(self) -> Row:
        """What was measured."""
        batch = self.run.config.batch
        shares = self.run.step_timer.shares()
        return Row(self.name, batch, batch / median(self.times), shares)


def prepare(
    name: str, config: TrainConfig, data: Path, recogniser: Path | None, among: Ranks
) -> Measured:
    """A run of `config` with every loss on from the first step.

    Raises:
        TrainingError: data or configuration that cannot be used.
    """
    if config.batch % among.count:
        raise TrainingError(f"batch {config.batch} cannot be shared by {among.count} processes")
    config = replace(config, identity_after=0, adversarial_after=0, fetch_only_until=0)
    examples = ShardExamples(data, template=config.spec.template, margin=config.margin)
    computing = among.device.type == "cpu" and among.count == 1
    watch = StepTimer(time.process_time if computing else time.perf_counter, among.device)
    known = load_recogniser(recogniser) if recogniser else None
    run = Trainer(config, examples.classes, known, among=among, step_timer=watch)
    run.remember(examples)
    each, share = config.batch // among.count, (among.rank, among.count)
    batches = training_batches(examples, each, config.seed, 0, workers=0, share=share)
    return Measured(name, run, on_device(batches, among.device))


def measure(runs: list[Measured], steps: int) -> list[Row]:
    """Lets the runs take turns, step by step, after one step each that does not count."""
    for run in runs:
        run.step()
        run.forget()
    for _ in range(steps):
        for run in runs:
            run.step()
    return [run.row() for run in runs]


def markdown(rows: list[Row]) -> str:
    """The rows as a table; the shares in percent."""
    lines = ["| configuration | batch | images/s | " + " | ".join(f"{p}, %" for p in PARTS) + " |"]
    lines.append("|---" * (3 + len(PARTS)) + "|")
    for row in rows:
        shares = " | ".join(f"{100 * row.shares.get(part, 0.0):.0f}" for part in PARTS)
        lines.append(f"| {row.name} | {row.batch} | {row.rate:.2f} | {shares} |")
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = argparse.ArgumentParser(prog="python -m train.throughput", description=__doc__)
    p.add_argument("--config", action="append", metavar="NAME", help="as often as needed")
    p.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    p.add_argument(
        "--try",
        dest="tries",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a further row with this setting",
    )
    p.add_argument("--data", type=Path, required=True, help="folder of shards")
    p.add_argument("--recogniser", type=Path, help="weights for the identity losses")
    p.add_argument("--steps", type=int, default=5, help="that count, after one that does not")
    p.add_argument("--device", choices=DEVICES, default="auto")
    return p


def _runs(args: argparse.Namespace, among: Ranks) -> list[Measured]:
    return [
        prepare(
            f"{name} {setting}".strip(),
            load_config(name, [*args.settings, *([setting] if setting else [])]),
            args.data,
            args.recogniser,
            among,
        )
        for name in args.config or ["edge"]
        for setting in ["", *args.tries]
    ]


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    torch.set_num_threads(1)
    try:
        with ranks(args.device) as among:
            rows = measure(_runs(args, among), args.steps)
            if among.leads:
                print(markdown(rows))
    except TPGANError as error:
        print(f"throughput: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
