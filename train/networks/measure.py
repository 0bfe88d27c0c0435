"""Parameters and floating-point operations of a preset."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tpgan_sdk.models.inputs import INPUT_SHAPES, InputShapes

from . import Spec, build

CLASSES = 347
"""Identities of the published training set; the classifier's parameters are counted with it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Size of a network for one face."""

    parameters: int
    flops: int
    """2 per multiply-add of convolutions, transposed convolutions and linear layers."""


def example_inputs(batch: int = 1) -> tuple[Tensor, list[Tensor]]:
    """Zeros in the shapes of face and four patches."""
    face, *patches = example_inputs_of(INPUT_SHAPES, batch)
    return face, patches


def example_inputs_of(shapes: InputShapes, batch: int = 1) -> list[Tensor]:
    """Zeros in the shapes of a network's inputs, in its order."""
    return [torch.zeros(batch, *shape) for shape in shapes.values()]


def parameters(module: nn.Module) -> int:
    """Number of trained values."""
    return sum(p.numel() for p in module.parameters())


def cost(spec: Spec, classes: int = CLASSES) -> Cost:
    """Counted on shapes alone: nothing is computed and no memory is taken."""
    with torch.device("meta"):
        network = build(spec, classes).eval()
        face, *patches = example_inputs_of(network.inputs)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(face, patches)
    return Cost(parameters(network), counter.get_total_flops())
