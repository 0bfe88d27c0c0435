"""A driver, pycuda, cuda-bindings and TensorRT that record calls and fail on what a GPU punishes.

Work on a stream runs when the stream is synchronised, never before; memory holds bytes and is
checked for size, use after free and leaks; every call needs a context pushed in its own thread;
a context whose run is in a graph must not be told anything more.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

INPUTS = {"face": (3, 8, 8), "left_eye": (3, 4, 4)}
OUTPUT = ("frontal", (3, 8, 8))


class FakeDriverError(Exception):
    """pycuda's Error."""


def picture(face: np.ndarray, eye: np.ndarray) -> np.ndarray:
    """What the fake network makes; each row depends on its own inputs alone."""
    return np.asarray(face * 0.5 + eye.mean((1, 2, 3), keepdims=True), np.float32)


class FakeGpu:
    """The state of the GPU, and the modules that reach it."""

    def __init__(self, batch: tuple[int, int, int] = (1, 2, 4)) -> None:
        self.batch = batch
        self.calls: list[str] = []
        self.device: dict[int, np.ndarray] = {}
        self.pinned = 0
        self.retained = 0
        self.streams: list[FakeStream] = []
        self.contexts = 0
        self.engines = 0
        self.graphs = 0
        self.fail: set[str] = set()
        """Calls that fail."""
        self.wrong_replay = False
        self._stacks = threading.local()
        self._next = 0x1000

    @property
    def depth(self) -> int:
        return int(getattr(self._stacks, "depth", 0))

    def need(self, call: str) -> None:
        """Every call on the GPU goes through here."""
        self.calls.append(call)
        if self.depth == 0:
            raise FakeDriverError(f"{call} failed: invalid device context")
        if call in self.fail:
            raise FakeDriverError(f"{call} failed: out of memory")

    def move(self, step: int) -> None:
        self._stacks.depth = self.depth + step
        assert self.depth >= 0, "a context was popped that was not pushed"

    def check_no_leak(self) -> None:
        """Nothing is held, and nothing is left on this thread's stack."""
        held = (len(self.device), self.pinned, self.retained, self.graphs, self.depth)
        assert held == (0, 0, 0, 0, 0), f"memory, pinned, contexts, graphs, stack: {held}"
        assert self.engines == 0, "an engine is still held"
        assert self.contexts == 0, "an execution context is still held"

    def address(self) -> int:
        self._next += 0x1000
        return self._next

    # pycuda.driver
    def pycuda(self) -> Any:
        gpu = self

        class Primary:
            def push(self) -> None:
                assert gpu.retained > 0, "a context was used after it was detached"
                gpu.move(1)

            def detach(self) -> None:
                gpu.retained -= 1
                assert gpu.retained >= 0, "detached twice"

        class Device:
            def __init__(self, index: int) -> None:
                assert index == 0

            def retain_primary_context(self) -> Primary:
                gpu.retained += 1
                return Primary()

        class Pinned:
            def __init__(self, array: np.ndarray) -> None:
                gpu.pinned += 1
                self.__array_interface__ = array.__array_interface__
                self._array: np.ndarray | None = array

            def free(self) -> None:
                gpu.need("pinned.free")
                assert self._array is not None, "freed twice"
                self._array = None
                gpu.pinned -= 1

        class Memory:
            def __init__(self, size: int) -> None:
                gpu.need("mem_alloc")
                self.pointer = gpu.address()
                gpu.device[self.pointer] = np.zeros(size, np.uint8)

            def __int__(self) -> int:
                return self.pointer

            def free(self) -> None:
                gpu.need("free")
                del gpu.device[self.pointer]  # KeyError: freed twice

        def pagelocked_empty(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
            gpu.need("pagelocked_empty")
            # Its base is what frees it, as in pycuda.
            return np.asarray(Pinned(np.zeros(shape, dtype)))

        def htod(target: Memory, source: np.ndarray, stream: FakeStream) -> None:
            gpu.need("memcpy_htod_async")
            assert source.flags.c_contiguous
            assert source.nbytes <= gpu.device[int(target)].nbytes, "written past the buffer"

            def work() -> None:
                gpu.device[int(target)][: source.nbytes] = source.view(np.uint8).ravel()

            stream.put(work)

        def dtoh(target: np.ndarray, source: Memory, stream: FakeStream) -> None:
            gpu.need("memcpy_dtoh_async")
            assert target.nbytes <= gpu.device[int(source)].nbytes, "read past the buffer"

            def work() -> None:
                data = gpu.device[int(source)][: target.nbytes]
                target[...] = data.view(np.float32).reshape(target.shape)

            stream.put(work)

        module: Any = ModuleType("pycuda.driver")
        module.Error = FakeDriverError
        module.init = lambda: None
        module.Device = Device
        module.Context = SimpleNamespace(pop=lambda: gpu.move(-1))
        module.Stream = lambda: FakeStream(gpu)
        module.pagelocked_empty = pagelocked_empty
        module.mem_alloc = Memory
        module.memcpy_htod_async = htod
        module.memcpy_dtoh_async = dtoh
        return module

    # cuda.bindings.driver
    def graphs_module(self) -> Any:
        gpu = self

        def stream_of(handle: int) -> FakeStream:
            return next(s for s in gpu.streams if s.handle == handle)

        def begin(handle: int, mode: int) -> tuple[int]:
            gpu.need("cuStreamBeginCapture")
            stream = stream_of(handle)
            assert not stream.queue, "capture of a stream with work on it"
            stream.recording = []
            return (0,)

        def end(handle: int) -> tuple[int, Any]:
            gpu.need("cuStreamEndCapture")
            recorded, stream_of(handle).recording = stream_of(handle).recording, None
            return (0, recorded)

        def instantiate(graph: Any, flags: int) -> tuple[int, Any]:
            gpu.calls.append("cuGraphInstantiate")
            if "cuGraphInstantiate" in gpu.fail:
                return (801, None)
            gpu.graphs += 1
            return (0, list(graph))

        def launch(graph: Any, handle: int) -> tuple[int]:
            gpu.need("cuGraphLaunch")
            stream = stream_of(handle)
            stream.queue += graph
            if gpu.wrong_replay:
                stream.queue.clear()  # as if it had written to stale buffers
            return (0,)

        def destroy(graph: Any) -> tuple[int]:
            gpu.need("cuGraphExecDestroy")
            gpu.graphs -= 1
            return (0,)

        module: Any = ModuleType("cuda.bindings.driver")
        module.CUstreamCaptureMode = int
        module.cuStreamBeginCapture = begin
        module.cuStreamEndCapture = end
        module.cuGraphInstantiate = instantiate
        module.cuGraphDestroy = lambda graph: (0,)
        module.cuGraphLaunch = launch
        module.cuGraphExecDestroy = destroy
        return module

    # tensorrt
    def tensorrt(self, version: str = "10.3.0") -> Any:
        gpu = self

        class Runtime:
            def __init__(self, logger: Any) -> None:
                self.engine_host_code_allowed = False

            def deserialize_cuda_engine(self, data: bytes) -> FakeEngine | None:
                gpu.need("deserialize_cuda_engine")
                if data.startswith(b"ENGINE+RUNTIME") and not self.engine_host_code_allowed:
                    return None
                return FakeEngine(gpu, data) if data.startswith(b"ENGINE") else None

        class Refitter:
            def __init__(self, engine: FakeEngine, logger: Any) -> None:
                gpu.need("Refitter")
                self.engine, self.weights = engine, b""

            def refit_cuda_engine(self) -> bool:
                gpu.need("refit_cuda_engine")
                self.engine.data = b"ENGINE refitted with " + self.weights
                return True

        class OnnxParserRefitter:
            def __init__(self, refitter: Refitter, logger: Any) -> None:
                self.refitter = refitter

            def refit_from_bytes(self, onnx: bytes) -> bool:
                self.refitter.weights = onnx
                return onnx.startswith(b"ONNX")

        class ILogger:
            INTERNAL_ERROR, ERROR, WARNING = range(3)

        module: Any = ModuleType("tensorrt")
        module.__version__ = version
        module.Runtime, module.ILogger = Runtime, ILogger
        module.Refitter, module.OnnxParserRefitter = Refitter, OnnxParserRefitter
        module.LayerInformationFormat = SimpleNamespace(JSON="json")
        module.DataType = SimpleNamespace(FLOAT="float")
        module.TensorIOMode = SimpleNamespace(INPUT="in")
        return module


class FakeStream:
    """Holds work until it is synchronised."""

    def __init__(self, gpu: FakeGpu) -> None:
        gpu.need("Stream")
        self.gpu, self.handle = gpu, gpu.address()
        self.queue: list[Callable[[], None]] = []
        self.recording: list[Callable[[], None]] | None = None
        gpu.streams.append(self)

    def put(self, work: Callable[[], None]) -> None:
        (self.queue if self.recording is None else self.recording).append(work)

    def synchronize(self) -> None:
        self.gpu.need("synchronize")
        assert self.recording is None, "synchronised during a capture"
        queue, self.queue = self.queue, []
        for work in queue:
            work()


class FakeEngine:
    def __init__(self, gpu: FakeGpu, data: bytes) -> None:
        self.gpu, self.data = gpu, data
        self.names = [*INPUTS, OUTPUT[0]]
        self.num_io_tensors = len(self.names)
        gpu.engines += 1

    def __del__(self) -> None:
        self.gpu.engines -= 1
        assert self.gpu.depth, "an engine was freed without a context"

    def get_tensor_name(self, index: int) -> str:
        return self.names[index]

    def get_tensor_dtype(self, name: str) -> str:
        return "float"

    def get_tensor_mode(self, name: str) -> str:
        return "in" if name in INPUTS else "out"

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1, *(INPUTS.get(name) or OUTPUT[1]))

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        assert profile == 0
        return [(size, *INPUTS[name]) for size in self.gpu.batch]

    def serialize(self) -> bytes:
        self.gpu.need("serialize")
        return self.data

    def create_engine_inspector(self) -> Any:
        self.gpu.need("create_engine_inspector")
        layers = '{"Layers": [{"Name": "conv", "Weights": {"Type": "Half", "Count": 9}}]}'
        return SimpleNamespace(get_engine_information=lambda form: layers)

    def create_execution_context(self) -> FakeContext:
        gpu = self.gpu
        assert not self.data.startswith(b"ENGINE-WEIGHTS"), "an engine without weights was run"
        del self  # a traceback through C++ holds no references either
        gpu.need("create_execution_context")
        return FakeContext(gpu)


class FakeContext:
    def __init__(self, gpu: FakeGpu) -> None:
        self.gpu, self.frozen = gpu, False
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        gpu.contexts += 1

    def __del__(self) -> None:
        self.gpu.contexts -= 1
        assert self.gpu.engines, "an execution context outlived its engine"

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert address in self.gpu.device, "an address that is not allocated"
        self.addresses[name] = address
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert not self.frozen, "a context was changed whose run is in a graph"
        self.shapes[name] = tuple(shape)
        low, _, high = self.gpu.batch
        return shape[1:] == INPUTS[name] and low <= shape[0] <= high

    def execute_async_v3(self, handle: int) -> bool:
        gpu = self.gpu
        stream = next(s for s in gpu.streams if s.handle == handle)
        assert set(self.addresses) == {*INPUTS, OUTPUT[0]}, "not every tensor has an address"
        rows = {shape[0] for shape in self.shapes.values()}
        assert len(rows) == 1, "inputs of different batch sizes"
        self.frozen = stream.recording is not None
        count, memory, addresses = rows.pop(), gpu.device, dict(self.addresses)
        del self  # a traceback through C++ holds no references either
        gpu.need("execute_async_v3")
        if "execute" in gpu.fail:
            return False

        def work() -> None:
            face, eye = (
                memory[addresses[n]].view(np.float32).reshape(-1, *INPUTS[n])[:count]
                for n in INPUTS
            )
            made = picture(face, eye)
            memory[addresses[OUTPUT[0]]][: made.nbytes] = made.view(np.uint8).ravel()

        stream.put(work)
        return True


class FakeLibrary:
    """`libcuda.so.1`: one GPU of SM 87."""

    def cuInit(self, flags: int) -> int:  # noqa: N802 - the driver's own names
        return 0

    def cuDriverGetVersion(self, version: Any) -> int:  # noqa: N802
        version._obj.value = 12060
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = 1
        return 0

    def cuDeviceGet(self, device: Any, index: int) -> int:  # noqa: N802
        return 0

    def cuDeviceGetName(self, name: Any, size: int, device: Any) -> int:  # noqa: N802
        name.value = b"Orin"
        return 0

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: Any) -> int:  # noqa: N802
        value._obj.value = {75: 8, 76: 7}[attribute]
        return 0

    def cuDeviceTotalMem_v2(self, size: Any, device: Any) -> int:  # noqa: N802
        size._obj.value = 8 << 30
        return 0


def install(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch, graphs: bool = True) -> None:
    """Puts the fakes where the SDK looks for the real ones."""
    monkeypatch.setattr(ctypes, "CDLL", lambda name: FakeLibrary())
    modules = {
        "pycuda.driver": gpu.pycuda(),
        "tensorrt": gpu.tensorrt(),
        "cuda.bindings.driver": gpu.graphs_module() if graphs else None,
    }
    for name, module in modules.items():
        for depth in range(1, name.count(".") + 1):
            package = ".".join(name.split(".")[:depth])
            monkeypatch.setitem(sys.modules, package, ModuleType(package))
        monkeypatch.setitem(sys.modules, name, module)
