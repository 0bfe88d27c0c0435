"""ONNX Runtime from and to buffers on a GPU that fails on wrong order, leaks and contexts; its
sessions are fakes as well. Real sessions, on the CPU: tests/native/test_gpu_pipeline.py."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tpgan_sdk.backends import onnx_runtime
from tpgan_sdk.backends.base import Backend, GpuBackend
from tpgan_sdk.backends.onnx_runtime import CUDA, OnnxRuntimeBackend
from tpgan_sdk.backends.onnx_runtime_cuda import OnnxRuntimeCudaBackend
from tpgan_sdk.errors import BackendError
from tpgan_sdk.gpu.cuda import Device
from tpgan_sdk.models.inputs import INPUT_SHAPES
from tpgan_sdk.types import BackendInfo

from .fake_gpu import FakeGpu, install, picture
from .test_backends import MODEL

INFO = BackendInfo("onnxruntime-cuda", CUDA, "cuda:0", "opened", None)


class FakeBinding:
    def __init__(self, session: FakeSession) -> None:
        self.session = session  # as the real one
        self.places: dict[str, int] = {}
        self.counts: set[int] = set()

    def bind_input(
        self, name: str, device: str, index: int, kind: Any, shape: list[int], place: int
    ) -> None:
        assert (device, index, kind) == ("cuda", 0, np.float32)
        assert shape[1:] == INPUT_SHAPES.get(name, [3, 128, 128])
        self.places[name] = place
        self.counts.add(shape[0])

    bind_output = bind_input


class FakeSession:
    """Puts its work on the stream it was opened with, and writes down how it ended."""

    def __init__(self, gpu: FakeGpu, options: Mapping[str, str], faults: set[str]) -> None:
        self.gpu, self.faults = gpu, faults
        self.handle = int(options.get("user_compute_stream", 0))
        gpu.calls.append("session opened")

    def __del__(self) -> None:
        self.gpu.calls.append(f"session gone, contexts {self.gpu.depth}")

    def get_providers(self) -> list[str]:
        return [CUDA]

    def get_inputs(self) -> list[Any]:
        return [
            SimpleNamespace(name=name, shape=["batch", *shape])
            for name, shape in INPUT_SHAPES.items()
        ]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name="frontal")]

    def run(self, names: None, inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        if "run" in self.faults:
            raise RuntimeError("CUDA failure 400: invalid resource handle")
        return [picture(inputs["face"], inputs["left_eye"])]

    def io_binding(self) -> FakeBinding:
        return FakeBinding(self)

    def run_with_iobinding(self, binding: FakeBinding, options: onnxruntime.RunOptions) -> None:
        assert options.get_run_config_entry("disable_synchronize_execution_providers") == "1"
        self.gpu.need("run_with_iobinding")
        if "bound" in self.faults:
            raise RuntimeError("CUDA failure 2: out of memory")
        (count,), memory, places = binding.counts, self.gpu.device, binding.places

        def work() -> None:
            face, eye = (
                memory[places[n]].view(np.float32).reshape(-1, *INPUT_SHAPES[n])[:count]
                for n in ("face", "left_eye")
            )
            made = picture(face, eye)
            memory[places["frontal"]][: made.nbytes] = made.view(np.uint8).ravel()

        if "nothing" not in self.faults:
            (stream,) = (s for s in self.gpu.streams if s.handle == self.handle)
            stream.put(work)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGpu]:
    """Whatever a test does, nothing may be held at its end."""
    fake = FakeGpu()
    install(fake, monkeypatch)
    yield fake
    gc.collect()
    fake.check_no_leak()
    assert fake.calls.count("session opened") == len(ends(fake))


def ends(gpu: FakeGpu) -> list[str]:
    return [call for call in gpu.calls if call.startswith("session gone")]


def opened(gpu: FakeGpu, *faults: str) -> OnnxRuntimeCudaBackend:
    def session(options: Mapping[str, str]) -> Any:
        return FakeSession(gpu, options, set(faults))

    return OnnxRuntimeCudaBackend(session, Device, INFO, rows=4)


def faces(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(count)
    return {n: rng.random((count, *s), dtype=np.float32) for n, s in INPUT_SHAPES.items()}


@pytest.mark.parametrize("count", [1, 3, 4])
def test_a_batch_runs_between_buffers_on_the_stream(count: int, gpu: FakeGpu) -> None:
    backend, inputs = opened(gpu), faces(count)
    expected = picture(inputs["face"], inputs["left_eye"])
    with backend.on_gpu() as lent:
        assert lent.rows == 4
        assert lent.inputs == {name: tuple(shape) for name, shape in INPUT_SHAPES.items()}
        for name, values in inputs.items():
            gpu.device[lent.tensors[name]][: values.nbytes] = values.view(np.uint8).ravel()
        before = gpu.calls.count("synchronize")
        lent.enqueue(count)
        assert gpu.calls.count("synchronize") == before  # the host goes on meanwhile
        lent.stream.synchronize()
        found = gpu.device[lent.tensors[lent.output]].view(np.float32)
        np.testing.assert_array_equal(found[: expected.size], expected.ravel())
    np.testing.assert_array_equal(backend.run(inputs), expected)
    backend.close()


def test_the_session_goes_before_its_stream_and_in_its_context(gpu: FakeGpu) -> None:
    backend = opened(gpu)
    clone = backend.clone()
    assert gpu.calls.count("session opened") == 2
    assert clone._stream.handle != backend._stream.handle
    for stream in gpu.streams:
        weakref.finalize(stream, gpu.calls.append, "stream gone")
    del stream
    gpu.streams.clear()
    for one in (backend, clone):
        gpu.calls.clear()
        one.close()
        one.close()
        assert gpu.calls[:3] == ["synchronize", "session gone, contexts 1", "stream gone"]
        assert set(gpu.calls[3:]) == {"free"}
    gpu.calls.clear()
    for use in (backend.clone, lambda: backend.run(faces(1)), backend.on_gpu().__enter__):
        with pytest.raises(BackendError, match="this backend is closed; make a new Frontalizer"):
            use()


def test_one_thread_at_a_time(gpu: FakeGpu) -> None:
    backend = opened(gpu)
    said: list[str] = []

    def other() -> None:
        with pytest.raises(BackendError) as caught:
            backend.run(faces(1))
        said.append(str(caught.value))

    with backend.on_gpu():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert said == ["this backend is in use by another thread; give each a clone()"]
    backend.close()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("nothing", "a batch in buffers on the GPU differs by nan"),
        ("bound", "ONNX Runtime cannot run a batch of 1 on the GPU: CUDA failure 2: out of memory"),
        ("run", "ONNX Runtime cannot run a batch: CUDA failure 400: invalid resource handle"),
    ],
)
def test_a_gpu_that_cannot_be_shared_leaves_nothing_behind(
    fault: str, message: str, gpu: FakeGpu
) -> None:
    with pytest.raises(BackendError) as caught:
        opened(gpu, fault)
    assert str(caught.value) == message
    assert ends(gpu) == ["session gone, contexts 1"]  # while the error is still held
    gpu.check_no_leak()


def test_memory_that_is_short_leaves_nothing_behind(gpu: FakeGpu) -> None:
    gpu.fail = {"mem_alloc"}
    with pytest.raises(BackendError, match=r"allocating .* failed: mem_alloc failed"):
        opened(gpu)


def by_name(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch, kernels: Any, *faults: str) -> Backend:
    """`open_cuda` where ONNX Runtime has a CUDA provider."""
    runtime = SimpleNamespace(get_available_providers=lambda: [CUDA])
    monkeypatch.setattr(onnx_runtime, "_runtime", lambda: runtime)
    monkeypatch.setattr(onnx_runtime, "find_kernels", lambda: kernels)

    def session(model: object, providers: list[Any]) -> FakeSession:
        name, options = providers[0]
        assert (name, options.pop("device_id")) == (CUDA, "0")
        return FakeSession(gpu, options, set(faults))

    monkeypatch.setattr(onnx_runtime, "_session", session)
    return onnx_runtime.open_cuda(MODEL, "cuda")


def test_with_kernels_the_network_runs_between_buffers(
    gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = by_name(gpu, monkeypatch, object())
    assert isinstance(backend, OnnxRuntimeCudaBackend)
    assert isinstance(backend, GpuBackend)
    assert backend.info == INFO
    backend.close()


@pytest.mark.parametrize(
    ("kernels", "faults", "level", "message"),
    [
        ("no compiled kernels", [], logging.INFO, "from the CPU: no compiled kernels"),
        (object(), ["nothing"], logging.WARNING, "from the CPU: a batch in buffers on"),
    ],
)
def test_otherwise_it_works_as_a_session_does(
    kernels: Any,
    faults: list[str],
    level: int,
    message: str,
    gpu: FakeGpu,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "tpgan_sdk"):
        backend = by_name(gpu, monkeypatch, kernels, *faults)
    assert isinstance(backend, OnnxRuntimeBackend)
    assert not isinstance(backend, GpuBackend)
    assert backend._session is not None
    assert backend._session.handle == 0  # a stream of its own
    ((_, found, said),) = caplog.record_tuples
    assert (found, message in said) == (level, True)
    inputs = faces(2)
    np.testing.assert_array_equal(backend.run(inputs), picture(inputs["face"], inputs["left_eye"]))
    backend.close()
