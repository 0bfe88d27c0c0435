"""As many threads for every runtime as are asked for."""

from __future__ import annotations

import os

from tpgan_sdk.system.cores import usable_cores

from ..errors import BenchmarkError


def use_cores(count: int | None) -> int:
    """Keeps this process, and the processes that it starts, on so many of its cores.

    Runtimes then count as many cores and start as many threads, those of the SDK too. To be called
    before any of them has made its threads.

    Returns:
        The number of cores; all that are usable with None.

    Raises:
        BenchmarkError: there are fewer, or the system cannot do it.
    """
    usable = usable_cores()
    if count is None:
        return usable
    if not 1 <= count <= usable:
        raise BenchmarkError(f"--threads {count}: this process may use 1 to {usable} cores")
    if not hasattr(os, "sched_setaffinity"):
        raise BenchmarkError("--threads needs Linux: this system keeps no process to its cores")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    return count
