"""ONNX Runtime's CUDA provider: the GPU path of machines without TensorRT."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from tpgan_sdk.backends import Backend, create_backend, parity
from tpgan_sdk.errors import BackendError
from tpgan_sdk.gpu.cuda import Device, Gpu

from .conftest import MODEL, memory_used
from .test_cuda import there_and_back

pytestmark = pytest.mark.gpu


def opened() -> Backend:
    try:
        return create_backend(MODEL, "onnxruntime-cuda")
    except BackendError as error:
        pytest.skip(str(error))


@pytest.fixture
def backend(gpu: Gpu) -> Iterator[Backend]:
    found = opened()
    yield found
    found.close()


def check(backend: Backend, faces: parity.Inputs, expected: np.ndarray, count: int) -> None:
    found = backend.run({name: values[:count] for name, values in faces.items()})
    assert parity.compare(expected[:count], found).mean_levels < 0.5


@pytest.mark.parametrize("count", [1, 3, 16])
def test_its_pictures_are_the_cpus(
    count: int, backend: Backend, faces: parity.Inputs, expected: np.ndarray
) -> None:
    assert backend.info.provider == "CUDAExecutionProvider"
    check(backend, faces, expected, count)


def test_clones_in_threads(backend: Backend, faces: parity.Inputs, expected: np.ndarray) -> None:
    errors: list[BaseException] = []

    def work(count: int) -> None:
        try:
            own = backend.clone()
            for _ in range(20):
                check(own, faces, expected, count)
            own.close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(count,)) for count in (1, 2, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_beside_pycuda(
    backend: Backend, device: Device, faces: parity.Inputs, expected: np.ndarray
) -> None:
    """Both hold the same primary context."""
    for seed in range(3):
        check(backend, faces, expected, 2)
        there_and_back(device, seed)


@pytest.mark.slow
def test_no_leak_over_a_hundred(gpu: Gpu, faces: parity.Inputs, expected: np.ndarray) -> None:
    used = 0
    for turn in range(100):
        backend = opened()
        check(backend, faces, expected, 1 + turn % 4)
        backend.close()
        if turn == 10:
            used = memory_used()
    assert memory_used() - used < 64
