"""Loss of the detector: the error of its points."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from .box_codec import Cells, Predictions, decode
from .label_assignment import assign

# Shares of the box's longer side below which an error counts squared.
SOFT: Final = 0.01


def point_loss(points: Tensor, truths: Tensor, boxes: Tensor) -> Tensor:
    """(N,) mean smooth L1 of (N, 5, 2) points, as shares of the true boxes' longer sides."""
    side = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1)[:, None, None]
    errors = F.smooth_l1_loss(points / side, truths / side, beta=SOFT, reduction="none")
    return errors.mean(dim=(1, 2))


def loss_of(output: Tensor, faces: Tensor, cells: Cells) -> Tensor:
    """Mean of `point_loss` over all cells that tell of a face; 0 where there is none.

    Args:
        output: (N, C, 16) of the network, float32.
        faces: (N, F, 14) box and points, px; rows of NaN where a picture has fewer.
        cells: of the maps.
    """
    told = decode(output, cells)
    terms = [output.new_zeros(0)]
    for number, rows in enumerate(faces):
        known = rows[~rows[:, 0].isnan()]
        if len(known):
            one = Predictions(
                *(part[number] for part in (told.cls, told.obj, told.boxes, told.points))
            )
            chosen, face = assign(one, known[:, :4], cells)
            truths = known[face, 4:].unflatten(1, (5, 2))
            terms.append(point_loss(one.points[chosen], truths, known[face, :4]))
    found = torch.cat(terms)
    return found.mean() if len(found) else output.sum() * 0
