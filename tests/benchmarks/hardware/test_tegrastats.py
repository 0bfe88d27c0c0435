"""`tegrastats` lines recorded on boards by others; `recorded/tegrastats.txt` names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.hardware.tegrastats import TegraSample, parse

RECORDED = Path(__file__).parent.parent / "recorded"


def recorded_lines() -> dict[str, str]:
    """The lines by board and release."""
    lines = (RECORDED / "tegrastats.txt").read_text().splitlines()
    names = [line[2:].partition(":")[0] for line in lines[::2]]
    return dict(zip(names, lines[1::2], strict=True))


def sample(board: str) -> TegraSample:
    found = parse(recorded_lines()[board])
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("board", "power", "rails"),
    [
        ("agx-orin-jetpack5", 2340 + 390 + 4025, "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0"),
        ("orin-nano-jetpack6", 12479, "VDD_IN"),
        ("agx-orin-jetpack7", 4385 + 1196 + 5552, "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0"),
        ("thor-jetpack7", 26686, "VIN"),
    ],
)
def test_the_power_of_the_whole_board(board: str, power: int, rails: str) -> None:
    assert sample(board).whole_mw == (power, rails)


@pytest.mark.parametrize(
    ("board", "percent", "mhz"),
    [
        ("agx-orin-jetpack5", 0, 0),
        ("orin-nano-jetpack6", 63, 621),
        ("agx-orin-jetpack7", 32, None),
        ("thor-jetpack7", None, None),
    ],
)
def test_load_and_clock_of_the_gpu(board: str, percent: int | None, mhz: int | None) -> None:
    found = sample(board)
    assert (found.gpu_percent, found.gpu_mhz) == (percent, mhz)


@pytest.mark.parametrize(
    ("told", "percent", "mhz"),
    [
        ("12%@[1300,1275]", 12, 1300),
        ("@[1000,1000,1000]", None, 1000),
        ("10%@1300", 10, 1300),
    ],
)
def test_other_forms_of_the_gpu(told: str, percent: int | None, mhz: int | None) -> None:
    found = parse(f"RAM 1/2MB (lfb 1x512kB) EMC_FREQ 2%@1866 GR3D_FREQ {told} APE 150")
    assert found is not None
    assert (found.gpu_percent, found.gpu_mhz) == (percent, mhz)


def test_memory_and_temperatures() -> None:
    found = sample("agx-orin-jetpack5")
    assert (found.memory_mb, found.memory_total_mb) == (4321, 62801)
    # The sensors of CV and GPU read -256: those parts are off.
    assert set(found.temperatures_c) == {"cpu", "tboard", "soc2", "tdiode", "soc0", "tj", "soc1"}
    assert found.temperatures_c["tj"] == 44.343
    assert sample("agx-orin-jetpack7").temperatures_c["soc0"] == 49.406  # not the peak behind it


def test_rails_of_the_other_boards() -> None:
    thor = parse("RAM 1/2MB VDD_GPU -392mW/0mW VDD_CPU_SOC_MSS 3924mW/0mW VIN_SYS_5V0 5000mW/0mW")
    assert thor is not None
    assert thor.whole_mw == (8532, "VDD_GPU+VDD_CPU_SOC_MSS+VIN_SYS_5V0")
    xavier = parse(
        "RAM 1/2MB GPU 1mW/1mW CPU 2mW/2mW SOC 4mW/4mW CV 8mW/8mW VDDRQ 16mW/16mW SYS5V 32mW/32mW"
    )
    assert xavier is not None
    assert xavier.whole_mw == (63, "GPU+CPU+SOC+CV+VDDRQ+SYS5V")


def test_what_a_line_does_not_tell() -> None:
    assert parse("") is None
    assert parse("tegrastats: command not found") is None
    found = parse("RAM 4722/7844MB (lfb 1x512kB) VDD_SOME 12mW/12mW")
    assert found is not None
    assert found.whole_mw is None
    assert found.temperatures_c == {}
