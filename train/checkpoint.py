"""Checkpoints on disk: safetensors for weights, JSON for what they are, never pickles.

A checkpoint is a directory::

    generator.safetensors   averaged weights: what is exported
    raw.safetensors         the weights being trained
    optimizer.safetensors   Adam's moments, by parameter name
    checkpoint.json         step, preset, classes, configuration, losses
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn, optim

from tpgan_sdk.errors import TrainingError

from .networks import PRESETS, Generator

WEIGHTS, RAW, OPTIMIZER, STATE = (
    "generator.safetensors",
    "raw.safetensors",
    "optimizer.safetensors",
    "checkpoint.json",
)


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
    folder: Path,
    state: CheckpointState,
    averaged: nn.Module,
    raw: nn.Module,
    optimizer: optim.Optimizer,
) -> None:
    """Written beside and moved into place: an interrupted save leaves the old one."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    save_file(_contiguous(averaged.state_dict()), fresh / WEIGHTS)
    save_file(_contiguous(raw.state_dict()), fresh / RAW)
    names = {id(p): name for name, p in raw.named_parameters()}
    moments = {
        f"{names[id(p)]}/{key}": value
        for p, entry in optimizer.state.items()
        for key, value in entry.items()
    }
    save_file(_contiguous(moments), fresh / OPTIMIZER)
    text = json.dumps({f: getattr(state, f) for f in state.__slots__}, indent=2)
    (fresh / STATE).write_text(text + "\n")
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)


def load_state(folder: Path) -> CheckpointState:
    """
    Raises:
        TrainingError: no checkpoint there, or a damaged one.
    """
    path = folder / STATE
    try:
        return CheckpointState(**json.loads(path.read_text()))
    except FileNotFoundError:
        raise TrainingError(
            f"no checkpoint at {folder}: expected a directory with {STATE} and {WEIGHTS}, "
            "as `python -m train` writes it"
        ) from None
    except (json.JSONDecodeError, TypeError) as error:
        raise TrainingError(f"{path} is damaged: {error}") from None


def load_generator(folder: Path) -> tuple[Generator, CheckpointState]:
    """The averaged weights in evaluation mode, without the training-only classifier."""
    state = load_state(folder)
    if state.preset not in PRESETS:
        raise TrainingError(f"{folder} is of preset {state.preset!r}; known: {', '.join(PRESETS)}")
    network = Generator(PRESETS[state.preset])
    weights = load_file(folder / WEIGHTS)
    own = {k: v for k, v in weights.items() if not k.startswith("classifier.")}
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        raise TrainingError(f"{folder} does not fit preset {state.preset!r}: {error}") from None
    return network.eval(), state


def restore(folder: Path, averaged: nn.Module, raw: nn.Module, optimizer: optim.Optimizer) -> None:
    """Puts weights and Adam's moments back."""
    averaged.load_state_dict(load_file(folder / WEIGHTS))
    raw.load_state_dict(load_file(folder / RAW))
    moments: dict[str, dict[str, Tensor]] = {}
    for key, value in load_file(folder / OPTIMIZER).items():
        name, _, entry = key.rpartition("/")
        moments.setdefault(name, {})[entry] = value
    for name, parameter in raw.named_parameters():
        if name in moments:
            optimizer.state[parameter] = moments[name]


def _contiguous(tensors: dict[str, Any]) -> dict[str, Tensor]:
    # safetensors keeps no strides: channels-last tensors must be laid out plainly.
    return {key: value.detach().contiguous().clone() for key, value in tensors.items()}
