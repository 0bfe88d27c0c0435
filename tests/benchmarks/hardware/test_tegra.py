"""Release, power mode and clocks, from what boards printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.hardware.tegra import (
    Clock,
    PowerMode,
    Release,
    facts,
    gpu_clock,
    parse_clocks,
    parse_power_mode,
    parse_release,
    unlocked,
)

RECORDED = Path(__file__).parent.parent / "recorded"


@pytest.mark.parametrize(
    ("line", "expected", "name"),
    [
        (
            "# R35 (release), REVISION: 6.0, GCID: 37391689, BOARD: t186ref, EABI: aarch64",
            Release(35, "6.0"),
            "JetPack 5, Jetson Linux 35.6.0",
        ),
        (
            "# R36 (release), REVISION: 4.4, GCID: 41062509, BOARD: generic, EABI: aarch64",
            Release(36, "4.4"),
            "JetPack 6, Jetson Linux 36.4.4",
        ),
        (
            "# R38 (release), REVISION: 2.0, GCID: 41844464, BOARD: generic, EABI: aarch64",
            Release(38, "2.0"),
            "JetPack 7, Jetson Linux 38.2.0",
        ),
        (
            "# R39 (release), REVISION: 2.0, GCID: 45755727, BOARD: generic, EABI: aarch64",
            Release(39, "2.0"),
            "JetPack 7, Jetson Linux 39.2.0",
        ),
        (
            "# R50 (release), REVISION: 1.0",
            Release(50, "1.0"),
            "unknown JetPack, Jetson Linux 50.1.0",
        ),
    ],
)
def test_the_release(line: str, expected: Release, name: str) -> None:
    found = parse_release(f"{line}\n# KERNEL_VARIANT: oot\nTARGET_USERSPACE_LIB_DIR=nvidia\n")
    assert found == expected
    assert str(found) == name


@pytest.mark.parametrize("told", ["", "Ubuntu 22.04", "R36 without its frame"])
def test_no_release(told: str) -> None:
    assert parse_release(told) is None


@pytest.mark.parametrize(
    ("told", "mode"),
    [
        ("NV Power Mode: MAXN_SUPER\n2\n", PowerMode("MAXN_SUPER", 2)),
        ("NV Power Mode: 15W\n0\n", PowerMode("15W", 0)),
        ("NVPM WARN: fan mode is not set!\nNV Power Mode: MODE_30W\n2", PowerMode("MODE_30W", 2)),
        ("NV Power Mode: MAXN", None),
        ("", None),
    ],
)
def test_the_power_mode(told: str, mode: PowerMode | None) -> None:
    assert parse_power_mode(told) == mode


def test_clocks_of_orin_under_its_governors() -> None:
    clocks = parse_clocks((RECORDED / "jetson_clocks-orin-nx-jetpack6.txt").read_text())
    assert clocks == {
        "cpu0": Clock(729.6, 1510.4, 1510.4),
        "cpu1": Clock(729.6, 1510.4, 1497.6),
        "GPU": Clock(306.0, 624.75, 306.0),
        "EMC": Clock(204.0, 2133.0, 2133.0),
    }
    assert unlocked(clocks) == ["cpu0", "cpu1", "GPU"]


def test_clocks_of_thor_after_jetson_clocks() -> None:
    clocks = parse_clocks((RECORDED / "jetson_clocks-thor-jetpack7.txt").read_text())
    assert clocks["cpu11"] == Clock(2601.0, 2601.0, 2601.0)
    assert clocks["gpu-gpc-0"] == Clock(1575.0, 1575.0, 1575.0)
    assert clocks["EMC"].now_mhz == 4266.0
    assert unlocked(clocks) == []


@pytest.mark.parametrize("node", ["17000000.ga10b", "17000000.gpu", "gpu-gpc-0"])
def test_the_gpu_clock_without_root(node: str, tmp_path: Path) -> None:
    for name in ("15340000.vic", "gpu-nvd-0", node):
        (tmp_path / name).mkdir()
    for name, value in (("min", 306_000_000), ("max", 1_020_000_000), ("cur", 612_000_000)):
        (tmp_path / node / f"{name}_freq").write_text(f"{value}\n")
    assert gpu_clock(tmp_path) == Clock(306.0, 1020.0, 612.0)


def test_a_clock_that_cannot_be_read(tmp_path: Path) -> None:
    assert gpu_clock(tmp_path / "nothing") is None
    (tmp_path / "17000000.gpu").mkdir()
    assert gpu_clock(tmp_path) is None
    (tmp_path / "17000000.gpu" / "min_freq").write_text("none")
    assert gpu_clock(tmp_path) is None


def test_facts_of_a_board_and_of_another_machine(tmp_path: Path) -> None:
    assert facts(tmp_path / "nv_tegra_release", tmp_path) is None
    (tmp_path / "nv_tegra_release").write_text("# R36 (release), REVISION: 4.4, BOARD: generic\n")
    told = {"release": "JetPack 6, Jetson Linux 36.4.4", "gpu_clock": None}
    assert facts(tmp_path / "nv_tegra_release", tmp_path) == told
    node = tmp_path / "17000000.gpu"
    node.mkdir()
    for name in ("min", "max", "cur"):
        (node / f"{name}_freq").write_text("918000000\n")
    clock = {"low_mhz": 918.0, "high_mhz": 918.0, "now_mhz": 918.0, "locked": True}
    assert facts(tmp_path / "nv_tegra_release", tmp_path) == {**told, "gpu_clock": clock}
