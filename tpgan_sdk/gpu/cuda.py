"""The one module that knows CUDA: the driver probe, and a device's memory, streams and graphs.

The probe asks `libcuda.so.1` through ctypes and needs nothing installed. `Device` works through
pycuda, on the primary context that torch and ONNX Runtime also use, retained once and pushed
around each call: there is no current context to lose between threads, and none is left behind at
exit. CUDA graphs, which pycuda lacks, come from `cuda-bindings` where that is installed.
"""

from __future__ import annotations

import ctypes
import importlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import BackendError

PYCUDA_LINE: Final = "pip install 'tpgan-sdk[tensorrt]'"
_LIBRARY: Final = "libcuda.so.1"
# Of the driver's API: CUdevice_attribute and CUstreamCaptureMode.
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76
_CAPTURE_THREAD_LOCAL = 1
# CUevent_flags and CUpointer_attribute.
_EVENT_WITHOUT_TIME = 2
_POINTER_DEVICE = 9


@dataclass(frozen=True, slots=True)
class CudaDriver:
    """The NVIDIA driver of this machine."""

    version: tuple[int, int]
    """Newest CUDA that it runs, (major, minor)."""
    devices: int


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, as the driver describes it."""

    name: str
    sm: int
    """Compute capability times ten."""
    memory: int
    """Bytes, all of them."""


def device_index(device: str | None, backend: str) -> int:
    """The N of "cuda:N"; None and "cuda" mean 0.

    Raises:
        BackendError: no CUDA device, in the name of `backend`.
    """
    name, _, index = (device or "cuda:0").partition(":")
    if name != "cuda" or not (index or "0").isdigit():
        raise BackendError(f"{backend} runs on 'cuda' or 'cuda:N', not on {device!r}")
    return int(index or 0)


def find_driver() -> CudaDriver | str:
    """The driver, or in one sentence why there is none. Loads `libcuda.so.1` and nothing else."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return "no NVIDIA driver: libcuda.so.1 is not on this machine"
    if status := library.cuInit(0):
        return f"the NVIDIA driver does not start: cuInit returned {status}"
    version, devices = ctypes.c_int(), ctypes.c_int()
    library.cuDriverGetVersion(ctypes.byref(version))
    library.cuDeviceGetCount(ctypes.byref(devices))
    if devices.value == 0:
        return "the NVIDIA driver finds no GPU"
    return CudaDriver((version.value // 1000, version.value % 1000 // 10), devices.value)


def find_gpu(index: int = 0) -> Gpu | str:
    """A GPU by its number, or in one sentence why it is not there. Makes no context."""
    driver = find_driver()
    if isinstance(driver, str):
        return driver
    if not 0 <= index < driver.devices:
        return f"device 'cuda:{index}' does not exist; GPUs here: {driver.devices}"
    library = ctypes.CDLL(_LIBRARY)
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    major, minor, memory = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    library.cuDeviceGet(ctypes.byref(device), index)
    library.cuDeviceGetName(name, len(name), device)
    library.cuDeviceGetAttribute(ctypes.byref(major), _CAPABILITY_MAJOR, device)
    library.cuDeviceGetAttribute(ctypes.byref(minor), _CAPABILITY_MINOR, device)
    library.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    return Gpu(name.value.decode(), major.value * 10 + minor.value, memory.value)


class Device:
    """The primary context of one GPU. Every call pushes it and pops it again.

    Usable from any thread. Memory and streams are freed by their owner, before `close`.

    Raises:
        BackendError: no driver, no such GPU, no pycuda; from every method, with the driver's own
            name of what failed.
    """

    def __init__(self, index: int = 0) -> None:
        found = find_gpu(index)
        if isinstance(found, str):
            raise BackendError(found)
        self.index, self.gpu = index, found
        self._driver = _pycuda()
        with _named(self._driver, f"opening cuda:{index}"):
            self._driver.init()
            self._context: Any = self._driver.Device(index).retain_primary_context()

    @contextmanager
    def active(self, doing: str = "a call") -> Iterator[Any]:
        """Makes the context current in this thread; gives pycuda's driver module."""
        if self._context is None:
            raise BackendError(f"cuda:{self.index} is closed; make a new Frontalizer")
        with _named(self._driver, doing):
            self._context.push()
            try:
                yield self._driver
            finally:
                self._driver.Context.pop()

    def free_memory(self) -> int:
        """Bytes that are free on the GPU, other programs' share taken off."""
        with self.active("asking for the free memory") as driver:
            return int(driver.mem_get_info()[0])

    def stream(self) -> Any:
        """A stream: `handle`, an int, and `synchronize()`, to be called inside `active`."""
        with self.active("making a stream") as driver:
            return driver.Stream()

    def wait_for(self, stream: Any, other: int) -> None:
        """Lets what comes next on `stream` wait, on the GPU, for what is on another stream now.

        Args:
            other: handle of a stream that somebody else made; 1 and 2 are the default streams.
        """
        event = ctypes.c_void_p()
        with self.active("waiting for a frame's stream"):
            _call("cuEventCreate", ctypes.byref(event), _EVENT_WITHOUT_TIME)
            try:
                _call("cuEventRecord", event, ctypes.c_void_p(other))
                _call("cuStreamWaitEvent", ctypes.c_void_p(stream.handle), event, 0)
            finally:
                _call("cuEventDestroy_v2", event)  # the driver keeps it while it is waited for

    def holds(self, pointer: int) -> bool:
        """Whether an address is memory of this GPU, or of the host but known to it."""
        index = ctypes.c_int(-1)
        with self.active("asking for a pointer"):
            status = ctypes.CDLL(_LIBRARY).cuPointerGetAttribute(
                ctypes.byref(index), _POINTER_DEVICE, ctypes.c_uint64(pointer)
            )
        return status == 0 and index.value == self.index

    def pinned(self, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
        """An array in page-locked memory; freed by `free`."""
        with self.active(f"pinning {_mib(shape, dtype)}") as driver:
            array: npt.NDArray[Any] = driver.pagelocked_empty(shape, dtype)
            return array

    def allocate(self, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32) -> Any:
        """Device memory for such an array; int() gives its address. Freed by `free`."""
        with self.active(f"allocating {_mib(shape, dtype)} on the GPU") as driver:
            return driver.mem_alloc(_bytes(shape, dtype))

    def free(self, *buffers: Any) -> None:
        """Frees what `pinned` and `allocate` gave."""
        with self.active("freeing memory"):
            for buffer in buffers:
                owner: Any = buffer.base if isinstance(buffer, np.ndarray) else buffer
                owner.free()

    def graphs(self) -> Graphs | None:
        """CUDA graphs, None where `cuda-bindings` is not installed."""
        try:
            return Graphs(importlib.import_module("cuda.bindings.driver"))
        except ImportError:
            return None

    def close(self) -> None:
        """Gives the primary context back. Again: nothing happens."""
        context, self._context = self._context, None
        if context is not None:
            with _named(self._driver, "giving the context back"):
                context.push()  # pycuda gives it back only in the thread that pushed it last
                self._driver.Context.pop()
                context.detach()


class Graphs:
    """Captures what a stream is told and replays it in one launch; all inside `Device.active`."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def capture(self, stream: Any, work: Callable[[], None]) -> Any:
        """An executable graph of what `work` puts on the stream; nothing runs yet.

        Raises:
            BackendError: the driver refuses: something in `work` cannot be captured.
        """
        mode = self._driver.CUstreamCaptureMode(_CAPTURE_THREAD_LOCAL)
        self._call("cuStreamBeginCapture", stream.handle, mode)
        try:
            work()
        finally:
            # Also after an error: a stream left in capture is unusable.
            graph = self._call("cuStreamEndCapture", stream.handle)
        try:
            return self._call("cuGraphInstantiate", graph, 0)
        finally:
            self._call("cuGraphDestroy", graph)

    def launch(self, graph: Any, stream: Any) -> None:
        """Puts the whole graph on the stream."""
        self._call("cuGraphLaunch", graph, stream.handle)

    def destroy(self, graph: Any) -> None:
        """Frees an executable graph."""
        self._call("cuGraphExecDestroy", graph)

    def _call(self, name: str, *arguments: Any) -> Any:
        status, *results = getattr(self._driver, name)(*arguments)
        if int(status) != 0:
            raise BackendError(f"{name} failed: {getattr(status, 'name', status)}")
        return results[0] if results else None


@contextmanager
def _named(driver: Any, doing: str) -> Iterator[None]:
    """Turns pycuda's errors, which carry the driver's name of the fault, into ours."""
    try:
        yield
    except (driver.Error, MemoryError) as error:
        # Frames of the traceback would keep contexts and buffers alive beyond their `close`.
        raise BackendError(f"{doing} failed: {error}") from error.with_traceback(None)


def _pycuda() -> Any:
    try:
        return importlib.import_module("pycuda.driver")
    except ImportError as error:
        raise BackendError(f"pycuda cannot be imported ({error}); {PYCUDA_LINE}") from None


def _call(name: str, *arguments: Any) -> None:
    """A function of the driver that pycuda does not offer for handles of others."""
    if status := getattr(ctypes.CDLL(_LIBRARY), name)(*arguments):
        raise BackendError(f"{name} returned {status}")


def _bytes(shape: tuple[int, ...], dtype: npt.DTypeLike) -> int:
    return math.prod(shape) * np.dtype(dtype).itemsize


def _mib(shape: tuple[int, ...], dtype: npt.DTypeLike) -> str:
    return f"{_bytes(shape, dtype) / 2**20:.1f} MiB"
