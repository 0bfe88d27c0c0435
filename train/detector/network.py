"""YuNet in torch: backbone, neck and heads."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tpgan_sdk.errors import TrainingError

from ..auxiliary.backbone import WIDTH, Backbone, Unit, Weights, borrow, convolutions

STRIDES: Final = (8, 16, 32)
"""Pixels between the cells of each map."""
KINDS: Final = {"cls": 1, "bbox": 4, "obj": 1, "kps": 10}
"""Numbers that a cell tells, by YuNet's names of them, in the order of the network's output."""
OUTPUTS: Final = sum(KINDS.values())


class DetectorNetwork(nn.Module):
    """What every cell of three maps tells of the face there.

    Input: (N, 3, H, W) BGR in [0, 255], H and W multiples of 32. Output: (N, cells, 16), the
    cells of stride 8 first, row by row: `KINDS`, logits and offsets as `codec.decode` takes them.

    YuNet reads all kinds off one unit with a head each. Here faces (class, box, object) share one
    head, which computes the same, and points have a unit of their own: they can be trained while
    every face is found as before.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.face_units, self.point_units = (
            nn.ModuleList(Unit(WIDTH, WIDTH) for _ in STRIDES) for _ in range(2)
        )
        points = KINDS["kps"]
        self.face_heads, self.point_heads = (
            nn.ModuleList(_head(outputs) for _ in STRIDES) for outputs in (OUTPUTS - points, points)
        )

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat(self.maps(image), dim=1)

    def maps(self, image: Tensor) -> list[Tensor]:
        """The same, (N, cells, 16) of each stride."""
        told = []
        for level, part in enumerate(self.backbone(image)):
            face = self.face_heads[level](self.face_units[level](part))
            points = self.point_heads[level](self.point_units[level](part))
            told.append(torch.cat([face, points], dim=1).permute(0, 2, 3, 1).flatten(1, 2))
        return told

    def borrow(self, yunet: Path) -> None:
        """Takes all weights from YuNet's ONNX.

        Raises:
            TrainingError: not such a file.
        """
        found = convolutions(yunet)
        trunk = [self.backbone, self.face_units]
        count = sum(isinstance(m, nn.Conv2d) for part in trunk for m in part.modules())
        # It computes the pointwise and the other convolution of each kind, for all strides.
        heads = found[count:]
        if len(heads) != 2 * len(KINDS) * len(STRIDES):
            raise TrainingError(f"{yunet} is not YuNet's ONNX (yunet_n): other convolutions")
        borrow(trunk, found, yunet)
        self.point_units.load_state_dict(self.face_units.state_dict())
        for level in range(len(STRIDES)):
            # YuNet's order is that of `KINDS`; within a kind it goes from stride to stride.
            starts = [2 * (kind * len(STRIDES) + level) for kind in range(len(KINDS))]
            faces = [_joined([heads[start + part] for start in starts[:-1]]) for part in range(2)]
            borrow([self.face_heads[level]], faces, yunet)
            borrow([self.point_heads[level]], heads[starts[-1] :], yunet)


def _head(outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(WIDTH, outputs, 1), nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs)
    )


def _joined(convolutions: list[Weights]) -> Weights:
    weights, biases = zip(*convolutions, strict=True)
    return np.concatenate(weights), np.concatenate(biases)


def flops(side: int) -> int:
    """2 per multiply-add of the convolutions, for one square picture of `side` px."""
    with torch.device("meta"):
        network, image = DetectorNetwork().eval(), torch.zeros(1, 3, side, side)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(image)
    return int(counter.get_total_flops())
