"""The CUDA layer on a real GPU: memory, streams, threads, graphs, and the primary context."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from tpgan_sdk.errors import BackendError
from tpgan_sdk.gpu.cuda import Device, Gpu

from .conftest import memory_used

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


DOUBLE = b"""
.version 7.0
.target sm_75
.address_size 64
.visible .entry twice(.param .u64 data, .param .u32 count)
{
    .reg .pred %done;
    .reg .f32 %value;
    .reg .b32 %r<5>;
    .reg .b64 %address, %offset;
    ld.param.u64 %address, [data];
    ld.param.u32 %r0, [count];
    mov.u32 %r1, %ctaid.x;
    mov.u32 %r2, %ntid.x;
    mov.u32 %r3, %tid.x;
    mad.lo.u32 %r4, %r1, %r2, %r3;
    setp.ge.u32 %done, %r4, %r0;
    @%done bra end;
    cvta.to.global.u64 %address, %address;
    mul.wide.u32 %offset, %r4, 4;
    add.u64 %address, %address, %offset;
    ld.global.f32 %value, [%address];
    add.f32 %value, %value, %value;
    st.global.f32 [%address], %value;
end:
    ret;
}
"""
"""A kernel that needs no compiler here: it stands in for an engine where TensorRT is missing."""


def run_kernel(device: Device, turns: int, in_graph: bool) -> None:
    """Doubles 1,000 numbers on the GPU, again and again, directly or as a replayed graph."""
    values = np.random.default_rng(turns).random(1000).astype(np.float32)
    source, target = device.pinned((1000,)), device.pinned((1000,))
    memory, stream = device.allocate((1000,)), device.stream()
    graphs = device.graphs() if in_graph else None
    with device.active() as driver:
        kernel = driver.module_from_buffer(DOUBLE).get_function("twice")

        def work() -> None:
            driver.memcpy_htod_async(memory, source, stream)
            kernel(memory, np.uint32(1000), block=(256, 1, 1), grid=(4, 1), stream=stream)
            driver.memcpy_dtoh_async(target, memory, stream)

        work()
        stream.synchronize()
        graph = graphs.capture(stream, work) if graphs else None
        for turn in range(turns):
            source[:] = values + turn
            if graphs and graph is not None:
                graphs.launch(graph, stream)
            else:
                work()
            stream.synchronize()
            np.testing.assert_array_equal(target, 2 * (values + np.float32(turn)))
        if graphs and graph is not None:
            graphs.destroy(graph)
    device.free(source, target, memory)


def test_a_kernel_runs(device: Device) -> None:
    run_kernel(device, 5, in_graph=False)


def test_a_kernel_runs_in_a_graph(device: Device) -> None:
    if device.graphs() is None:
        pytest.skip("cuda-bindings is not installed")
    run_kernel(device, 50, in_graph=True)


@pytest.mark.slow
def test_no_leak_over_a_thousand_devices(gpu: Gpu) -> None:
    """Context, memory, stream, kernel and graph: made, run and closed."""
    pytest.importorskip("pycuda", reason="pip install 'tpgan-sdk[tensorrt]'")
    used = 0
    keeper = Device()  # else the driver tears the primary context down a thousand times
    for turn in range(1000):
        device = Device()
        run_kernel(device, 2, in_graph=True)
        device.close()
        if turn == 20:
            used = memory_used()
    assert memory_used() - used < 64
    keeper.close()


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
