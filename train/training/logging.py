"""Logging: console line, `log.jsonl`, TensorBoard."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from tpgan_sdk.geometry import CROP_SIZE

from ..data.example import Example
from ..networks.flow_generator import middle
from .schedule import Clock
from .tensorboard import TensorBoardWriter
from .trainer import Trainer
from .validation import frontalized

SHOWN = 8
"""Views in a picture for TensorBoard."""
DECAY = 0.98
"""A step, of the running means."""


class Report:
    """Running means of the losses, and the speed since the last line."""

    def __init__(
        self,
        output: Path,
        trainer: Trainer,
        clock: Clock,
        means: dict[str, float],
        say: Callable[[str], None],
    ) -> None:
        """`means` begin as those of the checkpoint; they are kept up to date here."""
        self.trainer, self.clock, self.means, self.say = trainer, clock, means, say
        self.log = output / "log.jsonl"
        _forget_after(self.log, trainer.step)
        self.board = TensorBoardWriter(output / "tensorboard", trainer.step, say)
        self._since = (trainer.step, time.monotonic())

    def add(self, terms: dict[str, float]) -> None:
        """The losses of one step."""
        for name, term in terms.items():
            self.means[name] = self.means.get(name, term) * DECAY + term * (1 - DECAY)

    def write(self, step: int) -> None:
        """A line everywhere."""
        now = time.monotonic()
        seconds = (now - self._since[1]) / (step - self._since[0])
        self._since = (step, now)
        rate = self.trainer.config.batch / seconds
        shares = {f"time/{part}": share for part, share in self.trainer.step_timer.shares().items()}
        figures = {"images_per_second": rate, **self.means, **shares}
        with self.log.open("a") as log:
            log.write(json.dumps({"step": step, **figures}) + "\n")
        self.board.scalars(step, figures)
        left = self.clock.left(step, 60 / seconds)
        parts = "  ".join(f"{name} {value:.4f}" for name, value in self.means.items())
        self.say(f"step {step:6d}  {rate:5.1f} images/s  {_duration(left)} left  {parts}")

    def show(self, step: int, batch: Example) -> None:
        """The first views of a batch in TensorBoard, as the averaged weights make them."""
        if self.board.active:
            first = {name: value[:SHOWN] for name, value in batch.items()}
            made = frontalized(self.trainer.averaged, first)
            crop = middle(first["face"], CROP_SIZE)
        self.board.pictures(step, crop, made, first["target"])


def _duration(minutes: float) -> str:
    return (
        f"{int(minutes // 60)}:{int(minutes % 60):02d} h" if minutes >= 60 else f"{minutes:.1f} min"
    )


def _forget_after(log: Path, step: int) -> None:
    """Drops what an interrupted run wrote after its last checkpoint: it comes again."""
    if log.exists():
        lines = [line for line in log.read_text().splitlines() if _step(line) <= step]
        log.write_text("".join(line + "\n" for line in lines))


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError):  # the last line of a killed run
        return float("inf")
