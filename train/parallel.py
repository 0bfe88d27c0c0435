"""Several processes training one network: `torchrun --nproc-per-node N -m train ...`.

Every process takes its share of each batch and the gradients are averaged, so N processes do what
one would do with the whole batch, up to batch norm's statistics, which each takes of its share.
On CPUs, single-threaded processes beat one process with threads as soon as anything else runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among all."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this one logs and saves."""
        return self.rank == 0


@contextmanager
def ranks() -> Iterator[Ranks]:
    """The processes that torchrun started; a single one without it."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Ranks()
        return
    distributed.init_process_group("gloo")
    try:
        yield Ranks(distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()


def mean_gradients(network: nn.Module, among: Ranks) -> None:
    """Replaces every gradient by its mean over the processes."""
    if among.count == 1:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    joined = torch.cat([gradient.reshape(-1) for gradient in gradients])
    distributed.all_reduce(joined)
    joined /= among.count
    offset = 0
    for gradient in gradients:
        part = joined[offset : offset + gradient.numel()]
        gradient.copy_(part.view_as(gradient))
        offset += gradient.numel()


def of_the_leader(value: float, among: Ranks) -> float:
    """The leader's number, in every process: clocks differ, and all must do the same."""
    if among.count == 1:
        return value
    answer = torch.tensor([value], dtype=torch.float64)
    distributed.broadcast(answer, 0)
    return answer.item()
