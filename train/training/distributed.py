"""Distributed training: `torchrun --nproc-per-node N -m train ...`.

Every process takes its share of each batch and the gradients are averaged, so N processes do what
one would do with the whole batch, up to batch norm's statistics and rounding. Random numbers are
drawn for the whole batch in every process, which then takes its own. Batch norm's statistics are
those of each share, unless the configuration has `sync_batch_norm`.
On CPUs, single-threaded processes beat one process with threads as soon as anything else runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from . import device as devices

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among all, and where it computes."""

    rank: int = 0
    count: int = 1
    device: torch.device = CPU

    @property
    def leads(self) -> bool:
        """Whether this one logs and saves."""
        return self.rank == 0

    def own(self, whole: Tensor) -> Tensor:
        """This process's rows of something drawn for the whole batch, on its device."""
        return whole[self.rank :: self.count].to(self.device)


ALONE = Ranks()


@contextmanager
def ranks(device: str = "cpu") -> Iterator[Ranks]:
    """The processes that torchrun started; a single one without it.

    Args:
        device: one of `train.training.device.DEVICES`.

    Raises:
        TrainingError: the device is not there.
    """
    own = devices.pick(device, int(os.environ.get("LOCAL_RANK", "0")))
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Ranks(device=own)
        return
    distributed.init_process_group("gloo" if own.type == "cpu" else "cpu:gloo,cuda:nccl")
    try:
        yield Ranks(distributed.get_rank(), count, own)
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


def mean_values(terms: Mapping[str, Tensor], among: Ranks) -> dict[str, float]:
    """Scalars by name, each the mean over the processes: the same in all of them."""
    joined = torch.stack([term.detach().float() for term in terms.values()])
    if among.count > 1:
        distributed.all_reduce(joined)
        joined /= among.count
    return dict(zip(terms, joined.tolist(), strict=True))


def broadcast_from_leader(value: float, among: Ranks) -> float:
    """The leader's number, in every process: clocks differ, and all must do the same."""
    if among.count == 1:
        return value
    answer = torch.tensor([value], dtype=torch.float64)
    distributed.broadcast(answer, 0)
    return answer.item()
