"""The native code, built and tested as its users do it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tpgan_sdk.model import sha256_of

from ..conftest import REPOSITORY


def run(*command: str | Path) -> str:
    """Its output; fails with it when the command fails."""
    line = [str(word) for word in command]
    result = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
    assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"
    return result.stdout + result.stderr


def need(*tools: str) -> None:
    for tool in tools:
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")


@pytest.mark.slow
def test_the_cpu_preset_builds_installs_and_passes_its_tests(tmp_path: Path) -> None:
    need("cmake", "c++")
    build, place = tmp_path / "build", tmp_path / "installed"
    # -O1 halves the compiler's time; the tests take seconds either way.
    flags = ("-DCMAKE_CXX_FLAGS_RELEASE=-O1", f"-DCMAKE_INSTALL_PREFIX={place}")
    configured = run("cmake", "--preset", "cpu", "-B", build, *flags)
    assert "tpgan_kernels: not built, TPGAN_CUDA is OFF" in configured
    run("cmake", "--build", build, "--parallel", "1")
    run("ctest", "--test-dir", build, "--output-on-failure")
    run("cmake", "--install", build)
    use_installed(tmp_path, place)


def use_installed(folder: Path, place: Path) -> None:
    """A project of somebody else finds the package and runs the reference."""
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.22)\nproject(user LANGUAGES CXX)\n"
        "find_package(tpgan REQUIRED)\nadd_executable(user user.cpp)\n"
        "target_link_libraries(user tpgan::tpgan_reference)\n"
    )
    (folder / "user.cpp").write_text(
        '#include <cstdio>\n#include "tpgan/reference.h"\n'
        "int main() { std::puts(tpgan_status_text("
        "tpgan_reference_align(nullptr, 0, nullptr, 0, nullptr))); }\n"
    )
    run("cmake", "-S", folder, "-B", folder / "user", f"-DCMAKE_PREFIX_PATH={place}")
    run("cmake", "--build", folder / "user")
    assert "a pointer is null" in run(folder / "user" / "user")


@pytest.mark.slow
def test_the_kernels_compile_for_one_sm(tmp_path: Path) -> None:
    need("cmake", "c++", "nvcc")
    folder = tmp_path / "kernels"
    options = (f"-DTPGAN_KERNELS_DIR={folder}", "-DTPGAN_SM=1;80;9999", "-DBUILD_TESTING=OFF")
    run("cmake", "--preset", "exact", "-B", tmp_path / "build", *options)
    run("cmake", "--build", tmp_path / "build", "--target", "tpgan_kernels")
    sidecar = json.loads((folder / "tpgan_kernels.json").read_text())
    assert (sidecar["sm"], sidecar["ptx"], sidecar["exact"]) == ([80], 80, True)
    assert sidecar["sha256"] == sha256_of(folder / "tpgan_kernels.fatbin")
    code = (folder / "tpgan_kernels.fatbin").read_bytes()
    for kernel in ("align_fp32", "align_fp16", "finish_fp32", "finish_fp16", "match", "paste"):
        assert f"tpgan_{kernel}".encode() in code


def test_without_nvcc_cuda_on_is_refused(tmp_path: Path) -> None:
    need("cmake", "c++")
    # An empty entry is what a search without success leaves.
    line = ["cmake", "-S", ".", "-B", str(tmp_path), "-DTPGAN_CUDA=ON", "-DTPGAN_NVCC="]
    result = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
    assert result.returncode != 0
    assert "TPGAN_CUDA is ON but no nvcc was found" in " ".join(result.stderr.split())
