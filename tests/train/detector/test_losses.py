"""Assignment and losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from train.detector.box_codec import cells_of, decode, encode
from train.detector.label_assignment import assign, overlaps
from train.detector.losses import SOFT, loss_of, point_loss

BOXES = torch.tensor([[20.0, 20.0, 60.0, 70.0], [90.0, 80.0, 104.0, 98.0]])
POINTS = torch.rand(2, 5, 2, generator=torch.Generator().manual_seed(1)) * 30 + 25
CELLS = cells_of(128, 128)


def perfect(logit: float, off: float = 0.0) -> torch.Tensor:
    """(C, 16): every cell tells of the first face, so many px off, and is as sure as `logit`."""
    count = len(CELLS.strides)
    boxes, points = (part.expand(count, *part.shape[1:]) + off for part in (BOXES[:1], POINTS[:1]))
    written, sure = encode(boxes, points, CELLS), torch.full((count, 1), logit)
    return torch.cat([sure, written[:, :4], sure, written[:, 4:]], dim=1)


def test_overlaps() -> None:
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    others = torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 3.0], [5.0, 5.0, 6.0, 6.0]])
    torch.testing.assert_close(overlaps(boxes, others), torch.tensor([1, 1 / 7, 0]))


def test_points_by_hand() -> None:
    truth, boxes = torch.zeros(1, 5, 2), torch.tensor([[0.0, 0.0, 50.0, 100.0]])
    off = truth.clone()
    off[0, 0, 0] = 20.0  # a fifth of the longer side
    assert point_loss(off, truth, boxes).item() == pytest.approx((0.2 - SOFT / 2) / 10)
    assert point_loss(off / 100, truth, boxes).item() == pytest.approx(0.002**2 / (2 * SOFT) / 10)


def test_cells_of_a_face_lie_in_its_middle() -> None:
    told = decode(perfect(3.0), CELLS)
    chosen, whose = assign(told, BOXES[:1], CELLS)
    assert whose.tolist() == [0] * 10  # ten best overlaps of 1
    away = (CELLS.corners[chosen] - torch.tensor([40.0, 45.0])).abs().amax(dim=1)
    assert (away < 2.5 * CELLS.strides[chosen]).all()


def test_no_cell_has_two_faces() -> None:
    both = torch.stack([BOXES[0], BOXES[0] + 6])
    told = decode(torch.zeros(len(CELLS.strides), 16), CELLS)
    chosen, whose = assign(told, both, CELLS)
    assert len(set(chosen.tolist())) == len(chosen)
    assert set(whose.tolist()) == {0, 1}


def test_a_perfect_network_loses_nothing() -> None:
    truth = torch.cat([BOXES[:1], POINTS[:1].flatten(1)], dim=1)
    assert loss_of(perfect(3.0)[None], truth[None], CELLS).item() == pytest.approx(0, abs=1e-6)


def test_a_picture_without_a_face() -> None:
    output = torch.zeros(1, len(CELLS.strides), 16, requires_grad=True)
    loss = loss_of(output, torch.full((1, 1, 14), math.nan), CELLS)
    assert loss.item() == 0
    loss.backward()
    assert output.grad is not None
    assert bool((output.grad == 0).all())


def test_the_mean_over_cells_and_pictures() -> None:
    """All points 2 px off, in two pictures of one face: the loss of one point. A third is empty."""
    truth = torch.cat([BOXES[:1], POINTS[:1].flatten(1)], dim=1)
    faces = torch.stack([truth, truth, torch.full_like(truth, math.nan)])
    output = perfect(3.0, off=2.0).expand(3, -1, -1)
    expected = 2 / 50 - SOFT / 2
    assert loss_of(output, faces, CELLS).item() == pytest.approx(expected, rel=1e-4)
