"""Run settings: data, recogniser, folders and length of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tpgan_sdk.errors import TrainingError


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run works on; `TrainConfig` says what it is."""

    data: Path
    """Folder of shards or of Multi-PIE, or a CSV of pairs."""
    output: Path
    """Gets `checkpoint/`, `best/`, `log.jsonl` and `tensorboard/`."""
    dataset: str = "rendered"
    """One of `train.data.datasets.DATASETS`: what `data` is."""
    recogniser: Path | None = None
    """Weights for the identity losses."""
    teacher: Path | None = None
    """Checkpoint to learn from, for `distill`."""
    heldout: Path | None = None
    """Shards or CSV of other people, to choose the best checkpoint on."""
    init: Path | None = None
    """What a new run begins with: the averaged weights of a checkpoint, or an exported model."""
    resume: bool = False
    """Whether to go on from the checkpoint in `output`."""
    max_minutes: float | None = None
    """The learning rate anneals to zero by then, if that comes before the last step."""
    workers: int = 1
    """Processes that prepare batches."""
    log_every: int = 50
    """Steps between two lines of the log."""
    save_every: int = 500
    """Steps between two checkpoints."""
    keep: int = 1
    """Checkpoints to keep, besides the best one."""

    def __post_init__(self) -> None:
        for name in ("max_minutes", "log_every", "save_every", "keep"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise TrainingError(f"{name} is {value}; expected more than 0")

    @property
    def folder(self) -> Path:
        """The checkpoint."""
        return self.output / "checkpoint"

    @property
    def best(self) -> Path:
        """The checkpoint with the lowest held-out loss."""
        return self.output / "best"
