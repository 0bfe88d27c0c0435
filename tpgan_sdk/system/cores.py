"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from ..errors import TPGANError

OVERRIDE: Final = "TPGAN_CORES"
"""Environment variable: so many cores, whatever the system says."""

_PROC = Path("/proc/self")


def usable_cores() -> int:
    """Cores that this process may use; containers often show more.

    The least of what it may run on and of the CPU quotas of its control groups, rounded up;
    `OVERRIDE` goes before both.

    Raises:
        TPGANError: `OVERRIDE` is no whole number, at least 1.
    """
    return cores_and_reason()[0]


def cores_and_reason() -> tuple[int, str]:
    """`usable_cores`, and what decided it."""
    if text := os.environ.get(OVERRIDE, "").strip():
        if not (text.isdecimal() and int(text)):
            raise TPGANError(f"{OVERRIDE} is {text!r}; expected a whole number, at least 1")
        return int(text), f"set by {OVERRIDE}"
    # Not on every system; where it is missing the count of all cores is the best guess.
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = cpu_quota()
    if quota is None or quota > cores:
        return cores, "no quota below them"
    return max(1, math.ceil(quota)), f"a CPU quota of {quota:g} of {cores} cores"


def cpu_quota() -> float | None:
    """The least CPU quota, in cores, of this process's control group and those above it; None:
    there is none."""
    quotas = [quota for folder in _groups() if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _groups() -> Iterator[Path]:
    """Folders of the control groups, from this process's own up to where they are mounted."""
    own = {}
    for line in _lines("cgroup"):  # "4:cpu,cpuacct:/a/b", of version 2 "0::/a/b"
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            own[controller] = path
    for line in _lines("mountinfo"):
        before, _, after = line.partition(" - ")
        fields, (kind, _, options) = before.split(" "), f"{after}  ".split(" ")[:3]
        if kind == "cgroup2":
            path = own.get("", "/")
        elif kind == "cgroup" and "cpu" in options.split(","):
            path = own.get("cpu", "/")
        else:
            continue
        # In a container the mount often shows only a part: what lies above its root is hidden.
        root, mount = PurePosixPath(fields[3]), Path(fields[4])
        place = PurePosixPath(path)
        inner = place.relative_to(root) if place.is_relative_to(root) else PurePosixPath()
        if ".." not in inner.parts:
            yield from (mount / part for part in (inner, *inner.parents))


def _quota(folder: Path) -> float | None:
    try:
        if (limits := folder / "cpu.max").is_file():  # version 2
            quota, period = limits.read_text().split()[:2]
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        cores = int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):  # absent, hidden, or "max"
        return None
    return cores if cores > 0 else None  # version 1 says -1 for none


def _lines(name: str) -> list[str]:
    try:
        return (_PROC / name).read_text(errors="replace").splitlines()
    except OSError:
        return []
