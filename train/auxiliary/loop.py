"""Training for a given time."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import torch
from torch import Tensor, nn

from ..training.schedule import rate_factor
from ..training.trainer import average, decay_at

LOG: Final = "log.jsonl"

Entry = dict[str, float]
"""Steps, minutes and loss so far: one line of the log."""


class Pace(Protocol):
    """What the loop reads of a configuration."""

    @property
    def learning_rate(self) -> float:
        """Highest; rises over the first `warmup` steps, then falls as a cosine of time."""

    @property
    def warmup(self) -> int: ...

    @property
    def ema(self) -> float:
        """Of the averaged weights, per step."""

    @property
    def max_minutes(self) -> float: ...


def train_for_minutes(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: Callable[[], float],
    pace: Pace,
    output: Path,
) -> Iterator[tuple[Entry, nn.Module]]:
    """Trains until the time is over.

    Args:
        network: is trained.
        optimizer: gets its learning rate.
        step: makes one step and gives its loss.
        pace: how fast and how long.
        output: a folder that exists; the log lies there.

    Yields:
        Every minute and at the end: the log's new entry, and the network with averaged weights.
    """
    averaged = copy.deepcopy(network).eval()
    begun = saved = time.perf_counter()
    running, steps, done = 0.0, 0, 0.0
    with (output / LOG).open("w") as log:
        while done < 1.0:
            rate = pace.learning_rate * rate_factor(steps, done, pace.warmup)
            optimizer.param_groups[0]["lr"] = rate
            loss = step()
            average(averaged, network, min(pace.ema, decay_at(steps)))
            running = loss if steps == 0 else 0.98 * running + 0.02 * loss
            steps += 1
            now = time.perf_counter()
            minutes = (now - begun) / 60
            done = minutes / pace.max_minutes
            if now - saved > 60 or done >= 1.0:
                saved = now
                entry = {"step": steps, "minutes": round(minutes, 1), "loss": round(running, 5)}
                log.write(json.dumps(entry) + "\n")
                log.flush()
                print(entry, flush=True)
                yield entry, averaged


def gradient_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    loss_of: Callable[[Tensor], Tensor],
) -> float:
    """One step; gives its loss.

    Args:
        network: computes in BF16.
        optimizer: of its weights.
        images: (N, 3, H, W) what it sees.
        loss_of: its output, as float32.
    """
    images = images.float().contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        output = network(images)
    loss = loss_of(output.float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())
