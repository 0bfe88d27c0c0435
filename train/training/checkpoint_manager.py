"""Checkpoint manager: when to save, which is the best, how a run begins from one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tpgan_sdk.errors import TrainingError

from ..data.datasets import open_examples
from ..data.example import ExampleSet
from . import checkpoint
from .checkpoint import CheckpointState
from .divergence import last_checkpoint
from .run_settings import RunSettings
from .schedule import Clock
from .trainer import Trainer
from .validation import ValidationBatch


class CheckpointManager:
    """The checkpoints of one run."""

    def __init__(
        self, trainer: Trainer, settings: RunSettings, examples: ExampleSet, clock: Clock
    ) -> None:
        self.trainer, self.settings, self.clock, self.examples = trainer, settings, clock, examples
        self.source: dict[str, Any] = {
            "dataset": settings.dataset,
            "views": len(examples),
            "identities": examples.classes,
            "index": examples.index(),
        }
        self.heldout = _held_out(trainer, settings)
        self.means: dict[str, float] = {}
        """Running means of the losses, which the report keeps."""
        self.best: float | None = None
        self._minutes = 0.0
        self._saved: int | None = None

    def begin(self) -> None:
        """Puts the run where the job wants it: at a checkpoint, or at the weights of another run.

        Raises:
            ModelError: there is no such model.
            TrainingError: there is no such checkpoint, or it is of another configuration or
                of other data.
        """
        self.trainer.remember(self.examples)
        if self.settings.resume:
            state = checkpoint.load_state(self.settings.folder)
            self._refuse_other(state)
            self._refuse_other_data(state)
            self.trainer.restore(self.settings.folder, state)
            self.means, self.best, self._minutes = dict(state.losses), state.best, state.minutes
            self._saved = state.step if self.settings.folder.exists() else None
        elif self.settings.init is not None:
            self.trainer.start_from(self.settings.init, self.examples)

    def save(self) -> None:
        """Writes a checkpoint, unless there is one of this very step.

        Raises:
            TrainingError: a weight is not finite; the checkpoint that there is stays.
        """
        if self._saved == self.trainer.step:
            return
        self._refuse_broken()
        loss = self.heldout.loss(self.trainer.averaged) if self.heldout else None
        is_best = loss is not None and (self.best is None or loss < self.best)
        self.best = loss if is_best else self.best
        checkpoint.save(
            self.settings.folder,
            self._state(loss),
            self.trainer.modules,
            self.trainer.optimizers,
            self.settings.keep,
            self.settings.best if is_best else None,
        )
        self._saved = self.trainer.step

    def _state(self, loss: float | None) -> CheckpointState:
        config = self.trainer.config
        return CheckpointState(
            preset=config.preset,
            classes=self.trainer.classes,
            step=self.trainer.step,
            images=self.trainer.step * config.batch,
            minutes=self._minutes + self.clock.minutes,
            config=asdict(config),
            data=self.source,
            losses=self.means,
            heldout=loss,
            best=self.best,
            scaler=self.trainer.scaler.state_dict(),
        )

    def _refuse_broken(self) -> None:
        """A gradient can break the weights in a step whose losses were finite."""
        for name, module in self.trainer.modules.items():
            for key, value in module.state_dict().items():
                if value.is_floating_point() and not value.isfinite().all():
                    raise TrainingError(
                        f"{key} of {name} is not finite after step {self.trainer.step} and was not "
                        f"saved; {last_checkpoint(self.settings.folder)}. A lower learning_rate "
                        "may hold it"
                    )

    def _refuse_other(self, state: CheckpointState) -> None:
        """Only the length of a run may change on the way: anything else would be another run."""
        now = asdict(self.trainer.config)
        changed = [k for k, v in state.config.items() if k != "steps" and now.get(k, v) != v]
        if changed:
            raise TrainingError(
                f"{self.settings.folder} cannot be resumed with another {', '.join(changed)}; "
                "resume with the configuration in its checkpoint.json, or train into another folder"
            )

    def _refuse_other_data(self, state: CheckpointState) -> None:
        """Classes and the place in the data are those of the data that the run began on."""
        before = self.source | state.data  # older checkpoints do not name all of it
        if before != self.source:
            raise TrainingError(
                f"{self.settings.folder} was trained on {_described(before)}, "
                f"{self.settings.data} holds {_described(self.source)}; resume with the same "
                "data, or begin a new run with its weights: --init"
            )


def _described(source: dict[str, Any]) -> str:
    return (
        f"{source['views']} views of {source['identities']} identities ({source['dataset']}, index "
        f"{source['index'][:8]})"
    )


def _held_out(trainer: Trainer, settings: RunSettings) -> ValidationBatch | None:
    if settings.heldout is None or not trainer.among.leads:
        return None
    dataset = "csv" if settings.heldout.is_file() else "rendered"
    template = trainer.config.spec.template
    examples = open_examples(dataset, settings.heldout, template, False, trainer.config.margin)
    return ValidationBatch(examples, trainer.among.device)
