"""YuNet's backbone and neck in torch, and its weights.

Source: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tpgan_sdk.errors import TrainingError

WIDTH: Final = 64
"""Channels of every map."""

Weights = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Weight and bias of a convolution."""


class Unit(nn.Sequential):
    """A pointwise convolution, one of its own for each channel, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 1),
            nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs),
            nn.ReLU(),
        )


class Backbone(nn.Module):
    """(N, 3, H, W) BGR in [0, 255] to maps of 64 channels at 1/8, 1/16 and 1/32 of the size.

    H and W are multiples of 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(), Unit(16, 16))
        self.quarter = nn.Sequential(
            Unit(16, 16), Unit(16, WIDTH), Unit(WIDTH, WIDTH), Unit(WIDTH, WIDTH)
        )
        self.eighth, self.sixteenth, self.last = (
            nn.Sequential(*(Unit(WIDTH, WIDTH) for _ in range(units))) for units in (2, 2, 3)
        )
        self.merge_sixteenth, self.merge_eighth = Unit(WIDTH, WIDTH), Unit(WIDTH, WIDTH)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        quarter = self.quarter(F.max_pool2d(self.stem(image), 2))
        eighth = self.eighth(F.max_pool2d(quarter, 2))
        sixteenth = self.sixteenth(F.max_pool2d(eighth, 2))
        last = self.last(F.max_pool2d(sixteenth, 2))
        sixteenth = self.merge_sixteenth(sixteenth + F.interpolate(last, scale_factor=2))
        eighth = self.merge_eighth(eighth + F.interpolate(sixteenth, scale_factor=2))
        return eighth, sixteenth, last


def convolutions(onnx_file: Path) -> list[Weights]:
    """Weights of an ONNX's convolutions, in the order in which it computes them.

    Raises:
        TrainingError: not an ONNX.
    """
    import onnx  # imported late: only the extra [export] has it
    from onnx import numpy_helper

    try:
        graph = onnx.load(onnx_file).graph
    except Exception as error:  # protobuf's and the system's
        raise TrainingError(f"{onnx_file} is no ONNX ({error}); expected YuNet's") from error
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    inputs = (list(node.input[1:]) for node in graph.node if node.op_type == "Conv")
    # A convolution without a bias, or with computed weights, is none of YuNet's.
    return [(stored[n[0]], stored[n[1]]) for n in inputs if len(n) == 2 and set(n) <= set(stored)]


def borrow(parts: Sequence[nn.Module], found: Sequence[Weights], source: Any) -> None:
    """Fills the convolutions of `parts`, in order, with the first of `found`.

    Raises:
        TrainingError: their shapes differ; `source` is named then.
    """
    own = [m for part in parts for m in part.modules() if isinstance(m, nn.Conv2d)]
    if [w.shape for w, _ in found[: len(own)]] != [tuple(m.weight.shape) for m in own]:
        raise TrainingError(f"{source} is not YuNet's ONNX (yunet_n): other convolutions")
    for module, (weight, bias) in zip(own, found, strict=False):
        module.weight = nn.Parameter(torch.from_numpy(weight.copy()))
        module.bias = nn.Parameter(torch.from_numpy(bias.copy()))
