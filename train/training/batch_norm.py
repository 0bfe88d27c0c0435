"""Batch norms of a network, and one over the shares of all processes: torch's needs GPUs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed, nn

from .distributed import Ranks


class SyncedBatchNorm(nn.BatchNorm2d):
    """Takes the place of a batch norm: same weights, statistics over every process's pictures."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, plain: nn.BatchNorm2d, among: Ranks) -> None:
        super().__init__(plain.num_features, plain.eps, plain.momentum)
        self.load_state_dict(plain.state_dict())
        self.among, self.rate = among, plain.momentum or 0.0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            plain: Tensor = super().forward(x)
            return plain
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        # One after the other: the difference of two large moments would lose the small variance.
        mean = _sum_over_ranks(wide.mean((0, 2, 3))) / self.among.count
        centred = wide - mean[:, None, None]
        variance = _sum_over_ranks((centred * centred).mean((0, 2, 3))) / self.among.count
        self._remember(mean.detach(), variance.detach(), x.numel() // x.shape[1])
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normal: Tensor = centred * scale[:, None, None] + self.bias[:, None, None]
        return normal.to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, share: int) -> None:
        count = share * self.among.count
        self.running_mean.lerp_(mean, self.rate)
        self.running_var.lerp_(variance * count / (count - 1), self.rate)
        self.num_batches_tracked += 1


def sync_batch_norm(network: nn.Module, among: Ranks) -> None:
    """Replaces every batch norm by a `SyncedBatchNorm`; a single process needs none."""
    if among.count == 1:
        return
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, SyncedBatchNorm(child, among).to(among.device))


class Normalised(NamedTuple):
    """A convolution and the batch norm behind it."""

    conv_name: str
    conv: nn.Conv2d
    norm_name: str
    norm: nn.BatchNorm2d


def normalised(network: nn.Module) -> list[Normalised]:
    """Every convolution that a batch norm follows: two side by side in a module belong together."""
    found = []
    for place, module in network.named_modules():
        prefix = f"{place}." if place else ""
        for (conv_name, conv), (norm_name, norm) in pairwise(module.named_children()):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                found.append(Normalised(prefix + conv_name, conv, prefix + norm_name, norm))
    return found


class _SumOverRanks(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, value: Tensor) -> Tensor:
        total = value.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        # The sum goes into the losses of all processes.
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        return total


def _sum_over_ranks(value: Tensor) -> Tensor:
    total: Tensor = _SumOverRanks.apply(value)  # type: ignore[no-untyped-call]
    return total
