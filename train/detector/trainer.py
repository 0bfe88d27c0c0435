"""Training of the detector, from YuNet's weights."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from tpgan_sdk.models.model import sha256_of
from train.auxiliary.loop import gradient_step, train_for_minutes
from train.auxiliary.weights import load_weights, save_weights

from .box_codec import cells_of
from .examples import DetectionExamples, batches
from .losses import loss_of
from .network import DetectorNetwork
from .scene import SIZE

WEIGHTS: Final = "detector.safetensors"


@dataclass(frozen=True, slots=True)
class Config:
    """One training run."""

    batch: int = 8
    learning_rate: float = 1e-3
    """Highest, of Adam; rises over the first `warmup` steps, then falls as a cosine of time."""
    warmup: int = 50
    ema: float = 0.99
    """Of the averaged weights, per step."""
    kept: float = 0.5
    """Share of YuNet's weights in those that are written."""
    max_minutes: float = 40.0
    workers: int = 1
    """Processes that make pictures."""
    seed: int = 0


def train(pictures: DetectionExamples, yunet: Path, output: Path, config: Config) -> None:
    """Trains what tells of points; writes weights and log into `output` every minute.

    Args:
        pictures: examples.
        yunet: ONNX whose weights to begin with; those that tell of faces stay as they are.
        output: a folder that exists.
        config: how.

    Raises:
        TrainingError: no YuNet.
    """
    torch.manual_seed(config.seed)
    network = DetectorNetwork()
    network.borrow(yunet)
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    start = copy.deepcopy(network)
    network.requires_grad_(False)
    for part in (network.point_units, network.point_heads):
        part.requires_grad_(True)
    trained = [value for value in network.parameters() if value.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=config.learning_rate)
    stream, cells = batches(pictures, config.batch, config.workers), cells_of(SIZE, SIZE)
    about = {"views": pictures.views, "portraits": pictures.photos, "config": asdict(config)}
    about["begun_from"] = f"{yunet.name}, SHA-256 {sha256_of(yunet)}"

    def step() -> float:
        images, faces = next(stream)
        return gradient_step(
            network, optimizer, images, lambda output: loss_of(output, faces, cells)
        )

    for entry, averaged in train_for_minutes(network, optimizer, step, config, output):
        save_weights(mixed(averaged, start, config.kept), output / WEIGHTS, entry | about)


def mixed(trained: nn.Module, start: nn.Module, kept: float) -> dict[str, Tensor]:
    """Weights between those before and after training: photos are not forgotten for renders.

    Source: Wortsman et al., "Robust fine-tuning of zero-shot models", 2022.
    """
    before = start.state_dict()
    return {name: value.lerp(before[name], kept) for name, value in trained.state_dict().items()}


def load_network(weights: Path) -> DetectorNetwork:
    """The network with trained weights, in evaluation mode.

    Raises:
        TrainingError: no such file, or the weights of another network.
    """
    expected = f"{WEIGHTS}, written by `python -m train.detector`"
    return load_weights(DetectorNetwork(), weights, "detector", expected)
