"""The training loop: read it from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from tpgan_sdk.errors import TrainingError

from ..data.datasets import open_examples
from ..data.example import Example, ExampleSet
from ..data.examples import training_batches
from ..recognisers import load_recogniser
from . import atomic
from .config import TrainConfig
from .device import on_device
from .guard import Guard
from .job import Job
from .keeper import Keeper
from .parallel import ALONE, Ranks
from .report import Report
from .run import Run
from .schedule import Clock
from .teacher import load_teacher


def train(
    config: TrainConfig, job: Job, say: Callable[[str], None] = print, among: Ranks = ALONE
) -> Path:
    """Trains until `config.steps` or `job.max_minutes`, whichever ends first.

    With `max_minutes` the learning rate anneals to zero at that time if it comes before the last
    step, so a slot of any length ends in a finished model.

    Returns:
        The checkpoint's folder, `output/checkpoint`.

    Raises:
        TrainingError: data or configuration that cannot be used, a loss that is not finite, or a
            discriminator that diverges.
    """
    examples, keeper = _begin(config, job, among, say)
    _make(job.output)
    run, clock = keeper.run, keeper.clock
    report = Report(job.output, run, clock, keeper.means, say) if among.leads else None
    guard = Guard(config, job.folder)
    batches = _batches(examples, run, job.workers)
    while (done := clock.done(run.step)) < 1:
        with run.stopwatch("data"):
            batch = next(batches)
        losses = run.learn(batch, done)
        guard.check(run.step, losses)
        if report is None:
            continue
        report.add(losses)
        if run.step % job.log_every == 0:
            report.write(run.step)
        if run.step % job.save_every == 0:
            keeper.save()
            report.show(run.step, keeper.heldout.batch if keeper.heldout else batch)
    if report is not None:
        keeper.save()
    return job.folder


def plan(config: TrainConfig, job: Job, among: Ranks = ALONE) -> dict[str, Any]:
    """What `train` would work on; opens and builds all of it and writes nothing.

    Raises:
        TrainingError: whatever `train` refuses before its first step, except for a folder that
            cannot be written to.
    """
    _, keeper = _begin(config, job, among, None)
    names = ("data", "heldout", "output", "recogniser", "teacher", "init")
    paths = {name: getattr(job, name) for name in names}
    return {
        **{name: str(path) if path else None for name, path in paths.items()},
        **keeper.source,
        "device": str(among.device),
        "processes": among.count,
        "first_step": keeper.run.step,
    }


def _begin(
    config: TrainConfig, job: Job, among: Ranks, say: Callable[[str], None] | None
) -> tuple[ExampleSet, Keeper]:
    """The data, and the run where its first step begins."""
    _check(config, job, among)
    examples = open_examples(
        job.dataset, job.data, config.spec.template, margin=config.margin, say=say
    )
    run = _build(config, job, examples.classes, among)
    keeper = Keeper(run, job, examples, Clock(config.steps, job.max_minutes, among))
    keeper.begin()
    return examples, keeper


def _check(config: TrainConfig, job: Job, among: Ranks) -> None:
    if config.batch % among.count:
        raise TrainingError(f"batch {config.batch} cannot be shared by {among.count} processes")
    if atomic.latest(job.folder).exists() and not job.resume:
        raise TrainingError(
            f"{job.folder} holds a checkpoint already; go on with it (--resume) or train into "
            "another folder"
        )


def _make(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"cannot write to {output}: {error.strerror}") from None


def _build(config: TrainConfig, job: Job, classes: int, among: Ranks) -> Run:
    recogniser = load_recogniser(job.recogniser) if job.recogniser else None
    teacher = load_teacher(job.teacher, config.spec.template) if job.teacher else None
    torch.manual_seed(config.seed)  # here: the frozen networks above draw numbers as well
    return Run(config, classes, recogniser, teacher, among)


def _batches(examples: ExampleSet, run: Run, workers: int) -> Iterator[Example]:
    """This process's share of every batch, from the run's step on."""
    config, among = run.config, run.among
    each, start = config.batch // among.count, run.step * config.batch
    share = (among.rank, among.count)
    batches = training_batches(examples, each, config.seed, start, workers, share)
    return on_device(batches, among.device)
