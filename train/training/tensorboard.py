"""TensorBoard: curves and pictures, where the package is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor


class TensorBoardWriter:
    """Writes `folder`; does nothing without the package tensorboard."""

    def __init__(self, folder: Path, step: int, say: Callable[[str], None]) -> None:
        """
        Args:
            step: that the run begins or goes on with; what an interrupted run wrote after it is
                hidden.
            say: told once if there is no TensorBoard.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._writer = None
            say("no TensorBoard here, log.jsonl alone gets the losses: pip install tensorboard")
        else:
            self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    @property
    def active(self) -> bool:
        """Whether anything is written."""
        return self._writer is not None

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """One curve a name."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)
            self._writer.flush()

    def pictures(self, step: int, face: Tensor, made: Tensor, target: Tensor) -> None:
        """One row a view: what went in, what came out, what is true; (N, 3, H, W) in [-1, 1]."""
        if self._writer is not None:
            self._writer.add_image("input, output, target", grid(face, made, target), step)
            self._writer.flush()


def grid(*columns: Tensor) -> Tensor:
    """(N, 3, H, W) in [-1, 1] each to one picture (3, N H, columns W), uint8."""
    joined = torch.cat(columns, dim=3)
    pixels = (joined.float().clamp(-1, 1) * 127.5 + 127.5).round().to(torch.uint8)
    return torch.cat(list(pixels), dim=1).cpu()
