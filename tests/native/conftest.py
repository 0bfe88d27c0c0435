"""A CUDA driver for tests without a GPU: the kernels' own source, run on the CPU."""

from __future__ import annotations

import ctypes
import math
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tpgan_sdk.errors import BackendError
from tpgan_sdk.gpu import kernels as native
from tpgan_sdk.gpu.cuda import Gpu

from ..conftest import REPOSITORY

NATIVE = REPOSITORY / "native"


class FakeStream:
    """Does everything at once; what somebody else has yet to do waits in `FakeDevice.pending`."""

    handle = 0x51

    def synchronize(self) -> None:
        pass


class FakeMemory:
    """Device memory, which is the host's."""

    def __init__(self, device: FakeDevice, size: int) -> None:
        # Poisoned, as what nobody wrote must not be read; aligned as a GPU's memory.
        self._device, self._room = device, np.full(size // 4 + 65, np.nan, np.float32)
        device.live.append(self)

    def __int__(self) -> int:
        return -(-address(self._room) // 256) * 256

    def free(self) -> None:
        self._device.live.remove(self)  # ValueError: freed twice


class FakeDevice:
    """A `tpgan_sdk.gpu.cuda.Device` whose memory is the host's; launches as pycuda would."""

    gpu = Gpu("Orin", 87, 8 << 30)
    index = 0

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self.launches: list[tuple[str, tuple[int, int]]] = []
        self.live: list[FakeMemory] = []
        """What is allocated."""
        self.pending: dict[int, list[Callable[[], None]]] = {}
        """By handle, what streams of others have yet to do: done when something waits for it."""
        self.foreign: set[int] = set()
        """Addresses that the GPU does not know."""
        self.copied: list[int] = []
        """Bytes of each copy between host and device."""
        self.closed = False

    @contextmanager
    def active(self, doing: str = "a call") -> Iterator[Any]:
        if self.closed:
            raise BackendError("cuda:0 is closed; make a new Frontalizer")
        self._library.cuCtxPushCurrent_v2(None)
        try:
            yield SimpleNamespace(
                Error=RuntimeError,
                module_from_buffer=self._module,
                memcpy_htod_async=lambda to, source, stream: self._copy(int(to), source, True),
                memcpy_dtoh_async=lambda target, at, stream: self._copy(int(at), target, False),
            )
        finally:
            self._library.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))

    def stream(self) -> FakeStream:
        return FakeStream()

    def graphs(self) -> None:
        return None

    def pinned(self, shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
        return np.asarray(Pinned(self, np.zeros(shape, dtype)))

    def allocate(self, shape: tuple[int, ...], dtype: Any = np.float32) -> FakeMemory:
        return FakeMemory(self, math.prod(shape) * np.dtype(dtype).itemsize)

    def free(self, *buffers: Any) -> None:
        for buffer in buffers:
            owner: Any = buffer.base if isinstance(buffer, np.ndarray) else buffer
            owner.free()

    def holds(self, pointer: int) -> bool:
        return pointer not in self.foreign

    def wait_for(self, stream: Any, other: int) -> None:
        for work in self.pending.pop(other, []):
            work()

    def close(self) -> None:
        self.closed = True

    def _copy(self, device: int, host: Any, to_device: bool) -> None:
        assert host.flags.c_contiguous
        places = (device, address(host)) if to_device else (address(host), device)
        ctypes.memmove(*places, host.nbytes)
        self.copied.append(host.nbytes)

    def _module(self, code: bytes) -> Any:
        return SimpleNamespace(get_function=self._function)

    def _function(self, name: str) -> Callable[..., None]:
        handle = ctypes.c_void_p()
        assert self._library.cuModuleGetFunction(ctypes.byref(handle), None, name.encode()) == 0

        def launch(*arguments: Any, grid: Any, block: Any, stream: Any) -> None:
            # As pycuda packs them: one after the other by value.
            values = [ctypes.create_string_buffer(a.tobytes(), a.nbytes) for a in arguments]
            pointers = (ctypes.c_void_p * len(values))(*map(ctypes.addressof, values))
            call = self._library.cuLaunchKernel
            assert call(handle, *grid, 1, *block, 0, None, pointers, None) == 0
            self.launches.append((name, grid))

        return launch


class Pinned:
    """The base of a pinned array, which frees it, as in pycuda."""

    def __init__(self, device: FakeDevice, array: Any) -> None:
        self.__array_interface__ = array.__array_interface__
        self._device, self._array = device, array
        device.live.append(self)  # type: ignore[arg-type]

    def free(self) -> None:
        self._device.live.remove(self)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def fake_driver(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if not shutil.which("c++"):
        pytest.skip("c++ is not installed")
    library = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    flags = ["-std=c++17", "-O1", "-ffp-contract=off", "-shared", "-fPIC", "-pthread"]
    includes = [f"-I{NATIVE / 'include'}", f"-I{NATIVE / 'src'}"]
    source = str(NATIVE / "tests" / "fake" / "cuda.cpp")
    subprocess.run(["c++", *flags, *includes, source, "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


@pytest.fixture
def kernels(fake_device: FakeDevice, tmp_path: Path) -> Iterator[native.Kernels]:
    opened = open_fake_kernels(fake_device, tmp_path)
    yield opened
    opened.close()


def open_fake_kernels(device: FakeDevice, folder: Path) -> native.Kernels:
    """The kernels' own source, loaded as a fatbin is."""
    (folder / "tpgan_kernels.fatbin").write_bytes(b"device code")
    return native.Kernels(device, folder)  # type: ignore[arg-type]


@pytest.fixture
def fake_device(fake_driver: ctypes.CDLL) -> FakeDevice:
    return FakeDevice(fake_driver)


def address(array: np.ndarray[Any, Any]) -> int:
    return int(array.ctypes.data)
