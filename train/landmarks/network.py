"""The refiner: five points and a pose from a rough crop of a face."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tpgan_sdk.faces.refiner import INPUT_SIZE
from train.auxiliary.backbone import WIDTH, Backbone, borrow, convolutions

OUTPUTS: Final = 13
"""x and y of five points, then yaw, pitch and roll."""
SQUEEZED: Final = 48
HIDDEN: Final = 128


class Refiner(Backbone):
    """YuNet's backbone and neck, of which a head of its own reads the 12x12 and 6x6 maps.

    Input: (N, 3, 96, 96) RGB in [-1, 1]. Output: (N, 13): x and y of the five points as shares
    of half the input from its middle, then yaw, pitch and roll as shares of 90 degrees.

    Source of the backbone: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023.
    """

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(WIDTH, WIDTH, 3, stride=2, padding=1), nn.ReLU())
        self.squeeze = nn.Sequential(nn.Conv2d(2 * WIDTH, SQUEEZED, 1), nn.ReLU())
        cells = (INPUT_SIZE // 16) ** 2
        self.head = nn.Sequential(
            nn.Linear(SQUEEZED * cells, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, OUTPUTS)
        )

    def forward(self, image: Tensor) -> Tensor:  # type: ignore[override]
        # YuNet's black is zero, and so is what it pads with.
        eighth, sixteenth, _ = super().forward(image + 1)
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
        borrow((*parts, self.merge_sixteenth, self.merge_eighth), convolutions(yunet), yunet)
        # It takes BGR in [0, 255].
        first = next(m for m in self.stem if isinstance(m, nn.Conv2d))
        first.weight.data = first.weight.data.flip(1) * 127.5


def flops() -> int:
    """2 per multiply-add of convolutions and linear layers, for one face."""
    with torch.device("meta"):
        network, image = Refiner().eval(), torch.zeros(1, 3, INPUT_SIZE, INPUT_SIZE)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(image)
    return int(counter.get_total_flops())
