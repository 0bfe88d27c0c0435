"""Memory of this process and of the GPU, in MB of 2**20 bytes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from .machine import command_output

_STATUS: Final = Path("/proc/self/status")
_CLEAR: Final = Path("/proc/self/clear_refs")
_FORGET_PEAK: Final = "5"  # of proc(5)


def resident_mb() -> float:
    """What this process holds now. Linux only.

    Raises:
        OSError: another system.
    """
    return status_mb(_STATUS.read_text(), "VmRSS")


def peak_mb() -> float:
    """The most that this process has held since it was started, or since `reset_peak`.

    The kernel's own mark of this address space. `ru_maxrss` would do for neither: a child begins
    with its parent's.

    Raises:
        OSError: another system.
    """
    return status_mb(_STATUS.read_text(), "VmHWM")


def reset_peak() -> None:
    """Lets `peak_mb` begin again from what is held now.

    Raises:
        OSError: the kernel does not let us.
    """
    _CLEAR.write_text(_FORGET_PEAK)


def device_mb(index: int = 0) -> float | None:
    """What all processes together hold of a GPU; None: no GPU, or one that does not tell, as
    Jetsons, whose memory is the host's.
    """
    told = command_output(
        *("nvidia-smi", "-i", str(index), "--query-gpu=memory.used"),
        "--format=csv,noheader,nounits",
    )
    return float(told) if re.fullmatch(r"\s*\d+\s*", told) else None


def status_mb(status: str, name: str) -> float:
    """An entry of the text of `/proc/PID/status`.

    Raises:
        ValueError: no such entry.
    """
    found = re.search(rf"^{name}:\s*(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise ValueError(f"no {name} in the status of this process; expected Linux's")
    return int(found[1]) / 1024
