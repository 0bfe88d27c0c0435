"""Cores that a process may use: affinity, quotas of control groups, and the user's word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tpgan_sdk.errors import TPGANError
from tpgan_sdk.system import cores
from tpgan_sdk.system.cores import cores_and_reason, cpu_quota, usable_cores


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sixteen cores and no control groups; tests write `proc` and `cg` below."""
    monkeypatch.setattr(cores, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.delenv(cores.OVERRIDE, raising=False)
    (tmp_path / "proc").mkdir()
    return tmp_path


def groups(machine: Path, own: str, mounts: str, files: dict[str, str]) -> None:
    (machine / "proc" / "cgroup").write_text(own)
    (machine / "proc" / "mountinfo").write_text(mounts.replace("CG", str(machine / "cg")))
    for name, text in files.items():
        path = machine / "cg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


V2 = "30 23 0:26 / CG rw,nosuid - cgroup2 cgroup rw,nsdelegate\n"
V1 = (
    "33 32 0:30 ROOT CG/cpuset rw - cgroup cgroup rw,cpuset\n"
    "34 32 0:31 ROOT CG/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
)
V1_OWN = "5:cpuset:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/docker/ab\n"


@pytest.mark.parametrize(
    ("own", "files", "quota"),
    [
        ("0::/\n", {"cpu.max": "max 100000"}, None),
        ("0::/\n", {"cpu.max": "100000 100000"}, 1),
        ("0::/\n", {"cpu.max": "250000 100000"}, 2.5),
        ("0::/a/b\n", {"a/b/cpu.max": "400000 100000", "a/cpu.max": "150000 50000"}, 3),
        ("0::/a/b\n", {"a/b/cpu.max": "100000 50000", "a/cpu.max": "max 100000"}, 2),
        ("0::/a/b\n", {"cpu.max": "700000 100000"}, 7),
        # Mounted from elsewhere: what is there is not of this process.
        ("0::/../other\n", {"cpu.max": "100000 100000"}, None),
        ("0::/\n", {"cpu.max": "nonsense"}, None),
        ("0::/\n", {"cpu.max": "100000 0"}, None),
        ("0::/\n", {}, None),
    ],
)
def test_quotas_of_version_2(
    machine: Path, own: str, files: dict[str, str], quota: float | None
) -> None:
    groups(machine, own, V2, files)
    assert cpu_quota() == quota


@pytest.mark.parametrize(
    ("root", "folder"), [("/", "cpu,cpuacct/docker/ab"), ("/docker/ab", "cpu,cpuacct")]
)
@pytest.mark.parametrize(("text", "quota"), [("150000", 1.5), ("-1", None)])
def test_quotas_of_version_1(
    machine: Path, root: str, folder: str, text: str, quota: float | None
) -> None:
    """On the host, and in a container, whose mount begins at its own group."""
    files = {f"{folder}/cpu.cfs_quota_us": text, f"{folder}/cpu.cfs_period_us": "100000"}
    groups(machine, V1_OWN, V1.replace("ROOT", root), files)
    assert cpu_quota() == quota


def test_a_parent_of_version_1_counts(machine: Path) -> None:
    files = {}
    for folder, quota in (("docker", "200000"), ("docker/ab", "900000")):
        files[f"cpu,cpuacct/{folder}/cpu.cfs_quota_us"] = quota
        files[f"cpu,cpuacct/{folder}/cpu.cfs_period_us"] = "100000"
    groups(machine, V1_OWN, V1.replace("ROOT", "/"), files)
    assert cpu_quota() == 2


@pytest.mark.parametrize(
    ("limit", "count"),
    [("max", 16), ("1", 1), ("50000", 1), ("100001", 2), ("240000", 3), ("9900000", 16)],
)
def test_the_least_counts_rounded_up(machine: Path, limit: str, count: int) -> None:
    groups(machine, "0::/\n", V2, {"cpu.max": f"{limit} 100000"})
    assert usable_cores() == count


def test_the_reason(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cores_and_reason() == (16, "no quota below them")
    groups(machine, "0::/\n", V2, {"cpu.max": "150000 100000"})
    assert cores_and_reason() == (2, "a CPU quota of 1.5 of 16 cores")
    monkeypatch.setenv("TPGAN_CORES", "40")
    assert cores_and_reason() == (40, "set by TPGAN_CORES")


@pytest.mark.parametrize("text", ["0", "-2", "two", "1.5"])
def test_no_number_of_cores(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TPGAN_CORES", text)
    with pytest.raises(TPGANError, match=f"TPGAN_CORES is '{text}'; expected a whole number, at"):
        usable_cores()
