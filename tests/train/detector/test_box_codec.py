"""What a cell tells, and how it is written."""

from __future__ import annotations

import math

import torch

from train.detector.box_codec import cells_of, decode, encode


def test_cells_lie_row_by_row() -> None:
    cells = cells_of(64, 96)
    assert len(cells.corners) == 8 * 12 + 4 * 6 + 2 * 3
    assert cells.corners[:2].tolist() == [[0, 0], [8, 0]]
    assert cells.corners[12].tolist() == [0, 8]
    assert cells.corners[-1].tolist() == [64, 32]
    assert cells.strides[[0, 95, 96, 119, 120]].tolist() == [8, 8, 16, 16, 32]


def test_decoding_by_hand() -> None:
    cells = cells_of(64, 64)
    output = torch.zeros(len(cells.strides), 16)
    number = 64 + 5  # of stride 16: second row, second column
    output[number] = torch.tensor([0, 0.5, -0.25, math.log(2), 0, *([0.0] + [1.0, -1.0] * 5)])
    told = decode(output, cells)
    torch.testing.assert_close(told.boxes[number], torch.tensor([8.0, 4.0, 40.0, 20.0]))
    torch.testing.assert_close(told.points[number], torch.tensor([[32.0, 0.0]] * 5))
    torch.testing.assert_close(told.scores, torch.full_like(told.scores, 0.5))


def test_what_is_written_is_read_again() -> None:
    cells = cells_of(96, 128)
    count = len(cells.strides)
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(count, 2, generator=generator) * 80
    boxes = torch.cat([low, low + 5 + torch.rand(count, 2, generator=generator) * 60], dim=1)
    points = torch.rand(count, 5, 2, generator=generator) * 100
    written = encode(boxes, points, cells)
    scores = torch.tensor([[2.0], [3.0]]).expand(2, count)[..., None]
    output = torch.cat([scores[0], written[:, :4], scores[1], written[:, 4:]], dim=1)
    told = decode(output, cells)
    torch.testing.assert_close(told.boxes, boxes, atol=1e-3, rtol=0)
    torch.testing.assert_close(told.points, points, atol=1e-3, rtol=0)
    assert told.cls[0] == 2
    assert told.obj[0] == 3
