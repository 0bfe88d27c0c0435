"""Pictures on the GPU, described by others: what is taken as it is, and what is refused."""

from __future__ import annotations

import ctypes
import gc
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tpgan_sdk.errors import ImageError
from tpgan_sdk.gpu import dlpack
from tpgan_sdk.gpu import frames as arrays
from tpgan_sdk.gpu.frames import GpuFrame, frame_of


def on_gpu(**entries: Any) -> Any:
    """An object with the descriptor of a (30, 40, 3) picture at 0x7000."""
    interface = {"shape": (30, 40, 3), "typestr": "|u1", "data": (0x7000, False), "version": 3}
    return SimpleNamespace(__cuda_array_interface__=interface | entries)


def test_an_array_is_taken_as_it_is() -> None:
    picture = on_gpu()
    frame = frame_of(picture, "rgb")
    assert frame == GpuFrame(0x7000, 40, 30, 120, "rgb")
    assert frame.owner is picture


def test_a_pitch_a_stream_and_an_alpha_channel() -> None:
    picture = on_gpu(shape=(30, 40, 4), strides=(256, 4, 1), stream=7)
    assert frame_of(picture, "bgra") == GpuFrame(0x7000, 40, 30, 256, "bgra", stream=7)


def test_one_row_and_one_column() -> None:
    assert frame_of(on_gpu(shape=(1, 40, 3), strides=(0, 3, 1))).pitch == 120
    assert frame_of(on_gpu(shape=(30, 1, 3), strides=(512, 99, 1))).pitch == 512


def test_nv12_lies_above_its_chroma() -> None:
    frame = frame_of(on_gpu(shape=(45, 40), strides=(64, 1)), "nv12", "bt709-full")
    expected = GpuFrame(0x7000, 40, 30, 64, "nv12", chroma=0x7000 + 30 * 64, yuv="bt709-full")
    assert frame == expected


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"typestr": "<f4"}, "has the type '<f4'; expected uint8"),
        ({"shape": (30, 40)}, r"a bgr frame has shape \(30, 40\); expected \(H, W, 3\)"),
        ({"shape": (30, 40, 4)}, r"expected \(H, W, 3\)"),
        ({"shape": (0, 40, 3)}, "40x0; expected sides of 1 to 32768 px"),
        ({"shape": (40000, 40, 3)}, "40x40000"),
        ({"strides": (-120, 3, 1)}, "pitch is -120 bytes"),
        ({"strides": (60, 3, 1)}, "pitch is 60 bytes; expected at least .* 40 bgr pixels, 120"),
        ({"strides": (120, -3, 1)}, "expected pixels side by side, left to right"),
        ({"strides": (360, 9, 1)}, r"strides are \(360, 9, 1\) bytes; .* make it contiguous"),
        ({"strides": (40, 1, 1200)}, "make it contiguous"),
        ({"data": (0, False)}, "pointer is null"),
        ({"shape": (30, 1, 3), "strides": (9, 3, 3)}, "make it contiguous"),
        ({"shape": (30, 1, 3), "strides": (9, 3)}, "make it contiguous"),
        ({"strides": ()}, "make it contiguous"),
        ({"data": None}, "is incomplete or wrong: TypeError"),
        ({"data": (None, False)}, "is incomplete or wrong: TypeError"),
        ({"data": (1.5, False)}, "is incomplete or wrong: .* expected integers"),
        ({"shape": (30, 40.0, 3)}, "is incomplete or wrong: TypeError"),
        ({"strides": ("120", 3, 1)}, "is incomplete or wrong: TypeError"),
        ({"stream": "7"}, "is incomplete or wrong: TypeError"),
        ({"mask": object()}, "is masked"),
        ({"stream": 0}, "stream is 0"),
    ],
)
def test_arrays_that_are_refused(entries: dict[str, Any], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        frame_of(on_gpu(**entries))


def test_an_interface_without_a_shape() -> None:
    with pytest.raises(ImageError, match="is incomplete or wrong: KeyError"):
        frame_of(SimpleNamespace(__cuda_array_interface__={"data": (1, False)}))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"format": "yuyv"}, "unknown format 'yuyv'; known: bgr, rgb, bgra, nv12"),
        ({"yuv": "bt2020"}, "unknown YUV matrix 'bt2020'; known: bt601-limited"),
        ({"format": "nv12"}, "pointer is null"),  # of the chroma
        ({"width": 0}, "0x30"),
        ({"pitch": 119}, "expected at least those of a row of 40 bgr pixels, 120"),
        ({"pitch": 2**31}, "pitch is 2147483648"),
        ({"format": "nv12", "width": 41, "pitch": 41, "chroma": 1}, "41 nv12 pixels, 42"),
        ({"pointer": -1}, "pointer is null"),
    ],
)
def test_pointers_that_are_refused(arguments: dict[str, Any], message: str) -> None:
    good = {"pointer": 0x7000, "width": 40, "height": 30, "pitch": 120}
    with pytest.raises(ImageError, match=message):
        GpuFrame(**(good | arguments))


def test_what_is_no_array_at_all() -> None:
    with pytest.raises(ImageError, match="a frame is str; expected an array on the GPU"):
        frame_of("photo.jpg")


def test_a_frame_is_returned_as_it_is() -> None:
    frame = GpuFrame(0x7000, 40, 30, 64, "nv12", chroma=0x9000)
    assert frame_of(frame) is frame


def test_memory_of_the_cpu_is_refused() -> None:
    picture = np.zeros((30, 40, 3), np.uint8)
    for given in (picture, picture.__dlpack__()):
        with pytest.raises(ImageError, match="lies in the CPU's memory; expected one on the GPU"):
            frame_of(given)


def test_a_capsule_of_numpy_is_read_and_given_back() -> None:
    picture = np.zeros((30, 40, 3), np.uint8)[:, 5:25]
    before = sys.getrefcount(picture)
    capsule = picture.__dlpack__()
    borrowed = dlpack.borrow(capsule)
    assert (borrowed.pointer, borrowed.shape) == (picture.ctypes.data, (30, 20, 3))
    assert (borrowed.strides, borrowed.dtype) == ((120, 3, 1), (1, 8, 1))
    with pytest.raises(ImageError, match="it was used before; expected a fresh 'dltensor'"):
        dlpack.borrow(capsule)
    del capsule
    gc.collect()
    assert sys.getrefcount(picture) > before
    del borrowed
    gc.collect()
    assert sys.getrefcount(picture) == before


class Capsule:
    """A capsule as a CUDA library would make it, of memory that is not there."""

    def __init__(self, device: int = 2, code: int = 1, strides: tuple[int, ...] | None = None):
        self.freed = 0
        self._managed = dlpack._Managed()
        self._shape = (ctypes.c_int64 * 3)(30, 40, 3)
        tensor = self._managed.tensor
        tensor.data, tensor.byte_offset, tensor.ndim = 0x7000, 16, 3
        tensor.device.type, tensor.device.id = device, 1
        tensor.dtype.code, tensor.dtype.bits, tensor.dtype.lanes = code, 8, 1
        tensor.shape = ctypes.cast(self._shape, ctypes.POINTER(ctypes.c_int64))
        if strides is not None:
            self._strides = (ctypes.c_int64 * 3)(*strides)
            tensor.strides = ctypes.cast(self._strides, ctypes.POINTER(ctypes.c_int64))
        self._managed.deleter = type(self._managed.deleter)(self._free)
        self._name = b"dltensor"
        new = ctypes.pythonapi.PyCapsule_New
        new.restype = ctypes.py_object
        new.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        self.capsule = new(ctypes.addressof(self._managed), self._name, None)

    def _free(self, address: int) -> None:
        self.freed += 1

    def __dlpack__(self, stream: int | None = None) -> object:
        self.stream = stream
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (int(self._managed.tensor.device.type), 1)


def test_a_capsule_on_the_gpu() -> None:
    made = Capsule(strides=(256, 3, 1))
    frame = frame_of(made, "rgb", stream=5)
    assert frame == GpuFrame(0x7010, 40, 30, 256, "rgb", device=1)
    assert made.stream == 5
    del frame
    gc.collect()
    assert made.freed == 1


def test_dlpack_is_taken_first_because_it_is_told_the_stream() -> None:
    made: Any = Capsule()
    made.__cuda_array_interface__ = on_gpu().__cuda_array_interface__
    assert frame_of(made, stream=5) == GpuFrame(0x7010, 40, 30, 120, device=1)
    assert made.stream == 5


def test_an_owner_that_refuses() -> None:
    class Owner(Capsule):
        def __dlpack__(self, stream: int | None = None) -> object:
            raise BufferError("it requires gradients")

    with pytest.raises(ImageError, match="does not hand it out by DLPack: it requires gradients"):
        frame_of(Owner())


def test_pinned_memory_belongs_to_no_device() -> None:
    assert frame_of(Capsule(device=3).capsule) == GpuFrame(0x7010, 40, 30, 120)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (Capsule(device=10), r"DLPack's device type 10; expected CUDA's: 2 \(cuda\), 3 \(pinned\)"),
        (Capsule(code=0), r"\(code, bits, lanes\) is \(0, 8, 1\); expected uint8: \(1, 8, 1\)"),
        (Capsule(strides=(120, 1, 40)), "make it contiguous"),
    ],
)
def test_capsules_that_are_refused_are_given_back(made: Capsule, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        frame_of(made)
    gc.collect()
    assert made.freed == 1


def test_a_capsule_of_something_else() -> None:
    datetime_api = sys.modules["datetime"].datetime_CAPI
    assert dlpack.is_capsule(datetime_api)
    with pytest.raises(ImageError, match=r"it is called 'datetime\.datetime_CAPI'"):
        frame_of(datetime_api)


def test_the_formats_are_those_of_the_kernels() -> None:
    """In the order of `tpgan_format` and `tpgan_yuv`."""
    from ..conftest import REPOSITORY

    header = (REPOSITORY / "native" / "include" / "tpgan" / "types.h").read_text()
    for number, name in enumerate(arrays.FORMATS):
        suffix = "" if name == "nv12" else "8"
        assert f"TPGAN_{name.upper()}{suffix} = {number}" in header
    for number, name in enumerate(arrays.YUV):
        assert f"TPGAN_{name.upper().replace('-', '_')} = {number}" in header
    assert f"#define TPGAN_MAX_SIDE {arrays.MAX_SIDE}\n" in header
