"""Fewer cores, in a process of its own: what it sets stays set."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.hardware.cores import use_cores
from tpgan_sdk.system.cores import usable_cores

from ...conftest import REPOSITORY

CODE = """
from benchmarks.hardware.cores import use_cores
from tpgan_sdk.system.cores import usable_cores
print(use_cores(1), usable_cores(), use_cores(None))
"""


def test_the_sdk_counts_as_many_cores_as_were_asked_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1", "1", "1"]


@pytest.mark.parametrize("count", [0, usable_cores() + 1])
def test_cores_that_are_not_there(count: int) -> None:
    with pytest.raises(BenchmarkError, match=f"--threads {count}: this process may use 1 to"):
        use_cores(count)
