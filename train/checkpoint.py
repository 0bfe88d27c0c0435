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
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn, optim

from tpgan_sdk.errors import TrainingError

from .networks import PRESETS, Generator

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


def save(
    folder: Path, state: CheckpointState, modules: dict[str, nn.Module], optimizers: Optimizers
) -> None:
    """Written beside and moved into place: an interrupted save leaves the old one, which
    `load_state` finds as ``NAME.old`` if the interruption came between two moves.

    Args:
        modules: by file name; "generator" holds the averaged weights.
    """
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name, module in modules.items():
        save_file(_contiguous(module.state_dict()), _file(fresh, name))
    for name, (network, optimizer) in optimizers.items():
        names = {id(p): key for key, p in network.named_parameters()}
        moments = {
            f"{names[id(p)]}/{key}": value
            for p, entry in optimizer.state.items()
            for key, value in entry.items()
        }
        save_file(_contiguous(moments), _file(fresh, name))
    save_file({"torch": torch.get_rng_state()}, fresh / RANDOM)
    text = json.dumps({f: getattr(state, f) for f in state.__slots__}, indent=2)
    (fresh / STATE).write_text(text + "\n")
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"


def load_state(folder: Path) -> CheckpointState:
    """
    Raises:
        TrainingError: no checkpoint there, or a damaged one.
    """
    kept = folder.with_name(folder.name + ".old")
    if not folder.exists() and kept.exists():
        os.replace(kept, folder)  # the save that moved it away was interrupted
    path = folder / STATE
    try:
        return CheckpointState(**json.loads(path.read_text()))
    except FileNotFoundError:
        raise TrainingError(
            f"no checkpoint at {folder}: expected a directory with {STATE} and "
            f"{WEIGHTS}.safetensors, as `python -m train` writes it"
        ) from None
    except (json.JSONDecodeError, TypeError) as error:
        raise TrainingError(f"{path} is damaged: {error}") from None


def load_generator(folder: Path) -> tuple[Generator, CheckpointState]:
    """The averaged weights in evaluation mode, without the training-only classifier."""
    state = load_state(folder)
    if state.preset not in PRESETS:
        raise TrainingError(f"{folder} is of preset {state.preset!r}; known: {', '.join(PRESETS)}")
    network = Generator(PRESETS[state.preset])
    try:
        weights = load_file(_file(folder, WEIGHTS))
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{_file(folder, WEIGHTS)} cannot be read: {error}") from None
    own = {k: v for k, v in weights.items() if not k.startswith("classifier.")}
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        raise TrainingError(f"{folder} does not fit preset {state.preset!r}: {error}") from None
    return network.eval(), state


def restore(folder: Path, modules: dict[str, nn.Module], optimizers: Optimizers) -> None:
    """Puts weights, Adam's moments and the random numbers' state back.

    Raises:
        TrainingError: the checkpoint has not what the configuration asks for.
    """
    try:
        for name, module in modules.items():
            module.load_state_dict(load_file(_file(folder, name)))
        for name, (network, optimizer) in optimizers.items():
            moments: dict[str, dict[str, Tensor]] = {}
            for key, value in load_file(_file(folder, name)).items():
                parameter, _, entry = key.rpartition("/")
                moments.setdefault(parameter, {})[entry] = value
            for key, weight in network.named_parameters():
                if key in moments:
                    optimizer.state[weight] = moments[key]
        torch.set_rng_state(load_file(folder / RANDOM)["torch"])
    except (OSError, RuntimeError, SafetensorError) as error:
        raise TrainingError(
            f"{folder} cannot be resumed with this configuration: {error}; resume with the one in "
            f"its {STATE}, or train into another folder"
        ) from None


def _contiguous(tensors: dict[str, Any]) -> dict[str, Tensor]:
    # safetensors keeps no strides: channels-last tensors must be laid out plainly.
    return {key: value.detach().contiguous().clone() for key, value in tensors.items()}
