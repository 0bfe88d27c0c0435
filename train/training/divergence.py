"""Divergence check: stops a run that has gone wrong, and says what to go back to."""

from __future__ import annotations

import math
from pathlib import Path

from tpgan_sdk.errors import TrainingError

from . import atomic_folder
from .config import TrainConfig


class DivergenceCheck:
    """Looks at the losses of every step."""

    def __init__(self, config: TrainConfig, folder: Path) -> None:
        self.bound, self.patience, self.folder = config.critic_bound, config.critic_patience, folder
        self._beyond = 0

    def check(self, step: int, terms: dict[str, float]) -> None:
        """
        Raises:
            TrainingError: a loss is not finite, or the discriminator's has been beyond its bound
                for too long.
        """
        if not all(math.isfinite(term) for term in terms.values()):
            raise TrainingError(
                f"a loss is not finite at step {step}: {_list(terms)}; "
                f"{last_checkpoint(self.folder)}"
            )
        if "critic" in terms:
            self._beyond = self._beyond + 1 if abs(terms["critic"]) > self.bound else 0
        if self._beyond >= self.patience:
            raise TrainingError(
                f"the discriminator diverged: at step {step} its loss is {terms['critic']:.4g}, "
                f"beyond +-{self.bound:g} {self._beyond} times in a row; "
                f"{last_checkpoint(self.folder)}. "
                "A lower critic_learning_rate, critic_spectral_norm or critic_r1 may hold it"
            )


def last_checkpoint(folder: Path) -> str:
    """What to go back to, for messages."""
    last = atomic_folder.latest(folder)
    return f"the last good checkpoint is {last}" if last.exists() else "nothing was saved yet"


def _list(terms: dict[str, float]) -> str:
    return ", ".join(f"{name}={term:.4g}" for name, term in terms.items())
