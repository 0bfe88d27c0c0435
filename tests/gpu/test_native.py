"""The compiled kernels on a real GPU: against the reference, under compute-sanitizer, and timed.

Figures go into the report as they are; nothing here fails because something was slow.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tpgan_sdk.gpu.cuda import Gpu

from ..conftest import REPOSITORY

pytestmark = pytest.mark.gpu


def built(preset: str, folder: Path, gpu: Gpu) -> Path:
    """The test program of a preset, with kernels for this GPU alone."""
    for tool in ("cmake", "nvcc", "c++"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    options = (f"-DTPGAN_SM={gpu.sm}", f"-DTPGAN_KERNELS_DIR={folder / 'kernels'}")
    run("cmake", "--preset", preset, "-B", folder, *options)
    run("cmake", "--build", folder, "--parallel", "--target", "tpgan_gpu_tests")
    return folder / "tpgan_gpu_tests"


def run(*command: str | Path) -> str:
    line = [str(word) for word in command]
    result = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
    assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"
    return result.stdout + result.stderr


@pytest.fixture(scope="session")
def exact(gpu: Gpu, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without fused multiply-add, as the reference computes."""
    return built("exact", tmp_path_factory.mktemp("exact"), gpu)


@pytest.fixture(scope="session")
def desktop(gpu: Gpu, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As it is delivered."""
    return built("desktop", tmp_path_factory.mktemp("desktop"), gpu)


def test_the_kernels_are_the_reference(exact: Path) -> None:
    """Within 1e-5 on [-1, 1], and 1 grey level."""
    assert run(exact, "compare").endswith("0 failed\n")


@pytest.mark.parametrize("tool", ["memcheck", "racecheck", "initcheck", "synccheck"])
def test_under_compute_sanitizer(tool: str, exact: Path) -> None:
    if not shutil.which("compute-sanitizer"):
        pytest.skip("compute-sanitizer is not installed")
    line = ["compute-sanitizer", f"--tool={tool}", "--error-exitcode=9", str(exact), "compare"]
    result = subprocess.run(line, capture_output=True, text=True)
    if "Device not supported" in result.stdout + result.stderr:
        pytest.skip("compute-sanitizer does not run on this machine: device not supported")
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"ERROR SUMMARY: 0 errors|RACECHECK SUMMARY: 0 hazards", result.stdout)


def test_how_fast_they_are(desktop: Path, record_property: Callable[[str, object], None]) -> None:
    """Device time by events, medians of 1,000."""
    figures = re.findall(r"^measured (\S+) (\S+)$", run(desktop, "time"), re.M)
    assert len(figures) == 4
    for name, value in figures:
        assert float(value) > 0
        record_property(name, float(value))
