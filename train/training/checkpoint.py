"""Checkpoints on disk: safetensors for weights, JSON for what they are, never pickles.

A checkpoint is a directory::

    generator.safetensors           averaged weights: what is exported
    raw.safetensors                 the weights being trained
    optimizer.safetensors           Adam's moments, by parameter name
    critic.safetensors              the discriminator and its optimizer, where there is one
    critic_optimizer.safetensors
    random.safetensors              state of the random numbers
    checkpoint.json                 step, preset, classes, configuration, losses
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn, optim

from tpgan_sdk.errors import TrainingError

from ..networks import PRESETS, Network, build
from . import atomic_folder
from .config import generator_spec

WEIGHTS, RANDOM, STATE = "generator", "random.safetensors", "checkpoint.json"

Optimizers = dict[str, tuple[nn.Module, optim.Optimizer]]
"""By file name: an optimizer and the network whose parameters it moves."""


@dataclass(frozen=True, slots=True)
class CheckpointState:
    """The JSON half of a checkpoint."""

    preset: str
    classes: int
    step: int
    images: int
    """Views seen."""
    minutes: float
    """Wall time trained, all stretches together."""
    config: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)
    """Running means."""
    heldout: float | None = None
    """Loss of the averaged weights on the held-out views; None: not measured."""
    best: float | None = None
    """The lowest of these so far."""
    scaler: dict[str, Any] = field(default_factory=dict)
    """State of the loss scaling in fp16."""


def save(
    folder: Path,
    state: CheckpointState,
    modules: dict[str, nn.Module],
    optimizers: Optimizers,
    keep: int = 1,
    best: Path | None = None,
) -> None:
    """Written beside and moved into place: an interrupted save leaves the old one.

    Args:
        modules: by file name; "generator" holds the averaged weights.
        keep: checkpoints to keep, this one among them; the earlier ones are ``FOLDER-STEP``.
        best: folder that becomes the same checkpoint; None: this one is not the best.
    """
    new = atomic_folder.fresh(folder)
    for name, module in modules.items():
        save_file(_contiguous(module.state_dict()), _file(new, name))
    for name, (network, optimizer) in optimizers.items():
        names = {id(p): key for key, p in network.named_parameters()}
        moments = {
            f"{names[id(p)]}/{key}": value
            for p, entry in optimizer.state.items()
            for key, value in entry.items()
        }
        save_file(_contiguous(moments), _file(new, name))
    save_file({"torch": torch.get_rng_state()}, new / RANDOM)
    text = json.dumps({f: getattr(state, f) for f in state.__slots__}, indent=2)
    (new / STATE).write_text(text + "\n")
    if best is not None:
        copy = atomic_folder.duplicate(new, best.with_name(best.name + ".new"))
        atomic_folder.put(copy, best, _earlier(best), keep=0)
    atomic_folder.put(new, folder, _earlier(folder), keep - 1)


def _earlier(folder: Path) -> str:
    return f"{load_state(folder).step:08d}" if (folder / STATE).exists() else "0"


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"


def load_state(folder: Path) -> CheckpointState:
    """
    Raises:
        TrainingError: no checkpoint there, or a damaged one.
    """
    path = atomic_folder.latest(folder) / STATE
    try:
        return CheckpointState(**json.loads(path.read_text()))
    except FileNotFoundError:
        raise TrainingError(
            f"no checkpoint at {folder}: expected a directory with {STATE} and "
            f"{WEIGHTS}.safetensors, as `python -m train` writes it"
        ) from None
    except (json.JSONDecodeError, TypeError) as error:
        raise TrainingError(f"{path} is damaged: {error}") from None


def load_generator(folder: Path) -> tuple[Network, CheckpointState]:
    """The averaged weights in evaluation mode, without the training-only classifier."""
    state = load_state(folder)
    if state.preset not in PRESETS:
        raise TrainingError(f"{folder} is of preset {state.preset!r}; known: {', '.join(PRESETS)}")
    network = build(generator_spec(state.preset, state.config.get("local_pathways", True)))
    file = _file(atomic_folder.latest(folder), WEIGHTS)
    try:
        weights = load_file(file)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{file} cannot be read: {error}") from None
    own = {k: v for k, v in weights.items() if not k.startswith("classifier.")}
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        raise TrainingError(f"{folder} does not fit preset {state.preset!r}: {error}") from None
    return network.eval(), state


def start_from(folder: Path, network: Network) -> None:
    """Gives `network` the averaged weights of another run; a classifier of identities, whose
    people are those of its own data, stays as it is.

    Raises:
        TrainingError: no checkpoint there, or one of another architecture.
    """
    source, state = load_generator(folder)
    if source.spec != network.spec:
        raise TrainingError(
            f"{folder} is of preset {state.preset!r} and cannot start one of preset "
            f"{network.spec.name!r}, or one of them has no local pathways; choose the same for both"
        )
    network.load_state_dict(source.state_dict(), strict=False)


def restore(folder: Path, modules: dict[str, nn.Module], optimizers: Optimizers) -> None:
    """Puts weights, Adam's moments and the random numbers' state back.

    Raises:
        TrainingError: the checkpoint has not what the configuration asks for.
    """
    source = atomic_folder.latest(folder)
    try:
        for name, module in modules.items():
            module.load_state_dict(load_file(_file(source, name)))
        for name, (network, optimizer) in optimizers.items():
            _restore_moments(load_file(_file(source, name)), network, optimizer)
        torch.set_rng_state(load_file(source / RANDOM)["torch"])
    except (KeyError, OSError, RuntimeError, SafetensorError) as error:
        raise TrainingError(
            f"{folder} cannot be resumed with this configuration: {error}; resume with the one in "
            f"its {STATE}, or train into another folder"
        ) from None


def _restore_moments(
    moments: dict[str, Tensor], network: nn.Module, optimizer: optim.Optimizer
) -> None:
    weights = dict(network.named_parameters())
    for key, value in moments.items():
        name, _, entry = key.rpartition("/")
        weight = weights[name]
        # Moments lie as their weight does; the count of steps is a single number on the CPU.
        laid = torch.empty_like(weight).copy_(value) if value.shape == weight.shape else value
        optimizer.state[weight][entry] = laid.detach()


def _contiguous(tensors: dict[str, Any]) -> dict[str, Tensor]:
    # safetensors keeps no strides: channels-last tensors must be laid out plainly.
    return {key: value.detach().contiguous().clone() for key, value in tensors.items()}
