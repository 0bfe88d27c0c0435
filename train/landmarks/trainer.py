"""Training of the refiner, from random weights or YuNet's backbone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional as F

from tpgan_sdk.models.model import sha256_of
from train.auxiliary.loop import gradient_step, train_for_minutes
from train.auxiliary.weights import load_weights, save_weights, training_note

from .examples import Examples, batches
from .network import Refiner
from .views import read_views

WEIGHTS: Final = "refiner.safetensors"
# Shares of half the input below which an error counts squared: about half a pixel.
SOFT: Final = 0.01
POSE_WEIGHT: Final = 0.3


@dataclass(frozen=True, slots=True)
class Config:
    """One training run."""

    batch: int = 64
    learning_rate: float = 1e-3
    """Highest, of AdamW; rises over the first `warmup` steps, then falls as a cosine of time."""
    warmup: int = 50
    weight_decay: float = 0.01
    ema: float = 0.995
    """Of the averaged weights, per step."""
    max_minutes: float = 40.0
    workers: int = 1
    """Processes that make examples."""
    seed: int = 0


def loss_of(output: Tensor, truth: Tensor) -> Tensor:
    """Smooth L1 of the points, and of the pose with less weight; what is NaN does not count."""
    known = torch.where(truth.isnan(), output.detach(), truth)
    points = F.smooth_l1_loss(output[:, :10], known[:, :10], beta=SOFT)
    pose = F.smooth_l1_loss(output[:, 10:], known[:, 10:], beta=SOFT)
    return points + POSE_WEIGHT * pose


def train(
    data: Sequence[Path],
    output: Path,
    config: Config,
    start: Path | None = None,
    yunet: Path | None = None,
) -> None:
    """One run; writes weights and log into `output` every minute and at the end.

    Args:
        data: folders of views.
        output: is made where it does not exist.
        config: how.
        start: weights to begin with, of an earlier run.
        yunet: ONNX whose backbone to begin with, where `start` is None.

    Raises:
        TrainingError: no views, or weights of another network.
    """
    torch.manual_seed(config.seed)
    examples = Examples([v for folder in data for v in read_views(folder)], config.seed)
    network, begun_from = _first_weights(start, yunet)
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    stream = batches(examples, config.batch, config.workers)
    output.mkdir(parents=True, exist_ok=True)

    def step() -> float:
        return _step(network, optimizer, *next(stream))

    for entry, averaged in train_for_minutes(network, optimizer, step, config, output):
        note = {"views": len(examples), **entry, "config": asdict(config)}
        note["begun_from"] = begun_from
        save_weights(averaged.state_dict(), output / WEIGHTS, note)


def _first_weights(start: Path | None, yunet: Path | None) -> tuple[Refiner, Any]:
    """The network, and for the record what its weights are: a text, or the earlier run's note."""
    if start:
        return load_refiner(start), training_note(start)
    network = Refiner()
    if yunet:
        network.borrow(yunet)
        return network, f"backbone of {yunet.name}, SHA-256 {sha256_of(yunet)}"
    return network, "random weights"


def _step(
    network: Refiner, optimizer: torch.optim.Optimizer, image: Tensor, truth: Tensor
) -> float:
    return gradient_step(network, optimizer, image, lambda output: loss_of(output, truth))


def load_refiner(weights: Path) -> Refiner:
    """The network with trained weights, in evaluation mode.

    Raises:
        TrainingError: no such file, or the weights of another network.
    """
    expected = f"{WEIGHTS}, written by `python -m train.landmarks.refiner`"
    return load_weights(Refiner(), weights, "refiner", expected)
