"""What NVIDIA's management library tells of a GPU: power and energy.

It comes with the driver; ctypes calls it, so nothing has to be installed.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Final

_LIBRARY: Final = "libnvidia-ml.so.1"


class Nvml:
    """One GPU. What it does not tell is None.

    `index` is NVML's, by PCI bus; CUDA's is another where `CUDA_VISIBLE_DEVICES` or
    `CUDA_DEVICE_ORDER` say so.
    """

    def __init__(self, library: Any, index: int = 0) -> None:
        self._library = library
        self._handle = ctypes.c_void_p()
        for name, arguments in (
            ("nvmlInit_v2", ()),
            ("nvmlDeviceGetHandleByIndex_v2", (index, ctypes.byref(self._handle))),
        ):
            if status := getattr(library, name)(*arguments):
                raise OSError(f"{name} returned {status}")

    def power_mw(self) -> int | None:
        """Power now; of some GPUs the mean of the last second. Milliwatts."""
        return self._number("nvmlDeviceGetPowerUsage", ctypes.c_uint)

    def energy_mj(self) -> int | None:
        """Energy since the driver was loaded, from Volta on. Millijoules."""
        return self._number("nvmlDeviceGetTotalEnergyConsumption", ctypes.c_ulonglong)

    def _number(self, name: str, kind: Any) -> int | None:
        value = kind()
        status = getattr(self._library, name)(self._handle, ctypes.byref(value))
        return None if status else int(value.value)


def open_nvml(index: int = 0, load: Callable[[str], Any] = ctypes.CDLL) -> Nvml | str:
    """A GPU's figures, or in one sentence why there are none."""
    try:
        return Nvml(load(_LIBRARY), index)
    except OSError as error:
        return f"NVML does not work here: {error}"
