"""Learning-rate schedule, and the end of a run."""

from __future__ import annotations

import math
import time

from .config import TrainConfig
from .distributed import ALONE, Ranks, broadcast_from_leader


def rate_factor(step: int, done: float, warmup: int = 0) -> float:
    """Of the highest learning rate: linear warm-up, then half a cosine to zero.

    Args:
        step: counted from 0.
        done: part of the run that lies behind; 1 or more: it is over.
        warmup: steps of it.
    """
    warm = min(1.0, (step + 1) / max(1, warmup))
    return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def learning_rate(config: TrainConfig, step: int, done: float) -> float:
    """Of the generator."""
    return config.learning_rate * rate_factor(step, done, config.warmup)


class Clock:
    """The end of a run: its last step, or the end of its time if that comes before."""

    def __init__(self, steps: int, max_minutes: float | None, among: Ranks = ALONE) -> None:
        self.steps, self.max_minutes, self.among = steps, max_minutes, among
        self._begun = time.monotonic()

    @property
    def minutes(self) -> float:
        """Since this stretch began."""
        return (time.monotonic() - self._begun) / 60

    def done(self, step: int) -> float:
        """Part of the run that lies behind, the same in all processes; 1 or more: it ends."""
        steps = step / self.steps
        if self.max_minutes is None:
            return steps
        return max(steps, broadcast_from_leader(self.minutes, self.among) / self.max_minutes)

    def left(self, step: int, steps_a_minute: float) -> float:
        """Minutes that it will still take."""
        by_steps = (self.steps - step) / steps_a_minute
        if self.max_minutes is None:
            return by_steps
        return max(0.0, min(by_steps, self.max_minutes - self.minutes))
