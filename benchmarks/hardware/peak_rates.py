"""Peak rates: operations a second in a matrix product, bytes a second copied.

Every library that is here may try, the fastest counts: a ceiling is not a library's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from .cores import use_cores

SIDES: Final = (1024, 2048)
GPU_SIDES: Final = (4096, 8192)
COPY_MB: Final = 256
_TRIES: Final = 8
_TYPES: Final = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# PyTorch multiplies FP16 on x86 value by value: a hundredth of FP32's rate is no ceiling.
_GPU_ONLY: Final = ("fp16",)
_PATIENCE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class PeakRate:
    """One of the machine's limits."""

    device: str
    """"cpu" or "cuda"."""
    what: str
    """"fp32", "bf16", "fp16", "int8": matrix products; "copy"."""
    how: str
    """What reached it."""
    per_s: float
    """Operations, 2 per multiply-add; or bytes, read and written. FP32 is TF32 on a GPU."""

    def row(self) -> dict[str, Any]:
        """For a result's row."""
        unit = "gb_per_s" if self.what == "copy" else "gflop_per_s"
        return {
            **{"kind": "ceiling", "device": self.device, "what": self.what, "how": self.how},
            unit: self.per_s / 1e9,
        }


def best_seconds(call: Callable[[], object], tries: int = _TRIES) -> float:
    """The shortest of some calls, after one that does not count; fewer where they take seconds."""
    call()
    times: list[float] = []
    while len(times) < tries and sum(times) < _PATIENCE_S:
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return min(times)


def matmul_peaks(device: str, sides: tuple[int, ...] | None = None) -> list[PeakRate]:
    """The highest rate of square matrix products, by what they are computed in.

    Args:
        device: "cpu" or "cuda".
        sides: of the matrices; None: large enough for the device.
    """
    best: dict[str, PeakRate] = {}
    for side in sides or (SIDES if device == "cpu" else GPU_SIDES):
        for what, how, product in _products(device, side):
            try:
                seconds = best_seconds(product)
            except (RuntimeError, NotImplementedError):
                continue  # this build of torch, or this GPU, has no such product
            found = PeakRate(device, what, f"{how}, {side}x{side}", 2 * side**3 / seconds)
            best[what] = max(best.get(what, found), found, key=lambda one: one.per_s)
    return list(best.values())


def copy_bandwidth(device: str, megabytes: int = COPY_MB) -> PeakRate:
    """The rate of copies that no cache holds: bytes read and bytes written."""
    size = megabytes * 2**20
    if device == "cpu":
        threads = use_cores(None)
        parts = _parts(size, threads)
        with ThreadPoolExecutor(threads) as pool:
            # NumPy gives the lock back while it copies.
            seconds = best_seconds(lambda: list(pool.map(lambda part: np.copyto(*part), parts)))
        return PeakRate(
            device, "copy", f"NumPy, {threads} threads, {megabytes} MB", 2 * size / seconds
        )
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds = best_seconds(_waiting(lambda: target.copy_(source), device))
    return PeakRate(device, "copy", f"PyTorch, {megabytes} MB", 2 * size / seconds)


def all_peak_rates(device: str, quick: bool = False) -> list[PeakRate]:
    """Matrix products and copies of one device."""
    sides = (512,) if quick else None
    return [*matmul_peaks(device, sides), copy_bandwidth(device, 64 if quick else COPY_MB)]


def _parts(size: int, count: int) -> list[tuple[Any, Any]]:
    """Targets and sources, written before so that the system has given their pages."""
    target, source = np.zeros(size, np.uint8), np.ones(size, np.uint8)
    target[:] = 2
    return list(zip(np.array_split(target, count), np.array_split(source, count), strict=True))


def _products(device: str, side: int) -> Iterator[tuple[str, str, Callable[[], object]]]:
    rng = np.random.default_rng(0)
    first, second = (rng.standard_normal((side, side), dtype=np.float32) for _ in range(2))
    if device == "cpu":
        out = np.empty_like(first)
        yield "fp32", "NumPy", lambda: np.matmul(first, second, out=out)
    else:
        # FP32 convolutions do so by default in PyTorch and ONNX Runtime.
        torch.backends.cuda.matmul.allow_tf32 = True
    for what, kind in _TYPES.items():
        if device == "cpu" and what in _GPU_ONLY:
            continue
        a, b = (torch.from_numpy(x).to(device, kind) for x in (first, second))
        yield what, "PyTorch", _waiting(_product(torch.mm, a, b), device)
    a, b = (torch.from_numpy(x * 20).to(device, torch.int8) for x in (first, second))
    yield "int8", "PyTorch", _waiting(_product(torch._int_mm, a, b), device)


def _product(
    call: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor
) -> Callable[[], Tensor]:
    return lambda: call(a, b)


def _waiting(call: Callable[[], object], device: str) -> Callable[[], object]:
    """On a GPU a call returns before its work is done."""

    def run() -> None:
        call()
        torch.cuda.synchronize()

    return call if device == "cpu" else run
