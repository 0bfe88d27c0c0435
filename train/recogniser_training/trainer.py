"""Training or fine-tuning of a recogniser on faces with identities."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import optim

from tpgan_sdk.errors import TrainingError

from ..data.example import Example
from ..data.shard_examples import training_batches
from ..recognisers.base import FaceNetwork
from ..recognisers.weights import NETWORKS, read_network
from ..training.device import on_device, pick
from ..training.schedule import Clock, rate_factor
from .heads import LOSSES, Head
from .people import open_people

WEIGHTS, DESCRIPTION = "recogniser.safetensors", "recogniser.json"
LOG_EVERY = 50
"""Steps between two lines of the log."""
SAVE_EVERY = 1000


@dataclass(frozen=True, slots=True)
class LearningConfig:
    """Every parameter of a run."""

    architecture: str = "mobilefacenet"
    loss: str = "arcface"
    margin: float = 0.5
    """ArcFace's, in radians."""
    scale: float = 32.0
    """ArcFace's, of the logits."""
    steps: int = 20_000
    batch: int = 64
    learning_rate: float = 1e-3
    """Adam's; it anneals to zero at the end of the run."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("architecture", tuple(NETWORKS)), ("loss", LOSSES)):
            if getattr(self, name) not in known:
                value = getattr(self, name)
                raise TrainingError(f"{name} is {value!r}; expected {' or '.join(known)}")
        for name in ("scale", "steps", "batch", "learning_rate"):
            if not getattr(self, name) > 0:
                raise TrainingError(f"{name} is {getattr(self, name)}; expected more than 0")
        if not 0 <= self.margin < math.pi / 2:
            raise TrainingError(f"margin is {self.margin}; expected 0 to 1.57 radians")


def learn(
    config: LearningConfig,
    data: Path,
    output: Path,
    init: Path | None = None,
    max_minutes: float | None = None,
    device: str = "auto",
    workers: int = 0,
    say: Callable[[str], None] = print,
) -> Path:
    """Trains until `config.steps` or `max_minutes`, whichever ends first.

    Args:
        data: `PeopleFolder`, or shards of `python -m train.data.render`.
        output: gets the weights, for `load_recogniser`, and a JSON that describes them.
        init: weights to go on from; they decide the architecture.
        device: one of `train.training.device.DEVICES`.

    Returns:
        The file of weights.

    Raises:
        TrainingError: data or configuration that cannot be used, or a loss that is not finite.
    """
    path = output / WEIGHTS
    if path.exists():
        raise TrainingError(f"{path} exists already; train into another folder")
    if max_minutes is not None and max_minutes <= 0:
        raise TrainingError(f"max_minutes is {max_minutes}; expected more than 0")
    if workers < 0:
        raise TrainingError(f"workers is {workers}; expected 0 or more")
    torch.manual_seed(config.seed)
    place = pick(device)
    people = open_people(data)
    network = read_network(init) if init else NETWORKS[config.architecture]()
    config = replace(config, architecture=network.name)
    head = Head(network.dimensions, people.classes, config.loss, config.margin, config.scale)
    network.to(place).train()
    optimizer = optim.Adam([*network.parameters(), *head.to(place).parameters()])
    batches = on_device(training_batches(people, config.batch, config.seed, 0, workers), place)
    running, step, clock = {"loss": 0.0, "accuracy": 0.0}, 0, Clock(config.steps, max_minutes)
    while (done := clock.done(step)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * rate_factor(step, done)
        found = _step(network, head, optimizer, next(batches))
        if not math.isfinite(found["loss"]):
            last = f"the last good weights are {path}" if path.exists() else "nothing was saved yet"
            raise TrainingError(f"the loss is not finite at step {step}; {last}")
        step += 1
        for name, value in found.items():
            running[name] += (value - running[name]) / min(step, LOG_EVERY)
        if step % LOG_EVERY == 0:
            parts = "  ".join(f"{name} {value:.4f}" for name, value in running.items())
            say(f"step {step:6d}  {clock.minutes:5.1f} min  {parts}")
        if step % SAVE_EVERY == 0:
            _save(network, path, config, running | {"step": step, "people": people.classes})
    _save(network, path, config, running | {"step": step, "people": people.classes})
    return path


def _step(
    network: FaceNetwork, head: Head, optimizer: optim.Optimizer, batch: Example
) -> dict[str, float]:
    _, embedding = network.of_crop(batch["face"])
    loss, accuracy = head(embedding, batch["identity"])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return {"loss": loss.item(), "accuracy": accuracy.item()}


def _save(
    network: FaceNetwork, path: Path, config: LearningConfig, state: dict[str, float]
) -> None:
    """Each file is written beside and moved into place."""
    description: dict[str, Any] = {**state, "config": asdict(config)}
    tensors = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    fresh = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, fresh)
        os.replace(fresh, path)
        text = json.dumps(description, indent=2)
        path.with_name(DESCRIPTION).write_text(text + "\n")
    except OSError as error:
        raise TrainingError(f"cannot write to {path.parent}: {error.strerror}") from None
