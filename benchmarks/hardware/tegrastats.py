"""A line of `tegrastats`, as JetPack 5 to 7 print it.

The formats differ by release and board; the tests hold lines recorded on boards by others. Since
JetPack 7 a rail has three powers (now, mean, peak) and a sensor may have two temperatures (now,
peak); before, a rail had two and a sensor one. The first is the present one in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

WHOLE: Final = (
    ("VIN",),  # Thor: what comes in from the supply
    ("VDD_IN",),  # Orin Nano, Orin NX, Xavier NX: what the module takes
    ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"),  # AGX Orin; its other rail is part of the last
    ("VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"),  # Thor on a carrier that does not measure VIN
    ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"),  # AGX Xavier
)
"""Rails whose sum is the largest part of a board that is measured; the first that are there."""
_MEMORY: Final = re.compile(r"\bRAM (\d+)/(\d+)MB")
_GPU: Final = re.compile(r"\bGR3D_FREQ (?:(\d+)%)?(?:@\[?([\d,]+)\]?)?")
_TEMPERATURE: Final = re.compile(r"\b(\w+)@(-?\d+(?:\.\d+)?)C")
_RAIL: Final = re.compile(r"\b(\w+) (-?\d+)mW")
_SENSOR_OFF: Final = -200
"""Degrees; a sensor of a part that is switched off reads -256."""


@dataclass(frozen=True, slots=True)
class TegraSample:
    """What one line tells."""

    rails_mw: Mapping[str, int]
    """Power now, by rail. A part that is switched off may read a little below 0."""
    memory_mb: int
    """In use, of CPU and GPU together."""
    memory_total_mb: int
    gpu_percent: int | None
    """None where the line does not tell, as on Thor."""
    gpu_mhz: int | None
    """Of the fastest cluster; None where the line does not tell."""
    temperatures_c: Mapping[str, float]
    """By sensor, in lower case; those that are off are left out."""

    @property
    def whole_mw(self) -> tuple[int, str] | None:
        """Power of the board or module, and the rails that it is the sum of (`A+B+C`).

        None where the rails are none of `WHOLE`.
        """
        for rails in WHOLE:
            if all(rail in self.rails_mw for rail in rails):
                return sum(self.rails_mw[rail] for rail in rails), "+".join(rails)
        return None


def parse(line: str) -> TegraSample | None:
    """A line of `tegrastats`; None: it is none."""
    memory = _MEMORY.search(line)
    if memory is None:
        return None
    gpu = _GPU.search(line)
    percent, mhz = gpu.groups() if gpu else (None, None)
    temperatures = {name.lower(): float(told) for name, told in _TEMPERATURE.findall(line)}
    return TegraSample(
        rails_mw={name: int(power) for name, power in _RAIL.findall(line) if name != "NC"},
        memory_mb=int(memory[1]),
        memory_total_mb=int(memory[2]),
        gpu_percent=None if percent is None else int(percent),
        gpu_mhz=None if mhz is None else max(map(int, mhz.split(","))),
        temperatures_c={n: told for n, told in temperatures.items() if told > _SENSOR_OFF},
    )
