"""Joules against closed forms; meters on a fake `tegrastats` and a fake NVML."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.hardware import energy
from benchmarks.hardware.energy import BoardMeter, Energy, GpuMeter, integrate, open_meter
from benchmarks.hardware.nvml import Nvml, open_nvml

from .test_tegrastats import recorded_lines


class FakeNvml:
    """`libnvidia-ml` with these readings; status 3 is "not supported"."""

    def __init__(self, powers: Sequence[int] = (), energies: Sequence[int] = ()) -> None:
        self.powers, self.energies = list(powers), list(energies)
        self.status = 0

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return self.status

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, handle: Any) -> int:  # noqa: N802
        return 0 if index == 0 else 2

    def nvmlDeviceGetPowerUsage(self, handle: Any, value: Any) -> int:  # noqa: N802
        return self._next(self.powers, value)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, value: Any) -> int:  # noqa: N802
        return self._next(self.energies, value)

    def _next(self, readings: list[int], value: Any) -> int:
        if not readings:
            return 3
        value._obj.value = readings.pop(0) if len(readings) > 1 else readings[0]
        return 0


@pytest.mark.parametrize(
    ("times", "watts", "joules"),
    [
        ([5.0], [7.0], 14.0),  # one sample: constant
        ([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], 2.0),  # a ramp
        ([0.5, 1.5], [4.0, 8.0], 0.5 * 4 + 6 + 0.5 * 8),  # constant before and after
        ([-1.0, 1.0, 3.0], [0.0, 4.0, 0.0], 6.0),  # cut at both ends, at half height
    ],
)
def test_joules_are_the_integral_of_power(
    times: list[float], watts: list[float], joules: float
) -> None:
    assert integrate(times, watts, 0.0, 2.0) == pytest.approx(joules)


def test_no_sample_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match=r"no power was read in 0\.25 s; expected one every"):
        integrate([], [], 1.0, 1.25)


def test_a_row_tells_joules_a_face() -> None:
    row = Energy(joules=30.0, seconds=2.0, source="here", samples=20).row(faces=60)
    assert row == {
        "joules_per_face": 0.5,
        "mean_w": 15.0,
        "energy_source": "here",
        "energy_samples": 20,
    }


def printing(line: str) -> list[str]:
    """A command that prints a line again and again, as `tegrastats` does."""
    return ["sh", "-c", f"while :; do echo {shlex.quote(line)}; sleep 0.01; done"]


def test_a_board_that_takes_a_constant_power() -> None:
    meter = BoardMeter(printing(recorded_lines()["thor-jetpack7"]))
    for _ in range(2):  # a meter serves again
        with meter:
            time.sleep(0.2)
        found = meter.energy()
        assert found.joules == pytest.approx(26.686 * found.seconds)
        assert found.source == "tegrastats VIN"
        assert found.samples == len(meter.samples) > 1
        assert meter.samples[0][1].temperatures_c["tj"] == 39.906


def test_a_board_whose_rails_nobody_knows() -> None:
    meter = BoardMeter(printing("RAM 1/2MB VDD_NEW 12mW/12mW"))
    with meter:
        time.sleep(0.1)
    with pytest.raises(BenchmarkError, match="rails of this board are not known: VDD_NEW; add"):
        meter.energy()


def test_a_tool_that_prints_nothing() -> None:
    meter = BoardMeter([sys.executable, "-c", ""])
    with meter:
        pass
    with pytest.raises(BenchmarkError, match="no power was read"):
        meter.energy()


def test_a_gpu_that_counts_its_energy() -> None:
    meter = GpuMeter(Nvml(FakeNvml(powers=[1], energies=[1_000, 3_500])))
    with meter:
        pass
    found = meter.energy()
    assert (found.joules, found.source) == (2.5, "NVML energy counter")


def test_a_gpu_that_tells_its_power_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "INTERVAL_MS", 5)
    meter = GpuMeter(Nvml(FakeNvml(powers=[70_000])))
    with meter:
        time.sleep(0.1)
    found = meter.energy()
    assert found.joules == pytest.approx(70 * found.seconds)
    assert found.source == "NVML power"
    assert found.samples > 1


def test_nvml_by_ctypes() -> None:
    found = open_nvml(load=lambda name: FakeNvml(powers=[70_000]))
    assert isinstance(found, Nvml)
    assert (found.power_mw(), found.energy_mj()) == (70_000, None)


def test_no_nvml() -> None:
    def missing(name: str) -> Any:
        raise OSError(f"{name}: cannot open shared object file")

    assert open_nvml(load=missing) == (
        "NVML does not work here: libnvidia-ml.so.1: cannot open shared object file"
    )
    silent = FakeNvml()
    silent.status = 9
    assert open_nvml(load=lambda _: silent) == "NVML does not work here: nvmlInit_v2 returned 9"
    assert open_nvml(1, load=lambda _: FakeNvml()) == (
        "NVML does not work here: nvmlDeviceGetHandleByIndex_v2 returned 2"
    )


def test_which_meter_a_machine_gets() -> None:
    def nowhere(name: str) -> None:
        return None

    gpu = Nvml(FakeNvml(powers=[1]))
    assert isinstance(open_meter(False, which=lambda name: f"/usr/bin/{name}"), BoardMeter)
    assert isinstance(open_meter(True, which=nowhere, nvml=lambda _: gpu), GpuMeter)
    assert "NVML tells of GPUs only" in str(open_meter(False, which=nowhere))
    assert open_meter(True, which=nowhere, nvml=lambda _: "no NVML") == (
        "energy is not measured: no NVML"
    )
    dumb = Nvml(FakeNvml())
    assert "neither power nor energy" in str(open_meter(True, which=nowhere, nvml=lambda _: dumb))
