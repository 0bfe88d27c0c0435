"""What is read from text that systems give, and what is not told of a machine."""

from __future__ import annotations

import getpass
import json
import os
import platform
import socket
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from benchmarks.hardware.machine import cpu_features, cpu_name, describe, nvidia_smi
from tpgan_sdk.system.cores import usable_cores

X86 = """\
processor\t: 0
model\t\t: 17
model name\t: AMD EPYC 9B14
flags\t\t: fpu sse2 avx2 avx512f avx512_vnni amx_tile

processor\t: 1
model\t\t: 17
model name\t: AMD EPYC 9B14
flags\t\t: fpu sse2 avx2 avx512f avx512_vnni amx_tile
"""
ARM = """\
processor\t: 0
BogoMIPS\t: 62.50
Features\t: fp asimd asimdhp asimddp
CPU implementer\t: 0x41
"""


def test_the_processor_of_a_pc() -> None:
    assert cpu_name(X86) == "AMD EPYC 9B14"
    assert cpu_features(X86) == ["avx2", "avx512f", "avx512_vnni"]


def test_the_processor_of_a_board_has_no_name() -> None:
    assert cpu_name(ARM) == platform.machine()
    assert cpu_features(ARM) == ["asimd", "asimdhp", "asimddp"]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            "575.57.08, 345, 1980, 2619, 700.00\n575.57.08, 345, 1980, 2619, 700.00\n",
            {
                "driver": "575.57.08",
                "sm_mhz": 345.0,
                "sm_max_mhz": 1980.0,
                "memory_mhz": 2619.0,
                "power_limit_w": 700.0,
            },
        ),
        (
            "540.4.0, [N/A], [N/A], [N/A], [N/A]\n",
            {
                "driver": "540.4.0",
                "sm_mhz": None,
                "sm_max_mhz": None,
                "memory_mhz": None,
                "power_limit_w": None,
            },
        ),
        ("", {}),
        ("No devices were found\n", {}),
    ],
)
def test_nvidia_smi(told: str, expected: dict[str, object]) -> None:
    assert nvidia_smi(told) == expected


def test_this_machine_is_described_and_not_named() -> None:
    machine = describe()
    told = json.dumps(asdict(machine))
    assert machine.cores == usable_cores() == len(os.sched_getaffinity(0))
    assert machine.packages["numpy"]
    assert machine.memory_mb > 100
    for secret in (socket.gethostname(), str(Path.home()), str(Path.cwd())):
        assert secret not in told
    assert f'"{getpass.getuser()}"' not in told


def test_labels_are_those_of_what_computes() -> None:
    machine = replace(describe(), board=None, gpu=None, cpu="AMD EPYC", cores=2)
    assert machine.label == "amd-epyc-2-cores"
    with_gpu = replace(machine, gpu={"name": "NVIDIA H200"})
    assert with_gpu.label == "nvidia-h200"
    board = replace(with_gpu, board="NVIDIA Jetson Orin Nano (8GB)")
    assert board.label == "nvidia-jetson-orin-nano-8gb"
