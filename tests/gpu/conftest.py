"""What every test here needs; what a machine lacks is skipped with a reason."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from export.build_engine import main
from tpgan_sdk.backends import parity
from tpgan_sdk.backends.tensorrt.backend import TensorRTBackend
from tpgan_sdk.backends.tensorrt.loader import open_engine
from tpgan_sdk.gpu.cuda import Device, Gpu, find_gpu
from tpgan_sdk.models.model import resolve_model

MODEL = resolve_model("edge")


@pytest.fixture(scope="session")
def faces() -> parity.Inputs:
    return parity.load_parity_faces(parity.FACES, MODEL.template, MODEL.inputs)


@pytest.fixture(scope="session")
def expected(faces: parity.Inputs) -> np.ndarray:
    return parity.run_onnx(MODEL.path, faces)


@pytest.fixture(scope="session")
def gpu() -> Gpu:
    found = find_gpu()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture
def device(gpu: Gpu) -> Iterator[Device]:
    pytest.importorskip("pycuda", reason="pip install 'tpgan-sdk[tensorrt]'")
    opened = Device()
    yield opened
    opened.close()


@pytest.fixture(scope="session", params=["tensorrt", "rtx"])
def engine(
    request: pytest.FixtureRequest, gpu: Gpu, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The packaged model, built here; the build itself runs the parity gate."""
    pytest.importorskip("pycuda", reason="pip install 'tpgan-sdk[tensorrt]'")
    module = {"tensorrt": "tensorrt", "rtx": "tensorrt_rtx"}[request.param]
    pytest.importorskip(module, reason=f"{module} is not installed")
    target = tmp_path_factory.mktemp(request.param) / "edge.engine"
    words = ["--runtime", request.param, "--sm", str(gpu.sm), "--batch", "1:4:8"]
    code = main([*words, "--output", str(target)])
    if code == 2 and request.param == "rtx":
        pytest.skip(f"TensorRT-RTX does not build for SM {gpu.sm}")
    assert code == 0
    return target


@pytest.fixture
def backend(engine: Path) -> Iterator[TensorRTBackend]:
    opened = open_engine(engine, resolve_model("edge"))
    yield opened
    opened.close()


def memory_used() -> int:
    """MiB of GPU memory in use, of all processes."""
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "-i", "0"]
    try:
        run = subprocess.run(query, capture_output=True, text=True, check=True)
        return int(run.stdout.split()[0])
    except (OSError, subprocess.CalledProcessError, ValueError):
        pytest.skip("nvidia-smi does not tell the memory in use")
