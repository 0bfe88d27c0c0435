"""The native code, built and tested as its users do it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tpgan_sdk.gpu.kernels import KernelsInfo, find_kernels
from tpgan_sdk.models.model import sha256_of

from ..conftest import REPOSITORY
from .users import run, use_installed, use_the_example


def need(*tools: str) -> None:
    for tool in tools:
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")


FAKES = REPOSITORY / "native" / "tests" / "fake"


@pytest.fixture(scope="module")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the fakes of TensorRT and of CUDA's runtime."""
    need("cmake", "c++")
    folder = tmp_path_factory.mktemp("fakes")
    flags = ("-std=c++17", "-O1", "-shared", "-fPIC", f"-I{FAKES / 'tensorrt'}")
    for name in ("nvinfer", "cudart"):
        run("c++", *flags, FAKES / f"{name}.cpp", "-o", folder / f"lib{name}.so")
    return folder


@pytest.mark.slow
def test_all_but_the_kernels_builds_installs_and_passes_under_sanitizers(
    tmp_path: Path, fakes: Path, rng: np.random.Generator
) -> None:
    """The SDK is built against the fakes here: TensorRT's own headers are not at hand."""
    build, place = tmp_path / "build", tmp_path / "installed"
    options = {
        "CMAKE_CXX_FLAGS_RELWITHDEBINFO": "-O1",  # halves the compiler's time
        "CMAKE_INSTALL_PREFIX": place,
        "TPGAN_TENSORRT_INCLUDE": FAKES / "tensorrt",
        "TPGAN_CUDART_INCLUDE": FAKES / "tensorrt",
        "TPGAN_TENSORRT_LIBRARY": fakes / "libnvinfer.so",
        "TPGAN_CUDART_LIBRARY": fakes / "libcudart.so",
    }
    given = [f"-D{name}={value}" for name, value in options.items()]
    configured = run("cmake", "--preset", "asan", "-B", build, *given)
    assert "tpgan_kernels: not built, TPGAN_CUDA is OFF" in configured
    assert f"tpgan, tpgan_cli: built with {FAKES / 'tensorrt'}/NvInfer.h" in configured
    run("cmake", "--build", build, "--parallel", "1")
    run("ctest", "--test-dir", build, "--output-on-failure")
    run("cmake", "--install", build)
    use_installed(tmp_path, place)
    # The leak checker's own tracer crashes on some machines where libraries are opened by name.
    environment = {
        "LD_LIBRARY_PATH": f"{build / 'fake'}:{fakes}",
        "ASAN_OPTIONS": "detect_leaks=0",
    }
    use_the_example(tmp_path, place / "bin" / "tpgan_cli", environment, rng)


def test_without_tensorrt_one_line_says_so(tmp_path: Path) -> None:
    need("cmake", "c++")
    options = ("-DTPGAN_TENSORRT_INCLUDE=", "-DTPGAN_CUDA=OFF", "-DBUILD_TESTING=OFF")
    configured = run("cmake", "-S", ".", "-B", tmp_path, *options)
    lines = [line for line in configured.splitlines() if "tpgan_cli" in line]
    assert len(lines) == 1
    assert "not built, no TPGAN_TENSORRT_INCLUDE found (NvInfer.h and libnvinfer" in lines[0]


@pytest.mark.parametrize(("chip", "sm"), [("tegra234", "87"), ("tegra264", "110")])
def test_a_jetson_is_known_by_its_device_tree(tmp_path: Path, chip: str, sm: str) -> None:
    need("cmake")
    tree, script = tmp_path / "compatible", tmp_path / "which.cmake"
    tree.write_bytes(f"nvidia,p3768-0000\0nvidia,p3767\0nvidia,{chip}\0".encode())
    module = REPOSITORY / "native" / "cmake" / "jetson.cmake"
    script.write_text(f'include("{module}")\ntpgan_jetson_sm(sm)\nmessage("SM ${{sm}}")\n')
    assert run("cmake", f"-DTPGAN_DEVICE_TREE={tree}", "-P", script) == f"SM {sm}\n"
    line = ["cmake", f"-DTPGAN_DEVICE_TREE={tmp_path / 'absent'}", "-P", str(script)]
    refused = subprocess.run(line, capture_output=True, text=True)
    assert refused.returncode != 0
    assert "names no Jetson that is known" in " ".join(refused.stderr.split())


@pytest.mark.slow
def test_the_kernels_compile_for_every_sm_that_nvcc_knows(tmp_path: Path) -> None:
    need("cmake", "c++", "nvcc")
    folder = tmp_path / "kernels"
    known = {int(sm) for sm in re.findall(r"sm_(\d+)$", run("nvcc", "--list-gpu-code"), re.M)}
    wanted = [75, 80, 86, 87, 89, 90, 100, 110, 120, 9999]
    expected = [sm for sm in wanted if sm in known]
    options = (f"-DTPGAN_KERNELS_DIR={folder}", f"-DTPGAN_SM={';'.join(map(str, wanted))}")
    run("cmake", "--preset", "exact", "-B", tmp_path / "build", *options, "-DBUILD_TESTING=OFF")
    run("cmake", "--build", tmp_path / "build", "--target", "tpgan_kernels")
    sidecar = json.loads((folder / "tpgan_kernels.json").read_text())
    assert (sidecar["sm"], sidecar["ptx"], sidecar["exact"]) == (expected, expected[-1], True)
    info = find_kernels(folder)
    assert isinstance(info, KernelsInfo)
    assert info.sha256 == sha256_of(folder / "tpgan_kernels.fatbin")
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
