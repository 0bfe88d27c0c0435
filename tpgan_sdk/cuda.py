"""The one module that knows CUDA. For now: whether a driver is there."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CudaDriver:
    """The NVIDIA driver of this machine."""

    version: tuple[int, int]
    """Newest CUDA that it runs, (major, minor)."""
    devices: int


def find_driver() -> CudaDriver | str:
    """The driver, or in one sentence why there is none. Loads `libcuda.so.1` and nothing else."""
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA driver: libcuda.so.1 is not on this machine"
    if status := library.cuInit(0):
        return f"the NVIDIA driver does not start: cuInit returned {status}"
    version, devices = ctypes.c_int(), ctypes.c_int()
    library.cuDriverGetVersion(ctypes.byref(version))
    library.cuDeviceGetCount(ctypes.byref(devices))
    if devices.value == 0:
        return "the NVIDIA driver finds no GPU"
    return CudaDriver((version.value // 1000, version.value % 1000 // 10), devices.value)
