"""Joules of what runs in a block: the board's where `tegrastats` tells, else the GPU's by NVML.

    meter = open_meter(on_gpu=True)
    if isinstance(meter, Meter):
        with meter:
            ...
        meter.energy().row(faces=100)

Energy is power integrated over time: between samples linear, before the first and after the last
constant. Where a GPU counts its energy itself, the difference of two readings is taken instead.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..errors import BenchmarkError
from .nvml import Nvml, open_nvml
from .tegrastats import TegraSample, parse

INTERVAL_MS: Final = 100
"""Between two samples of power."""
TEGRASTATS: Final = ("tegrastats", "--interval", str(INTERVAL_MS))


@dataclass(frozen=True, slots=True)
class Energy:
    """Of one block."""

    joules: float
    seconds: float
    source: str
    """What was measured: the tool, and for a board the rails that were added."""
    samples: int
    """Readings behind it; few of them over a short block say little."""

    def row(self, faces: int) -> dict[str, Any]:
        """For a result's row."""
        return {
            "joules_per_face": self.joules / faces,
            "mean_w": self.joules / self.seconds,
            "energy_source": self.source,
            "energy_samples": self.samples,
        }


def integrate(times: Sequence[float], watts: Sequence[float], begin: float, end: float) -> float:
    """Joules from `begin` to `end`, seconds on the clock of the rising `times`.

    Raises:
        BenchmarkError: no sample.
    """
    if not times:
        raise BenchmarkError(
            f"no power was read in {end - begin:.2f} s; expected one every {INTERVAL_MS} ms: "
            "measure for longer"
        )
    inner = [moment for moment in times if begin < moment < end]
    grid = [begin, *inner, end]
    return float(np.trapezoid(np.interp(grid, times, watts), grid))


class Meter(ABC):
    """Measures while it is entered, any number of times after each other."""

    def __init__(self) -> None:
        self._begun = self._ended = 0.0

    def __enter__(self) -> Meter:
        self._start()
        self._begun = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = time.perf_counter()
        self._stop()

    @abstractmethod
    def energy(self) -> Energy:
        """Of the last block.

        Raises:
            BenchmarkError: nothing was measured.
        """

    @abstractmethod
    def _start(self) -> None: ...

    @abstractmethod
    def _stop(self) -> None: ...


class BoardMeter(Meter):
    """A Jetson as a whole, by the lines of `tegrastats`; `samples` holds all that they told."""

    def __init__(self, command: Sequence[str] = TEGRASTATS) -> None:
        super().__init__()
        self._command = tuple(command)
        self.samples: list[tuple[float, TegraSample]] = []

    def energy(self) -> Energy:
        powers = [(moment, sample.whole_mw) for moment, sample in self.samples]
        known = [(moment, power) for moment, power in powers if power is not None]
        if self.samples and not known:
            rails = ", ".join(self.samples[0][1].rails_mw) or "none"
            raise BenchmarkError(
                f"the rails of this board are not known: {rails}; add them to WHOLE in "
                "benchmarks/hardware/tegrastats.py"
            )
        times, watts = [moment for moment, _ in known], [power / 1e3 for _, (power, _) in known]
        joules = integrate(times, watts, self._begun, self._ended)
        source = f"tegrastats {known[0][1][1]}"
        return Energy(joules, self._ended - self._begun, source, len(known))

    def _start(self) -> None:
        self.samples = []
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if (sample := parse(line)) is not None:
                    self.samples.append((time.perf_counter(), sample))


class GpuMeter(Meter):
    """One GPU, without the computer around it."""

    def __init__(self, nvml: Nvml) -> None:
        super().__init__()
        self._nvml = nvml
        self._counted: list[int | None] = []
        self._times: list[float] = []
        self._watts: list[float] = []

    def energy(self) -> Energy:
        seconds = self._ended - self._begun
        first, last = self._counted
        if first is not None and last is not None:
            return Energy((last - first) / 1e3, seconds, "NVML energy counter", 2)
        joules = integrate(self._times, self._watts, self._begun, self._ended)
        return Energy(joules, seconds, "NVML power", len(self._times))

    def _start(self) -> None:
        self._counted = [self._nvml.energy_mj()]
        self._times, self._watts = [], []
        self._done = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        if self._counted[0] is None:
            self._reader.start()

    def _stop(self) -> None:
        self._counted.append(self._nvml.energy_mj())
        self._done.set()
        if self._reader.is_alive():
            self._reader.join()

    def _read(self) -> None:
        while not self._done.is_set():
            power = self._nvml.power_mw()
            if power is not None:
                self._times.append(time.perf_counter())
                self._watts.append(power / 1e3)
            self._done.wait(INTERVAL_MS / 1e3)


def open_meter(
    on_gpu: bool,
    index: int = 0,
    which: Callable[[str], str | None] = shutil.which,
    nvml: Callable[[int], Nvml | str] = open_nvml,
) -> Meter | str:
    """What measures this machine, or in one sentence why nothing does.

    Args:
        on_gpu: whether the work runs on a GPU; NVML tells nothing of work on a CPU.
        index: of the GPU, as NVML counts.
    """
    if which(TEGRASTATS[0]):
        return BoardMeter()
    if not on_gpu:
        return "energy is not measured: no tegrastats, and NVML tells of GPUs only"
    found = nvml(index)
    if isinstance(found, str):
        return f"energy is not measured: {found}"
    if found.power_mw() is None and found.energy_mj() is None:
        return "energy is not measured: NVML tells neither power nor energy of this GPU"
    return GpuMeter(found)
