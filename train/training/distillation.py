"""Distillation: a trained network as the teacher of a smaller one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from tpgan_sdk.errors import TrainingError

from ..networks import Network
from . import checkpoint


class Teacher(nn.Module):
    """The averaged weights of a checkpoint, frozen."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Teacher:
        """Stays as it is."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, face: Tensor, patches: Sequence[Tensor]) -> Tensor:
        """The five inputs of a generator to its (N, 3, 128, 128) picture in [-1, 1]."""
        image: Tensor = self.network(face, patches).image.float().clamp(-1, 1)
        return image


def load_teacher(folder: Path, template: str) -> Teacher:
    """
    Args:
        folder: a checkpoint of any preset.
        template: of the views that it will see.

    Raises:
        TrainingError: no checkpoint there, or one for faces aligned otherwise.
    """
    network, _ = checkpoint.load_generator(folder)
    if network.spec.template != template:
        raise TrainingError(
            f"the teacher {folder} was made for faces aligned as {network.spec.template!r}, this "
            f"run has {template!r}; choose a teacher of the same template"
        )
    return Teacher(network)
