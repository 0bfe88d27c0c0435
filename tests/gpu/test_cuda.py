"""The CUDA layer on a real GPU: memory, streams, threads, graphs, and the primary context."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from tpgan_sdk.cuda import Device, Gpu
from tpgan_sdk.errors import BackendError

pytestmark = pytest.mark.gpu


def there_and_back(device: Device, seed: int) -> None:
    values = np.random.default_rng(seed).random((4, 1000)).astype(np.float32)
    host, memory, stream = device.pinned((4, 1000)), device.allocate((4, 1000)), device.stream()
    host[:] = values
    with device.active() as driver:
        driver.memcpy_htod_async(memory, host, stream)
        stream.synchronize()
        host[:] = 0
        driver.memcpy_dtoh_async(host, memory, stream)
        stream.synchronize()
    np.testing.assert_array_equal(host, values)
    device.free(host, memory)


def test_the_gpu_describes_itself(gpu: Gpu) -> None:
    assert gpu.name
    assert 50 <= gpu.sm < 200
    assert gpu.memory > 2**30


def test_memory_goes_there_and_back(device: Device) -> None:
    there_and_back(device, 0)


def test_from_several_threads(device: Device) -> None:
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            for turn in range(50):
                there_and_back(device, seed * 1000 + turn)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_errors_carry_the_drivers_name(device: Device) -> None:
    with pytest.raises(BackendError, match=r"allocating .* on the GPU failed: cuMemAlloc failed"):
        device.allocate((2**45,))
    there_and_back(device, 1)


def test_a_graph_replays_what_it_recorded(device: Device) -> None:
    graphs = device.graphs()
    if graphs is None:
        pytest.skip("cuda-bindings is not installed")
    source, target = device.pinned((1000,)), device.pinned((1000,))
    memory, stream = device.allocate((1000,)), device.stream()
    with device.active() as driver:

        def work() -> None:
            driver.memcpy_htod_async(memory, source, stream)
            driver.memcpy_dtoh_async(target, memory, stream)

        graph = graphs.capture(stream, work)
        for seed in range(3):
            source[:] = np.random.default_rng(seed).random(1000)
            graphs.launch(graph, stream)
            stream.synchronize()
            np.testing.assert_array_equal(target, source)
        graphs.destroy(graph)
    device.free(source, target, memory)


@pytest.mark.parametrize("order", ["torch, ours", "ours, torch"])
def test_beside_torch(order: str, gpu: Gpu) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this torch has no CUDA")
    pytest.importorskip("pycuda", reason="pip install 'tpgan-sdk[tensorrt]'")
    ours = "from tests.gpu.test_cuda import there_and_back, Device; d = Device(); "
    ours += "there_and_back(d, 0)"
    theirs = "import torch; x = torch.ones(1000, device='cuda')"
    parts = [theirs, ours] if order.startswith("torch") else [ours, theirs]
    check = "assert (x * 2).sum().item() == 2000; there_and_back(d, 1); d.close()"
    check += "; assert (x * 3).sum().item() == 3000"
    run = subprocess.run(
        [sys.executable, "-c", "\n".join([*parts, check])], capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (0, "")
