"""What others do with the installed SDK: build a project of their own, and run the example."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Final

import numpy as np

from tpgan_sdk import geometry
from tpgan_sdk.backends.tensorrt.engine_file import EngineInfo, write_engine
from tpgan_sdk.faces.crops import crop_face, network_inputs
from tpgan_sdk.images.resample import UInt8Array, to_uint8
from tpgan_sdk.models.inputs import INPUT_NAMES
from tpgan_sdk.models.model import sha256_of

from ..conftest import REPOSITORY

SANITIZERS: Final = "-fsanitize=address,undefined"
ENGINE: Final = b"ENGINE 1 4"
"""Of the fake TensorRT."""


def run(*command: str | Path) -> str:
    """Its output; fails with it when the command fails."""
    line = [str(word) for word in command]
    result = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
    assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"
    return result.stdout + result.stderr


def use_installed(folder: Path, place: Path) -> None:
    """A project of somebody else finds the package and runs each of its libraries."""
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.22)\nproject(user LANGUAGES CXX)\n"
        "find_package(tpgan REQUIRED)\nadd_executable(user user.cpp)\n"
        "target_link_libraries(user tpgan::tpgan)\n"
    )
    (folder / "user.cpp").write_text(
        '#include <cstdio>\n#include "tpgan/engine_file.hpp"\n#include "tpgan/frontalizer.hpp"\n'
        '#include "tpgan/reference.h"\n'
        "int main() {\n"
        "  std::puts(tpgan_status_text(\n"
        "      tpgan_reference_align(nullptr, 0, nullptr, 0, nullptr)));\n"
        '  try { tpgan::check_engine_file("absent.engine"); }\n'
        "  catch (const tpgan::EngineFileError& error) { std::puts(error.what()); }\n"
        "  try { tpgan::Frontalizer{tpgan_options{}}; }\n"
        '  catch (const tpgan::Error& error) { std::printf("status %d", error.status()); }\n'
        "}\n"
    )
    flags = (f"-DCMAKE_PREFIX_PATH={place}", f"-DCMAKE_CXX_FLAGS={SANITIZERS}")
    run("cmake", "-S", folder, "-B", folder / "user", *flags)
    run("cmake", "--build", folder / "user")
    said = run(folder / "user" / "user")
    assert "a pointer is null" in said
    assert "no engine at absent.engine; build it: tpgan build-engine --output absent.engin" in said
    assert said.endswith("status 1")


def photo(rng: np.random.Generator) -> UInt8Array:
    """(240, 300, 3) RGB in soft steps, which OpenCV's path and the kernels read alike."""
    return rng.integers(0, 256, (30, 38, 3), np.uint8).repeat(8, 0).repeat(8, 1)[:, :300]


def write_ppm(path: Path, rgb: UInt8Array) -> None:
    height, width = rgb.shape[:2]
    path.write_bytes(b"P6\n# a comment\n%d %d\n255\n" % (width, height) + rgb.tobytes())


def read_ppm(path: Path) -> UInt8Array:
    magic, size, levels, pixels = path.read_bytes().split(b"\n", 3)
    assert (magic, levels) == (b"P6", b"255")
    width, height = map(int, size.split())
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def use_the_example(
    folder: Path, program: Path, environment: dict[str, str], rng: np.random.Generator
) -> None:
    """A photo in, the face that Python makes of it out."""
    rgb = photo(rng)
    write_engine(folder / "e.engine", ENGINE, engine_info())
    (folder / "k.fatbin").write_bytes(b"code")
    hash_of_code = sha256_of(folder / "k.fatbin")
    sidecar = {"format": 1, "interface": 2, "sha256": hash_of_code, "cuda": "13.0", "sm": [87]}
    (folder / "k.json").write_text(json.dumps(sidecar | {"ptx": 120}))
    write_ppm(folder / "photo.ppm", rgb)
    points = np.array(geometry.OFFICIAL.points) * 1.3 + (70, 40)
    points[2, 0] -= 30  # looks to the left: read mirrored
    words = {
        "--engine": folder / "e.engine",
        "--kernels": folder / "k.fatbin",
        "--image": folder / "photo.ppm",
        "--landmarks": " ".join(str(number) for number in points.ravel()),
        "--output": folder / "front.ppm",
        "--pasted": folder / "pasted.ppm",
    }
    line = [str(program), *(str(word) for pair in words.items() for word in pair)]
    result = subprocess.run(line, env=environment, capture_output=True, text=True)
    said = (result.returncode, result.stdout, result.stderr)
    assert said == (0, "", ""), said
    crops = crop_face(rgb, points)
    assert crops.mirrored
    inputs = network_inputs([crops], reverse_channels=False)
    patches = sum(float(inputs[name].mean()) for name in INPUT_NAMES[1:])
    front = to_uint8(((inputs["face"][0] * 0.5 + patches).transpose(1, 2, 0) + 1) * 127.5)[:, ::-1]
    np.testing.assert_allclose(read_ppm(folder / "front.ppm"), front.astype(int), atol=1)
    assert (read_ppm(folder / "pasted.ppm") != rgb).any()
    refused = subprocess.run(line[:-4], env=environment, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "--landmarks and --output are needed" in refused.stderr


def engine_info() -> EngineInfo:
    """Of `ENGINE`."""
    return EngineInfo(
        model="edge",
        onnx_sha256="a" * 64,
        graph_sha256="b" * 64,
        sha256=hashlib.sha256(ENGINE).hexdigest(),
        size=len(ENGINE),
        runtime="tensorrt",
        runtime_version="10.3.0.26",
        precision="fp32",
        sm=(87,),
        batch=(1, 2, 4),
        inputs={},
        outputs={},
        gpu=None,
        cuda=None,
        parity={"psnr": 60.0},
        build_seconds=1.0,
        command="tpgan build-engine",
    )
