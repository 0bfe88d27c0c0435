"""Device, precision and memory layout of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from tpgan_sdk.errors import TrainingError

from ..data.example import Example
from .config import TrainConfig

DEVICES = ("auto", "cpu", "cuda")
_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def pick(name: str, local_rank: int = 0) -> torch.device:
    """
    Args:
        name: one of `DEVICES`; "auto" takes the GPU where torch sees one.
        local_rank: of this process among those on this machine: each takes its own GPU.

    Raises:
        TrainingError: "cuda" is wanted and torch sees no GPU, or fewer than there are processes.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not count):
        return torch.device("cpu")
    if local_rank >= count:
        raise TrainingError(
            f"process {local_rank} of this machine needs a GPU of its own and torch sees {count}; "
            "start fewer processes, or train on the CPU: --device cpu"
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


def prepare(device: torch.device, config: TrainConfig) -> None:
    """Settings of the whole process: TF32, and the fastest convolution for the one batch size."""
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high" if config.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = config.tf32
        torch.backends.cudnn.benchmark = True


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """The context in which networks compute in `precision`."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, _DTYPES[precision])


def lay_out(network: nn.Module, device: torch.device, channels_last: bool) -> None:
    """Moves a network to the device, in the memory layout of the configuration."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network.to(device, memory_format=layout)  # type: ignore[call-overload]


def placed(batch: Example, device: torch.device) -> Example:
    """A batch where the networks are; to a GPU from pinned memory, without waiting."""
    if device.type != "cuda":
        return batch
    return {k: v.pin_memory().to(device, non_blocking=True) for k, v in batch.items()}


def on_device(batches: Iterator[Example], device: torch.device) -> Iterator[Example]:
    """All batches where the networks are, one at a time."""
    return (placed(batch, device) for batch in batches)
