"""What the device asks the driver itself: of streams and memory that others made."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tpgan_sdk.backends.base import DeviceBuffers
from tpgan_sdk.backends.tensorrt.backend import SharedEngine, TensorRTBackend
from tpgan_sdk.backends.tensorrt.runtime import Engine
from tpgan_sdk.errors import BackendError
from tpgan_sdk.gpu.cuda import Device
from tpgan_sdk.types import BackendInfo

from ..fake_gpu import INPUTS, FakeGpu, FakeLibrary, install, picture

EVENT = 0xE0


class Library(FakeLibrary):
    """`libcuda.so.1` with events and pointers; every call needs a context."""

    def __init__(self, gpu: FakeGpu) -> None:
        self.gpu = gpu
        self.calls: list[tuple[Any, ...]] = []
        self.fail = ""
        self.memory = {0x7000: 0, 0x9000: 1}
        """GPU of each address that the driver knows."""

    def note(self, name: str, *arguments: Any) -> int:
        self.gpu.need(name)
        plain = tuple(getattr(argument, "value", argument) for argument in arguments)
        self.calls.append((name, *plain))
        return 400 if self.fail == name else 0

    def cuEventCreate(self, event: Any, flags: int) -> int:  # noqa: N802 - the driver's own names
        event._obj.value = EVENT
        return self.note("cuEventCreate", flags)

    def cuEventRecord(self, event: Any, stream: Any) -> int:  # noqa: N802
        return self.note("cuEventRecord", event, stream)

    def cuStreamWaitEvent(self, stream: Any, event: Any, flags: int) -> int:  # noqa: N802
        return self.note("cuStreamWaitEvent", stream, event, flags)

    def cuEventDestroy_v2(self, event: Any) -> int:  # noqa: N802
        return self.note("cuEventDestroy_v2", event)

    def cuPointerGetAttribute(self, value: Any, attribute: int, pointer: Any) -> int:  # noqa: N802
        self.note("cuPointerGetAttribute", attribute)
        if pointer.value not in self.memory:
            return 1
        value._obj.value = self.memory[pointer.value]
        return 0


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGpu]:
    fake = FakeGpu()
    install(fake, monkeypatch)
    yield fake
    gc.collect()
    fake.check_no_leak()


@pytest.fixture
def library(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> Library:
    made = Library(gpu)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: made)
    return made


@pytest.mark.parametrize("other", [1, 2, 0x77])
def test_a_stream_waits_on_the_gpu_for_another(other: int, gpu: FakeGpu, library: Library) -> None:
    device = Device()
    stream = device.stream()
    device.wait_for(stream, other)
    assert library.calls == [
        ("cuEventCreate", 2),  # without time, which would cost some
        ("cuEventRecord", EVENT, other),
        ("cuStreamWaitEvent", stream.handle, EVENT, 0),
        ("cuEventDestroy_v2", EVENT),
    ]
    assert "synchronize" not in gpu.calls
    device.close()


@pytest.mark.parametrize("call", ["cuEventRecord", "cuStreamWaitEvent"])
def test_a_stream_that_is_none(call: str, gpu: FakeGpu, library: Library) -> None:
    device = Device()
    library.fail = call
    with pytest.raises(BackendError, match=f"{call} returned 400"):
        device.wait_for(device.stream(), 0x55)
    assert library.calls[-1] == ("cuEventDestroy_v2", EVENT)
    device.close()


def test_which_memory_is_the_gpus(gpu: FakeGpu, library: Library) -> None:
    device = Device()
    assert device.holds(0x7000)
    assert not device.holds(0x9000)  # of another GPU
    assert not device.holds(0x5000)  # of nobody
    device.close()
    with pytest.raises(BackendError, match="cuda:0 is closed"):
        device.holds(0x7000)


@pytest.fixture
def backend(gpu: FakeGpu) -> Iterator[TensorRTBackend]:
    device = Device()
    with device.active():
        shared = SharedEngine(device, Engine(gpu.tensorrt(), b"ENGINE"))
    info = BackendInfo("tensorrt", "TensorRT 10.3.0", "cuda:0", "asked for by path", None)
    with TensorRTBackend(shared, info) as made:
        yield made


def run_there(lent: DeviceBuffers, gpu: FakeGpu, count: int, seed: int) -> None:
    """Inputs are written, and the output is read, where they lie."""
    rng = np.random.default_rng(seed)
    inputs = {n: rng.random((count, *row), dtype=np.float32) for n, row in INPUTS.items()}
    for name, values in inputs.items():
        gpu.device[lent.tensors[name]][: values.nbytes] = values.view(np.uint8).ravel()
    lent.enqueue(count)
    lent.stream.synchronize()
    found = gpu.device[lent.tensors[lent.output]].view(np.float32)
    expected = picture(inputs["face"], inputs["left_eye"])
    np.testing.assert_array_equal(found[: expected.size], expected.ravel())


def test_batches_on_the_gpu_get_graphs_too(gpu: FakeGpu, backend: TensorRTBackend) -> None:
    for seed, count in enumerate([2, 3, 2, 2, 3, 1, 2]):
        with backend.on_gpu() as lent:
            run_there(lent, gpu, count, seed)
    assert gpu.calls.count("cuStreamBeginCapture") == 2
    assert gpu.graphs == 2
    # Each is launched once to prove it, and for every later batch of its size: 2, 2.
    assert gpu.calls.count("cuGraphLaunch") == 2 + 2


def test_a_graph_that_does_nothing_is_found_out(gpu: FakeGpu, backend: TensorRTBackend) -> None:
    gpu.wrong_replay = True
    for seed in range(3):
        with backend.on_gpu() as lent:
            run_there(lent, gpu, 2, seed)
    assert gpu.graphs == 0


def test_it_is_lent_to_one_at_a_time(gpu: FakeGpu, backend: TensorRTBackend) -> None:
    with backend.on_gpu(), pytest.raises(BackendError, match="in use by another thread"):
        backend.on_gpu().__enter__()
    backend.close()
    with pytest.raises(BackendError, match="closed; make a new"):
        backend.on_gpu().__enter__()
