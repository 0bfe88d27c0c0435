"""Label assignment: which cells predict which face.

Source: SimOTA of Ge et al., "YOLOX: Exceeding YOLO Series in 2021", with which YuNet was trained.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from .box_codec import Cells, Predictions

# Cells so near to a face's middle, in strides, are preferred to all others.
NEAR: Final = 2.5
# A face gets as many cells as the overlaps of its best ones add up to.
BEST: Final = 10
OVERLAP_WEIGHT: Final = 3.0
FAR: Final = 1e5


def overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """(...) intersection over union of (..., 4) and (..., 4), broadcast."""
    low = torch.maximum(boxes[..., :2], others[..., :2])
    high = torch.minimum(boxes[..., 2:], others[..., 2:])
    both = (high - low).clamp(min=0).prod(dim=-1)
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(dim=-1)
    areas = areas + (others[..., 2:] - others[..., :2]).prod(dim=-1)
    return both / (areas - both).clamp(min=1e-6)


@torch.no_grad()
def assign(told: Predictions, boxes: Tensor, cells: Cells) -> tuple[Tensor, Tensor]:
    """Cells and faces that belong together; no cell has two faces.

    Args:
        told: of one picture.
        boxes: (F, 4) of its faces, px.
        cells: of its maps.

    Returns:
        (P,) cells and (P,) the face of each.
    """
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = (cells.corners > boxes[:, None, :2]) & (cells.corners < boxes[:, None, 2:])
    away = (cells.corners - middle[:, None]).abs().amax(dim=-1)
    near = away < NEAR * cells.strides
    usable = inside.all(dim=-1) | near
    common = usable & inside.all(dim=-1) & near
    overlap = overlaps(boxes[:, None], told.boxes) * usable
    doubt = F.binary_cross_entropy(told.scores, torch.ones_like(told.scores), reduction="none")
    cost = doubt - OVERLAP_WEIGHT * (overlap + 1e-8).log()
    cost = cost + FAR * ~common + FAR * FAR * ~usable
    counts = overlap.topk(BEST, dim=1).values.sum(dim=1).int().clamp(min=1)
    taken = torch.zeros_like(usable)
    for face, count in enumerate(counts.tolist()):
        taken[face, cost[face].topk(count, largest=False).indices] = True
    taken &= usable
    # A cell that two faces want goes to the cheaper one.
    best = torch.where(taken, cost, torch.inf).argmin(dim=0)
    chosen = taken.any(dim=0).nonzero()[:, 0]
    return chosen, best[chosen]
