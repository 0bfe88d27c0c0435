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

from . import checkpoint
from .config import TrainConfig
from .critic import Critic
from .data.examples import Example, Examples, training_batches
from .networks import PRESETS, Generator
from .objective import Objective
from .parallel import Ranks, mean_gradients, of_the_leader
from .recogniser import Recogniser

ALONE = Ranks()
LOG_EVERY = 50
"""Steps between two lines of the log."""


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
    if config.batch % among.count:
        raise TrainingError(f"batch {config.batch} cannot be shared by {among.count} processes")
    if max_minutes is not None and max_minutes <= 0:
        raise TrainingError(f"max_minutes is {max_minutes}; expected more than 0")
    folder = output / "checkpoint"
    if folder.exists() and not resume:
        raise TrainingError(
            f"{folder} holds a checkpoint already; go on with it (--resume) or train into another "
            "folder"
        )
    torch.manual_seed(config.seed)
    spec = PRESETS[config.preset]
    examples = Examples(data, template=spec.template)
    classes = examples.classes if config.cross_entropy else 0
    network = Generator(spec, classes)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    averaged = copy.deepcopy(network).eval().requires_grad_(False)
    betas = (config.beta1, 0.999)
    optimizer = optim.Adam(network.parameters(), lr=config.learning_rate, betas=betas)
    objective = Objective(config, spec.template, Recogniser(recogniser) if recogniser else None)
    critic = Critic(config) if config.adversarial else None
    modules: dict[str, nn.Module] = {checkpoint.WEIGHTS: averaged, "raw": network}
    optimizers: checkpoint.Optimizers = {"optimizer": (network, optimizer)}
    if critic is not None:
        modules["critic"] = critic.network
        optimizers["critic_optimizer"] = (critic.network, critic.optimizer)
    step, minutes = 0, 0.0
    running: dict[str, float] = {}
    if resume:
        state = checkpoint.load_state(folder)
        _refuse_other(config, state, folder)
        checkpoint.restore(folder, modules, optimizers)
        step, minutes, running = state.step, state.minutes, dict(state.losses)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"cannot write to {output}: {error.strerror}") from None
    share, each = (among.rank, among.count), config.batch // among.count
    batches = training_batches(examples, each, config.seed, step * config.batch, workers, share)
    begun, seen = time.monotonic(), 0

    def save() -> None:
        spent = minutes + (time.monotonic() - begun) / 60
        source = {"views": len(examples), "identities": examples.classes}
        state = checkpoint.CheckpointState(
            preset=config.preset,
            classes=classes,
            step=step,
            images=step * config.batch,
            minutes=spent,
            config=asdict(config),
            data=source,
            losses=running,
        )
        checkpoint.save(folder, state, modules, optimizers)

    while step < config.steps:
        elapsed = of_the_leader((time.monotonic() - begun) / 60, among)
        if max_minutes is not None and elapsed >= max_minutes:
            break
        progress = max(step / config.steps, elapsed / max_minutes if max_minutes else 0.0)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, step, progress)
        batch = next(batches)
        adversary = critic if step >= config.adversarial_after else None
        terms, fake = _generator_step(
            config, network, objective, adversary, optimizer, batch, step, among
        )
        if adversary is not None and step % config.critic_every == 0:
            terms |= adversary.learn(batch["target"], fake, among)
        _refuse_nonsense(terms, step, folder)
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


def _refuse_other(config: TrainConfig, state: checkpoint.CheckpointState, folder: Path) -> None:
    """Only the length of a run may change on the way: anything else would be another run."""
    now = asdict(config)
    changed = [k for k, v in state.config.items() if k != "steps" and now.get(k, v) != v]
    if changed:
        raise TrainingError(
            f"{folder} cannot be resumed with another {', '.join(changed)}; resume with the "
            "configuration in its checkpoint.json, or train into another folder"
        )


def _generator_step(
    config: TrainConfig,
    network: nn.Module,
    objective: Objective,
    adversary: Critic | None,
    optimizer: optim.Optimizer,
    batch: Example,
    step: int,
    among: Ranks,
) -> tuple[dict[str, float], Tensor]:
    """Returns the losses and the pictures made, for the critic."""
    network.train()
    autocast = torch.autocast("cpu", torch.bfloat16) if config.bfloat16 else nullcontext()
    face, *patches = (batch[n].contiguous(memory_format=torch.channels_last) for n in INPUT_NAMES)
    noise = torch.randn(len(face), PRESETS[config.preset].noise) * config.noise
    with autocast:  # the recogniser too: its gradient is as good and costs half
        result = network(face, patches, noise if config.noise else None)
        terms = objective(result, batch["target"], batch["identity"], step)
    if adversary is not None:
        terms["adversarial"] = adversary.judge(result.image)
    total = objective.total(terms)
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    mean_gradients(network, among)
    optimizer.step()
    return {name: term.item() for name, term in terms.items()}, result.image.detach()


def _refuse_nonsense(terms: dict[str, float], step: int, folder: Path) -> None:
    if all(math.isfinite(term) for term in terms.values()):
        return
    parts = ", ".join(f"{name}={term:.4g}" for name, term in terms.items())
    last = f"the last good checkpoint is {folder}" if folder.exists() else "nothing was saved yet"
    raise TrainingError(f"a loss is not finite at step {step}: {parts}; {last}")


def _line(step: int, rate: float, minutes: float, terms: dict[str, float]) -> str:
    parts = "  ".join(f"{name} {value:.4f}" for name, value in terms.items())
    return f"step {step:6d}  {rate:5.1f} images/s  {minutes:5.1f} min  {parts}"
