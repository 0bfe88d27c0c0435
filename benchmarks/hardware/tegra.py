"""What a Jetson's own tools and files tell: release, power mode, clocks.

`nvpmodel` and `jetson_clocks` print text for people; the tests hold what they printed on boards.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

RELEASE_FILE: Final = Path("/etc/nv_tegra_release")
DEVFREQ: Final = Path("/sys/class/devfreq")
JETPACKS: Final = {35: 5, 36: 6, 38: 7, 39: 7}
"""Major release of Jetson Linux, and the JetPack that it belongs to."""
# The GPU's nodes of devfreq: of JetPack 5, of JetPack 6 and 7 on Orin, of Thor.
_GPU_NODES: Final = ("*.ga10b", "*.gpu", "gpu-gpc-*")
_CLOCK: Final = re.compile(
    r"^([\w-]+):?\s.*?MinFreq=(\d+) MaxFreq=(\d+) CurrentFreq=(\d+)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Release:
    """Jetson Linux, as its release file tells."""

    major: int
    revision: str

    @property
    def jetpack(self) -> int | None:
        """Major version of JetPack; None: a release that this code does not know."""
        return JETPACKS.get(self.major)

    def __str__(self) -> str:
        name = "unknown JetPack" if self.jetpack is None else f"JetPack {self.jetpack}"
        return f"{name}, Jetson Linux {self.major}.{self.revision}"


@dataclass(frozen=True, slots=True)
class PowerMode:
    """Of `nvpmodel`. Names and numbers differ from board to board."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Clock:
    """A range that a governor moves in, and where it is. MHz."""

    low_mhz: float
    high_mhz: float
    now_mhz: float

    @property
    def locked(self) -> bool:
        """Nothing is left to a governor."""
        return self.low_mhz == self.high_mhz


def parse_release(text: str) -> Release | None:
    """From the text of `/etc/nv_tegra_release`; None: it is none."""
    found = re.search(r"^# R(\d+) \(release\), REVISION: ([\d.]+)", text)
    return Release(int(found[1]), found[2]) if found else None


def parse_power_mode(told: str) -> PowerMode | None:
    """From what `nvpmodel -q` prints: a line with the name, one with the number."""
    found = re.search(r"NV Power Mode:\s*(\S+)\s+(\d+)\s*$", told)
    return PowerMode(found[1], int(found[2])) if found else None


def parse_clocks(told: str) -> dict[str, Clock]:
    """From what `jetson_clocks --show` prints, by its names: cpu0, GPU or gpu-gpc-0, EMC."""
    clocks = {}
    for name, *frequencies in _CLOCK.findall(told):
        # The CPUs' are in kHz, all others in Hz.
        unit = 1e3 if name.startswith("cpu") else 1e6
        clocks[name] = Clock(*(int(value) / unit for value in frequencies))
    return clocks


def unlocked(clocks: Mapping[str, Clock]) -> list[str]:
    """CPUs and GPUs that a governor still moves."""
    named = re.compile(r"(cpu\d+|GPU|gpu-gpc-\d+)$")
    return [name for name, clock in clocks.items() if named.match(name) and not clock.locked]


def gpu_clock(devfreq: Path = DEVFREQ) -> Clock | None:
    """The GPU's clock as the kernel tells without root; None: no Jetson, or none that is known."""
    nodes = sorted(node for pattern in _GPU_NODES for node in devfreq.glob(pattern))
    for node in nodes:
        try:
            values = [int((node / f"{name}_freq").read_text()) for name in ("min", "max", "cur")]
        except (OSError, ValueError):
            continue
        return Clock(*(value / 1e6 for value in values))
    return None


def facts(release_file: Path = RELEASE_FILE, devfreq: Path = DEVFREQ) -> dict[str, Any] | None:
    """Release and the GPU's clock, for a result's machine; None: not on a Jetson."""
    try:
        release = parse_release(release_file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    clock = gpu_clock(devfreq)
    told = None if clock is None else {**asdict(clock), "locked": clock.locked}
    return {"release": None if release is None else str(release), "gpu_clock": told}
