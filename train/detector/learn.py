"""One run of training, from YuNet's weights to ours."""

from __future__ import annotations

import copy
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.model import sha256_of
from train.run import average, decay_at

from .codec import Cells, cells_of
from .examples import Pictures, batches
from .losses import loss_of
from .network import DetectorNetwork
from .scene import SIZE

WEIGHTS: Final = "detector.safetensors"
LOG: Final = "log.jsonl"


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


def train(pictures: Pictures, yunet: Path, output: Path, config: Config) -> None:
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
    start, averaged = copy.deepcopy(network), copy.deepcopy(network).eval()
    network.requires_grad_(False)
    for part in (network.point_units, network.point_heads):
        part.requires_grad_(True)
    trained = [value for value in network.parameters() if value.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=config.learning_rate)
    stream, cells = batches(pictures, config.batch, config.workers), cells_of(SIZE, SIZE)
    about = {"views": pictures.views, "portraits": pictures.photos, "config": asdict(config)}
    about["begun_from"] = f"{yunet.name}, SHA-256 {sha256_of(yunet)}"
    begun = saved = time.perf_counter()
    running, step, done = 0.0, 0, 0.0
    with (output / LOG).open("w") as log:
        while done < 1.0:
            rate = min(1.0, (step + 1) / config.warmup) * 0.5 * (1 + math.cos(math.pi * done))
            optimizer.param_groups[0]["lr"] = config.learning_rate * rate
            loss = _step(network, optimizer, *next(stream), cells)
            average(averaged, network, min(config.ema, decay_at(step)))
            running = loss if step == 0 else 0.98 * running + 0.02 * loss
            step += 1
            now = time.perf_counter()
            done = (now - begun) / 60 / config.max_minutes
            if now - saved > 60 or done >= 1.0:
                saved = now
                minutes = (now - begun) / 60
                entry = {"step": step, "minutes": round(minutes, 1), "loss": round(running, 5)}
                log.write(json.dumps(entry) + "\n")
                log.flush()
                print(entry, flush=True)
                state = mixed(averaged, start, config.kept)
                save_file(state, output / WEIGHTS, {"training": json.dumps(entry | about)})


def mixed(trained: nn.Module, start: nn.Module, kept: float) -> dict[str, Tensor]:
    """Weights between those before and after training: photos are not forgotten for renders.

    Source: Wortsman et al., "Robust fine-tuning of zero-shot models", 2022.
    """
    before = start.state_dict()
    return {
        name: value.lerp(before[name], kept).contiguous()
        for name, value in trained.state_dict().items()
    }


def _step(
    network: DetectorNetwork,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    faces: Tensor,
    cells: Cells,
) -> float:
    images = images.float().contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(images)
    loss = loss_of(output.float(), faces, cells)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def load_network(weights: Path) -> DetectorNetwork:
    """The network with trained weights, in evaluation mode.

    Raises:
        TrainingError: no such file, or the weights of another network.
    """
    network = DetectorNetwork().eval()
    try:
        network.load_state_dict(load_file(weights))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise TrainingError(
            f"{weights} does not hold a detector's weights ({error}); expected {WEIGHTS}, written "
            "by `python -m train.detector`"
        ) from error
    return network


def training_note(weights: Path) -> dict[str, Any]:
    """What a file of weights says about its training; empty where it says nothing."""
    with safe_open(weights, "pt") as file:
        note: dict[str, Any] = json.loads((file.metadata() or {}).get("training", "{}"))
    return note
