"""The training loop: read it from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from tpgan_sdk.errors import TrainingError

from ..data.datasets import open_examples
from ..data.example import Example, ExampleSet
from ..data.shard_examples import training_batches
from ..recognisers import load_recogniser
from . import atomic_folder
from .checkpoint_manager import CheckpointManager
from .config import TrainConfig
from .device import on_device
from .distillation import load_teacher
from .distributed import ALONE, Ranks
from .divergence import DivergenceCheck
from .logging import Report
from .run_settings import RunSettings
from .schedule import Clock
from .trainer import Trainer


def train(
    config: TrainConfig,
    settings: RunSettings,
    say: Callable[[str], None] = print,
    among: Ranks = ALONE,
) -> Path:
    """Trains until `config.steps` or `settings.max_minutes`, whichever ends first.

    With `max_minutes` the learning rate anneals to zero at that time if it comes before the last
    step, so a slot of any length ends in a finished model.

    Returns:
        The checkpoint's folder, `output/checkpoint`.

    Raises:
        TrainingError: data or configuration that cannot be used, a loss that is not finite, or a
            discriminator that diverges.
    """
    examples, checkpoints = _begin(config, settings, among, say)
    _make(settings.output)
    trainer, clock = checkpoints.trainer, checkpoints.clock
    report = (
        Report(settings.output, trainer, clock, checkpoints.means, say) if among.leads else None
    )
    divergence_check = DivergenceCheck(config, settings.folder)
    batches = _batches(examples, trainer, settings.workers)
    while (done := clock.done(trainer.step)) < 1:
        with trainer.step_timer("data"):
            batch = next(batches)
        losses = trainer.learn(batch, done)
        divergence_check.check(trainer.step, losses)
        if report is None:
            continue
        report.add(losses)
        if trainer.step % settings.log_every == 0:
            report.write(trainer.step)
        if trainer.step % settings.save_every == 0:
            checkpoints.save()
            report.show(trainer.step, checkpoints.heldout.batch if checkpoints.heldout else batch)
    if report is not None:
        checkpoints.save()
    return settings.folder


def plan(config: TrainConfig, settings: RunSettings, among: Ranks = ALONE) -> dict[str, Any]:
    """What `train` would work on; opens and builds all of it and writes nothing.

    Raises:
        TrainingError: whatever `train` refuses before its first step, except for a folder that
            cannot be written to.
    """
    _, checkpoints = _begin(config, settings, among, None)
    names = ("data", "heldout", "output", "recogniser", "teacher", "init")
    paths = {name: getattr(settings, name) for name in names}
    return {
        **{name: str(path) if path else None for name, path in paths.items()},
        **checkpoints.source,
        "device": str(among.device),
        "processes": among.count,
        "first_step": checkpoints.trainer.step,
    }


def _begin(
    config: TrainConfig, settings: RunSettings, among: Ranks, say: Callable[[str], None] | None
) -> tuple[ExampleSet, CheckpointManager]:
    """The data, and the run where its first step begins."""
    _check(config, settings, among)
    examples = open_examples(
        settings.dataset, settings.data, config.spec.template, margin=config.margin, say=say
    )
    trainer = _build(config, settings, examples.classes, among)
    checkpoints = CheckpointManager(
        trainer, settings, examples, Clock(config.steps, settings.max_minutes, among)
    )
    checkpoints.begin()
    return examples, checkpoints


def _check(config: TrainConfig, settings: RunSettings, among: Ranks) -> None:
    if config.batch % among.count:
        raise TrainingError(f"batch {config.batch} cannot be shared by {among.count} processes")
    if atomic_folder.latest(settings.folder).exists() and not settings.resume:
        raise TrainingError(
            f"{settings.folder} holds a checkpoint already; go on with it (--resume) or train into "
            "another folder"
        )


def _make(output: Path) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"cannot write to {output}: {error.strerror}") from None


def _build(config: TrainConfig, settings: RunSettings, classes: int, among: Ranks) -> Trainer:
    recogniser = load_recogniser(settings.recogniser) if settings.recogniser else None
    teacher = load_teacher(settings.teacher, config.spec.template) if settings.teacher else None
    torch.manual_seed(config.seed)  # here: the frozen networks above draw numbers as well
    return Trainer(config, classes, recogniser, teacher, among)


def _batches(examples: ExampleSet, trainer: Trainer, workers: int) -> Iterator[Example]:
    """This process's share of every batch, from the run's step on."""
    config, among = trainer.config, trainer.among
    each, start = config.batch // among.count, trainer.step * config.batch
    share = (among.rank, among.count)
    batches = training_batches(examples, each, config.seed, start, workers, share)
    return on_device(batches, among.device)
