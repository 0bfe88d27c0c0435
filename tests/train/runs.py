"""Small runs that several tests share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file

from train.training.config import TrainConfig

TINY = TrainConfig(
    preset="tiny", batch=4, warmup=1, identity=0.0, identity_features=0.0, precision="fp32"
)
ADVERSARIAL = replace(
    TINY, steps=6, adversarial=1e-3, critic_width=0.125, cross_entropy=1e-3, noise=1.0
)


def quiet(line: str) -> None:
    """Takes the progress lines."""


def assert_same_tensors(one: Path, other: Path) -> None:
    """Every file of weights, moments and random numbers in two checkpoints, bit for bit."""
    names = {path.name for path in one.glob("*.safetensors")}
    assert names == {path.name for path in other.glob("*.safetensors")}
    assert {"generator.safetensors", "raw.safetensors", "optimizer.safetensors"} <= names
    for name in names:
        left, right = load_file(one / name), load_file(other / name)
        assert left.keys() == right.keys()
        for key, value in left.items():
            torch.testing.assert_close(value, right[key], atol=0, rtol=0, msg=f"{name}: {key}")
