"""Box codec: the network's outputs to boxes and points, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .network import STRIDES


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of all maps in the network's order."""

    corners: Tensor
    """(C, 2) x and y that offsets count from, px: the cell's first pixel."""
    strides: Tensor
    """(C,) px."""


def cells_of(height: int, width: int) -> Cells:
    """Cells of pictures of a size; both are multiples of 32."""
    corners, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(
            torch.arange(0, height, stride), torch.arange(0, width, stride), indexing="ij"
        )
        corners.append(torch.stack([x, y], dim=-1).flatten(0, 1).float())
        strides.append(torch.full((x.numel(),), float(stride)))
    return Cells(torch.cat(corners), torch.cat(strides))


@dataclass(frozen=True, slots=True)
class Predictions:
    """What cells tell; leading axes as given."""

    cls: Tensor
    """(..., C) logits."""
    obj: Tensor
    """(..., C) logits."""
    boxes: Tensor
    """(..., C, 4) x0, y0, x1, y1 in px."""
    points: Tensor
    """(..., C, 5, 2) px."""

    @property
    def scores(self) -> Tensor:
        """(..., C) in 0..1: the geometric mean of both probabilities."""
        return (self.cls.sigmoid() * self.obj.sigmoid()).sqrt()


def decode(output: Tensor, cells: Cells) -> Predictions:
    """What (..., C, 16) of the network means."""
    cls, bbox, obj, kps = output.split([1, 4, 1, 10], dim=-1)
    stride = cells.strides[:, None]
    middle = cells.corners + bbox[..., :2] * stride
    half = bbox[..., 2:].exp() * stride / 2
    points = kps.unflatten(-1, (5, 2)) * stride[..., None] + cells.corners[:, None]
    return Predictions(
        cls[..., 0], obj[..., 0], torch.cat([middle - half, middle + half], -1), points
    )


def encode(boxes: Tensor, points: Tensor, cells: Cells) -> Tensor:
    """The (C, 14) numbers, box then points, with which each cell would tell of its face.

    Args:
        boxes: (C, 4) px.
        points: (C, 5, 2) px.
        cells: of each face.
    """
    stride = cells.strides[:, None]
    middle = ((boxes[:, :2] + boxes[:, 2:]) / 2 - cells.corners) / stride
    size = ((boxes[:, 2:] - boxes[:, :2]) / stride).log()
    offsets = (points - cells.corners[:, None]) / stride[..., None]
    return torch.cat([middle, size, offsets.flatten(1)], dim=1)
