"""What a run says: log, pictures, curves, and the time of its parts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from train.training import logging
from train.training.step_timer import StepTimer
from train.training.tensorboard import TensorBoardWriter, grid


def test_a_resumed_run_drops_the_lines_that_come_again(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    lines = [json.dumps({"step": step}) for step in (50, 100, 150)]
    log.write_text("\n".join(lines) + '\n{"step": 2')  # killed while writing
    logging._forget_after(log, 100)
    assert log.read_text() == "\n".join(lines[:2]) + "\n"


@pytest.mark.parametrize(
    ("minutes", "text"), [(0.25, "0.2 min"), (59.0, "59.0 min"), (60.0, "1:00 h"), (754, "12:34 h")]
)
def test_durations(minutes: float, text: str) -> None:
    assert logging._duration(minutes) == text


def test_a_row_of_the_grid_is_one_view() -> None:
    black, white = torch.full((2, 3, 4, 5), -1.0), torch.full((2, 3, 4, 5), 1.0)
    white[1] = 0.0
    made = grid(black, white, black)
    assert (made.shape, made.dtype) == ((3, 8, 15), torch.uint8)
    assert made[:, :4, 5:10].eq(255).all()
    assert made[:, 4:, 5:10].eq(128).all()
    assert not made[:, :, :5].any()
    assert not made[:, :, 10:].any()


def test_without_tensorboard_the_run_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said: list[str] = []
    board = TensorBoardWriter(tmp_path, 0, said.append)
    board.scalars(1, {"pixel_128": 0.5})
    board.scalars(2, {"pixel_128": 0.4})
    assert not board.active
    assert len(said) == 1
    assert "pip install tensorboard" in said[0]


def test_curves_and_pictures_are_in_tensorboards_file(tmp_path: Path) -> None:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="TensorBoard is optional"
    )
    board = TensorBoardWriter(tmp_path, 0, print)
    board.scalars(10, {"pixel_128": 0.5, "critic": -2.0})
    board.scalars(20, {"pixel_128": 0.25, "critic": -1.0})
    board.pictures(20, *(torch.zeros(1, 3, 8, 8) for _ in range(3)))
    events = reader.EventAccumulator(str(tmp_path))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("pixel_128")] == [(10, 0.5), (20, 0.25)]
    (picture,) = events.Images("input, output, target")
    assert (picture.step, picture.width, picture.height) == (20, 24, 8)


def ticking() -> StepTimer:
    """Every look at its clock is one second after the last."""
    seconds = iter(range(1000))
    return StepTimer(clock=lambda: float(next(seconds)))


def test_a_part_inside_another_counts_as_itself_alone() -> None:
    watch = ticking()
    with watch("outer"), watch("inner"):
        pass
    with watch("outer"):
        pass
    assert watch.seconds == {"outer": 3.0, "inner": 1.0}
    assert watch.shares() == {"outer": 0.75, "inner": 0.25}
    assert watch.seconds == {}


def test_a_watched_network_counts_forward_and_backward() -> None:
    watch, layer = ticking(), torch.nn.Linear(2, 2)
    layer.requires_grad_(False)
    watch.watch("identity", layer)
    picture = torch.ones(1, 2, requires_grad=True)
    with watch("generator"):
        made = layer(picture * 2)
        assert watch.seconds == {"generator": 1.0, "identity": 1.0}
        made.sum().backward()
    assert watch.seconds == {"generator": 3.0, "identity": 2.0}
    with torch.no_grad(), watch("generator"):
        layer(picture)
    assert watch.seconds == {"generator": 5.0, "identity": 3.0}
