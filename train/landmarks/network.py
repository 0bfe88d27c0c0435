"""The refiner: five points and a pose from a rough crop of a face."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.refiner import INPUT_SIZE

OUTPUTS: Final = 13
"""x and y of five points, then yaw, pitch and roll."""
WIDTH: Final = 64
SQUEEZED: Final = 48
HIDDEN: Final = 128


class _Unit(nn.Sequential):
    """A pointwise convolution, one of its own for each channel, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 1),
            nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs),
            nn.ReLU(),
        )


class Refiner(nn.Module):
    """YuNet's backbone and neck, of which a head of its own reads the 12x12 and 6x6 maps.

    Input: (N, 3, 96, 96) RGB in [-1, 1]. Output: (N, 13): x and y of the five points as shares
    of half the input from its middle, then yaw, pitch and roll as shares of 90 degrees.

    Source of the backbone: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.ReLU(), _Unit(16, 16)
        )
        self.quarter = nn.Sequential(
            _Unit(16, 16), _Unit(16, WIDTH), _Unit(WIDTH, WIDTH), _Unit(WIDTH, WIDTH)
        )
        self.eighth, self.sixteenth, self.last = (
            nn.Sequential(*(_Unit(WIDTH, WIDTH) for _ in range(units))) for units in (2, 2, 3)
        )
        self.merge_sixteenth, self.merge_eighth = _Unit(WIDTH, WIDTH), _Unit(WIDTH, WIDTH)
        self.down = nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1), nn.ReLU())
        self.squeeze = nn.Sequential(nn.Conv2d(2 * WIDTH, SQUEEZED, 1), nn.ReLU())
        cells = (INPUT_SIZE // 16) ** 2
        self.head = nn.Sequential(
            nn.Linear(SQUEEZED * cells, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, OUTPUTS)
        )

    def forward(self, image: Tensor) -> Tensor:
        # YuNet's black is zero, and so is what it pads with.
        quarter = self.quarter(F.max_pool2d(self.stem(image + 1), 2))
        eighth = self.eighth(F.max_pool2d(quarter, 2))
        sixteenth = self.sixteenth(F.max_pool2d(eighth, 2))
        last = self.last(F.max_pool2d(sixteenth, 2))
        sixteenth = self.merge_sixteenth(sixteenth + F.interpolate(last, scale_factor=2))
        eighth = self.merge_eighth(eighth + F.interpolate(sixteenth, scale_factor=2))
        maps = self.squeeze(torch.cat([self.down(eighth), sixteenth], dim=1))
        result: Tensor = self.head(maps.flatten(1))
        return result

    def borrow(self, yunet: Path) -> None:
        """Takes backbone and neck from a YuNet ONNX, which has learned them from real photos.

        Raises:
            TrainingError: not such a file.
        """
        # In the order in which YuNet computes.
        parts = (self.stem, self.quarter, self.eighth, self.sixteenth, self.last)
        own = [m for part in parts for m in part.modules() if isinstance(m, nn.Conv2d)]
        for part in (self.merge_sixteenth, self.merge_eighth):
            own += [m for m in part.modules() if isinstance(m, nn.Conv2d)]
        found = _convolutions(yunet)[: len(own)]
        if [w.shape for w, _ in found] != [tuple(m.weight.shape) for m in own]:
            raise TrainingError(f"{yunet} is not YuNet's ONNX (yunet_n): other convolutions")
        for module, (weight, bias) in zip(own, found, strict=True):
            module.weight = nn.Parameter(torch.from_numpy(weight.copy()))
            module.bias = nn.Parameter(torch.from_numpy(bias.copy()))
        # It takes BGR in [0, 255].
        own[0].weight.data = own[0].weight.data.flip(1) * 127.5


def _convolutions(onnx_file: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases of an ONNX's convolutions, in order."""
    import onnx  # imported late: nothing else of training needs it
    from onnx import numpy_helper

    try:
        graph = onnx.load(onnx_file).graph
    except Exception as error:  # protobuf's and the system's
        raise TrainingError(f"{onnx_file} is no ONNX ({error}); expected YuNet's") from error
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    inputs = (list(node.input[1:]) for node in graph.node if node.op_type == "Conv")
    # A convolution without a bias, or with computed weights, is none of YuNet's.
    return [(stored[n[0]], stored[n[1]]) for n in inputs if len(n) == 2 and set(n) <= set(stored)]


def flops() -> int:
    """2 per multiply-add of convolutions and linear layers, for one face."""
    with torch.device("meta"):
        network, image = Refiner().eval(), torch.zeros(1, 3, INPUT_SIZE, INPUT_SIZE)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(image)
    return int(counter.get_total_flops())
