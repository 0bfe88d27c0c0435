"""The training loop: read it from top to bottom."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn, optim

from tpgan_sdk.crops import INPUT_NAMES
from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import CROP_SIZE, PATCHES, TEMPLATES

from . import checkpoint, losses
from .config import TrainConfig
from .data.examples import Example, Examples, training_batches
from .networks import PRESETS, Frontal, Generator
from .parallel import Ranks, leader_says, mean_gradients
from .recogniser import Recogniser

ALONE = Ranks()
LOG_EVERY = 50
"""Steps between two lines of the log."""


class Objective(nn.Module):
    """All losses of one step, apart and weighted."""

    weight: Tensor

    def __init__(self, config: TrainConfig, template: str, recogniser: Recogniser | None) -> None:
        super().__init__()
        self.config = config
        self.recogniser = recogniser
        self.boxes = TEMPLATES[template].paste_boxes()
        self.register_buffer("weight", losses.center_weight(CROP_SIZE), persistent=False)

    def forward(self, result: Frontal, target: Tensor, with_identity: bool) -> dict[str, Tensor]:
        """Each active loss by the name of its weight in the configuration, unweighted."""
        config = self.config
        image = result.image.float()
        patches = [
            losses.pixel(made.float(), target[:, :, y : y + p.height, x : x + p.width])
            for made, (x, y), p in zip(result.patches, self.boxes, PATCHES, strict=True)
        ]
        terms = {
            "pixel_128": losses.pixel(image, target, self.weight),
            "pixel_64": losses.pixel(result.image_64.float(), losses.shrink(target, 64)),
            "pixel_32": losses.pixel(result.image_32.float(), losses.shrink(target, 32)),
            "pixel_patches": torch.stack(patches).mean(),
            "symmetry": losses.symmetry(losses.shrink(image, 32)),
            "total_variation": losses.total_variation(image),
        }
        if with_identity and self.recogniser and (config.identity or config.identity_features):
            with torch.no_grad():
                true_maps, true_embedding = self.recogniser(target)
            maps, embedding = self.recogniser(image)
            terms["identity"] = losses.identity_cosine(embedding, true_embedding)
            terms["identity_features"] = losses.identity_features(maps, true_maps)
        return {name: term for name, term in terms.items() if getattr(config, name)}

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The weighted sum."""
        return torch.stack([getattr(self.config, n) * term for n, term in terms.items()]).sum()


def learning_rate(config: TrainConfig, step: int, progress: float) -> float:
    """Linear warm-up, then half a cosine to zero; `progress` runs from 0 to 1."""
    warm = min(1.0, (step + 1) / max(1, config.warmup))
    return config.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


@torch.no_grad()
def average(into: nn.Module, source: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights; buffers are averaged where they are floats."""
    for mean, value in zip(into.state_dict().values(), source.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def train(
    config: TrainConfig,
    data: Path,
    output: Path,
    recogniser: Path | None,
    max_minutes: float | None = None,
    resume: bool = False,
    workers: int = 1,
    save_every: int = 500,
    say: Callable[[str], None] = print,
    among: Ranks = ALONE,
) -> Path:
    """Trains until `config.steps` or `max_minutes`, whichever ends first.

    With `max_minutes` the learning rate anneals to zero at that time if it comes before the last
    step, so a slot of any length ends in a finished model.

    Returns:
        The checkpoint's folder, `output/checkpoint`.

    Raises:
        TrainingError: data or configuration that cannot be used, or a loss that is not finite.
    """
    torch.manual_seed(config.seed)
    spec = PRESETS[config.preset]
    views = Examples(data, template=spec.template)
    if config.batch % among.count:
        raise TrainingError(f"batch {config.batch} cannot be shared by {among.count} processes")
    network = Generator(spec).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = copy.deepcopy(network).eval().requires_grad_(False)
    optimizer = optim.Adam(
        network.parameters(), lr=config.learning_rate, betas=(config.beta1, 0.999)
    )
    objective = Objective(config, spec.template, Recogniser(recogniser) if recogniser else None)
    folder, step, minutes = output / "checkpoint", 0, 0.0
    if resume:
        state = checkpoint.load_state(folder)
        checkpoint.restore(folder, averaged, network, optimizer)
        step, minutes = state.step, state.minutes
    output.mkdir(parents=True, exist_ok=True)
    share, each = (among.rank, among.count), config.batch // among.count
    batches = training_batches(views, each, config.seed, step * config.batch, workers, share)
    begun, seen, running = time.monotonic(), 0, {}  # type: float, int, dict[str, float]

    def save() -> None:
        spent = minutes + (time.monotonic() - begun) / 60
        source = {"views": len(views), "identities": views.classes}
        state = checkpoint.CheckpointState(
            config.preset, 0, step, step * config.batch, spent, asdict(config), source, running
        )
        checkpoint.save(folder, state, averaged, network, optimizer)

    while step < config.steps:
        elapsed = (time.monotonic() - begun) / 60
        if leader_says(max_minutes is not None and elapsed >= max_minutes, among):
            break
        progress = max(step / config.steps, elapsed / max_minutes if max_minutes else 0.0)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, step, progress)
        terms = _step(config, network, objective, optimizer, next(batches), step, among)
        average(averaged, network, min(config.ema, (step + 1) / (step + 10)))
        step, seen = step + 1, seen + config.batch
        for name, term in terms.items():
            running[name] = running.get(name, term) * 0.98 + term * 0.02
        if among.leads and step % LOG_EVERY == 0:
            rate = seen / (time.monotonic() - begun)
            with (output / "log.jsonl").open("a") as log:
                log.write(json.dumps({"step": step, "rate": rate, **running}) + "\n")
            say(_line(step, rate, elapsed, running))
        if among.leads and step % save_every == 0:
            save()
    if among.leads:
        save()
    return folder


def _step(
    config: TrainConfig,
    network: nn.Module,
    objective: Objective,
    optimizer: optim.Optimizer,
    batch: Example,
    step: int,
    among: Ranks,
) -> dict[str, float]:
    network.train()
    # The recogniser keeps bfloat16 too: its gradient is as good and costs half.
    precise = nullcontext() if not config.bfloat16 else torch.autocast("cpu", torch.bfloat16)
    face, *patches = (batch[n].contiguous(memory_format=torch.channels_last) for n in INPUT_NAMES)
    with precise:
        result = network(face, patches)
        terms = objective(result, batch["target"], step >= config.identity_after)
        total = objective.total(terms)
    if not torch.isfinite(total):
        parts = ", ".join(f"{name}={term.item():.4g}" for name, term in terms.items())
        raise TrainingError(f"the loss is not finite at step {step}: {parts}")
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    mean_gradients(network, among)
    optimizer.step()
    return {name: term.item() for name, term in terms.items()}


def _line(step: int, rate: float, minutes: float, terms: dict[str, float]) -> str:
    parts = "  ".join(f"{name} {value:.4f}" for name, value in terms.items())
    return f"step {step:6d}  {rate:5.1f} images/s  {minutes:5.1f} min  {parts}"
