"""A CUDA driver for tests without a GPU: the kernels' own source, run on the CPU."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tpgan_sdk.cuda import Gpu

from ..conftest import REPOSITORY

NATIVE = REPOSITORY / "native"


class FakeDevice:
    """A `tpgan_sdk.cuda.Device` whose memory is the host's; launches as pycuda would."""

    gpu = Gpu("Orin", 87, 8 << 30)

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self.launches: list[tuple[str, tuple[int, int]]] = []

    @contextmanager
    def active(self, doing: str = "a call") -> Iterator[Any]:
        self._library.cuCtxPushCurrent_v2(None)
        try:
            yield SimpleNamespace(module_from_buffer=self._module)
        finally:
            self._library.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))

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
            assert call(handle, *grid, 1, *block, 0, stream, pointers, None) == 0
            self.launches.append((name, grid))

        return launch


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
def fake_device(fake_driver: ctypes.CDLL) -> FakeDevice:
    return FakeDevice(fake_driver)


def address(array: np.ndarray[Any, Any]) -> int:
    return int(array.ctypes.data)
