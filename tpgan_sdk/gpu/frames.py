"""Pictures that lie in the GPU's memory, whoever put them there: described, never copied.

`frame_of` takes what has `__dlpack__` or `__cuda_array_interface__` (torch, CuPy, Numba), and bare
DLPack capsules; `GpuFrame` itself takes a pointer and a pitch, as NVMM buffers and
decoders give them. Nothing here needs CUDA: descriptors are read and checked on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import index
from typing import Any, Final, Protocol

from ..errors import ImageError
from .dlpack import Borrowed, borrow, is_capsule

FORMATS: Final = {"bgr": 3, "rgb": 3, "bgra": 4, "nv12": 1}
"""Formats of a frame and their bytes a pixel (NV12: of the luma plane), in the order of
`tpgan_format`."""
YUV: Final = ("bt601-limited", "bt709-limited", "bt601-full", "bt709-full")
"""How NV12 becomes RGB, in the order of `tpgan_yuv`."""
MAX_SIDE: Final = 32768
"""Largest width and height, px; the kernels' limit."""


@dataclass(frozen=True, slots=True)
class GpuFrame:
    """A uint8 picture in memory that the GPU reads.

    Raises:
        ImageError: no size, format or pitch that a picture can have, or a null pointer.
    """

    pointer: int
    """Address of the first pixel (NV12: of the first luma)."""
    width: int
    height: int
    pitch: int
    """Bytes from one row to the next, of every plane."""
    format: str = "bgr"
    """Key of `FORMATS`."""
    chroma: int = 0
    """NV12: address of the first U; V and U in turn at half the size, with the same pitch."""
    yuv: str = YUV[0]
    """NV12: one of `YUV`."""
    device: int | None = None
    """N of "cuda:N"; None: not known."""
    stream: int | None = None
    """Handle of a stream whose work must be over before the pixels are there; None: they are."""
    owner: object = field(default=None, repr=False, compare=False)
    """Whatever keeps the memory alive."""

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ImageError(f"unknown format {self.format!r}; known: {', '.join(FORMATS)}")
        if self.yuv not in YUV:
            raise ImageError(f"unknown YUV matrix {self.yuv!r}; known: {', '.join(YUV)}")
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE):
            raise ImageError(
                f"a frame is {self.width}x{self.height}; expected sides of 1 to {MAX_SIDE} px"
            )
        row = self.width * FORMATS[self.format]
        if self.format == "nv12":
            row += self.width % 2  # U and V always come in pairs
        if not row <= self.pitch < 2**31:
            raise ImageError(
                f"a frame's pitch is {self.pitch} bytes; expected at least those of a row of "
                f"{self.width} {self.format} pixels, {row}"
            )
        if self.pointer <= 0 or (self.format == "nv12" and self.chroma <= 0):
            raise ImageError("a frame's pointer is null; expected an address on the GPU")


class HasDlpack(Protocol):
    """An array that can be handed out by DLPack."""

    def __dlpack_device__(self) -> tuple[Any, Any]: ...


class HasInterface(Protocol):
    """An array of the CUDA Array Interface."""

    @property
    def __cuda_array_interface__(self) -> Any: ...


GpuArray = HasDlpack | HasInterface


def is_on_gpu(picture: Any) -> bool:
    """Whether `frame_of` is what describes this object."""
    if isinstance(picture, GpuFrame) or is_capsule(picture):
        return True
    device = getattr(picture, "__dlpack_device__", None)
    if device is not None and int(device()[0]) != 1:
        return True
    return hasattr(picture, "__cuda_array_interface__")


def frame_of(
    picture: Any, format: str = "bgr", yuv: str = YUV[0], stream: int | None = None
) -> GpuFrame:
    """Describes a picture on the GPU. Its memory is used as it is, and kept alive.

    Args:
        picture: object with `__dlpack__` (taken where it has both: it is told the stream) or
            `__cuda_array_interface__`, or a DLPack capsule; uint8 of shape (H, W, 3), "bgra":
            (H, W, 4), "nv12": (H * 3 / 2, W), H even. Rows may have a pitch, pixels may not. A
            `GpuFrame` is returned as it is.
        format: key of `FORMATS`.
        yuv: for "nv12", one of `YUV`.
        stream: handle of the stream that will read the picture, told to a DLPack producer.

    Raises:
        ImageError: on the CPU, of another type or shape, mirrored, with gaps between pixels, or
            not handed out by its owner.
    """
    if isinstance(picture, GpuFrame):
        return picture
    if is_capsule(picture):
        return _of_dlpack(borrow(picture), format, yuv)
    if hasattr(picture, "__dlpack__"):
        return _of_dlpack(borrow(_handed_out(picture, stream)), format, yuv)
    interface = getattr(picture, "__cuda_array_interface__", None)
    if interface is not None:
        return _of_interface(picture, interface, format, yuv)
    raise ImageError(
        f"a frame is {type(picture).__name__}; expected an array on the GPU with "
        "__cuda_array_interface__ or __dlpack__, a DLPack capsule, or a GpuFrame"
    )


_ON_CPU: Final = (
    "a frame lies in the CPU's memory; expected one on the GPU: give it to "
    "Frontalizer.frontalize, or copy it there first"
)
# Device types of DLPack whose memory a kernel can read: device, pinned and managed.
_READABLE: Final = {2: "cuda", 3: "pinned", 13: "managed"}


def _handed_out(picture: Any, stream: int | None) -> object:
    """The DLPack capsule of an array on the GPU."""
    try:
        if int(picture.__dlpack_device__()[0]) == 1:
            raise ImageError(_ON_CPU)
        return picture.__dlpack__(stream=stream)
    except BufferError as error:
        raise ImageError(
            f"a frame's owner does not hand it out by DLPack: {error}; expected a plain uint8 "
            "array on the GPU"
        ) from None


def _of_dlpack(borrowed: Borrowed, format: str, yuv: str) -> GpuFrame:
    if borrowed.device_type == 1:
        raise ImageError(_ON_CPU)
    if borrowed.device_type not in _READABLE:
        raise ImageError(
            f"a frame is on DLPack's device type {borrowed.device_type}; expected CUDA's: "
            + ", ".join(f"{number} ({name})" for number, name in _READABLE.items())
        )
    if borrowed.dtype != (1, 8, 1):
        raise ImageError(
            f"a frame's DLPack type (code, bits, lanes) is {borrowed.dtype}; expected uint8: "
            "(1, 8, 1)"
        )
    device = borrowed.device_id if borrowed.device_type != 3 else None
    return _described(
        borrowed.pointer, borrowed.shape, borrowed.strides, format, yuv, device, None, borrowed
    )


def _of_interface(picture: Any, interface: Any, format: str, yuv: str) -> GpuFrame:
    try:
        address, _ = interface["data"]
        pointer, kind = index(address), interface["typestr"]
        shape = tuple(index(side) for side in interface["shape"])
        strides, stream = interface.get("strides"), interface.get("stream")
        strides = None if strides is None else tuple(index(step) for step in strides)
        stream = None if stream is None else index(stream)
    except (KeyError, TypeError, ValueError) as error:
        raise ImageError(
            f"a frame's __cuda_array_interface__ is incomplete or wrong: {error!r}; expected "
            "integers as its version 3 has them"
        ) from None
    if kind not in ("|u1", "<u1", ">u1"):
        raise ImageError(f"a frame has the type {kind!r}; expected uint8, '|u1'")
    if interface.get("mask") is not None:
        raise ImageError("a frame is masked; expected one without a mask")
    if stream == 0:  # the interface forbids it: it could mean either default stream
        raise ImageError("a frame's stream is 0; expected 1 (legacy), 2 (per thread) or a handle")
    return _described(pointer, shape, strides, format, yuv, None, stream, picture)


def _described(
    pointer: int,
    shape: Sequence[int],
    strides: Sequence[int] | None,
    format: str,
    yuv: str,
    device: int | None,
    stream: int | None,
    owner: object,
) -> GpuFrame:
    """A frame of an array; strides in bytes, None: contiguous."""
    depth = FORMATS.get(format, 3)
    planar = format == "nv12"
    fits = len(shape) == 2 if planar else len(shape) == 3 and shape[2] == depth
    if not fits or (planar and shape[0] % 3 != 0):
        expected = "(H * 3 / 2, W) with H even" if planar else f"(H, W, {depth})"
        raise ImageError(f"a {format} frame has shape {tuple(shape)}; expected {expected}")
    rows, width = int(shape[0]), int(shape[1])
    pitch = width * depth
    if strides is not None:
        packed = [1] if planar else [depth, 1]
        gaps = list(strides[1:])
        if width == 1 and gaps:
            gaps[0] = packed[0]  # nothing lies beside a single column
        if gaps != packed:
            raise ImageError(
                f"a frame's strides are {tuple(strides)} bytes; expected pixels side by side, "
                f"left to right: (pitch, {depth}{'' if planar else ', 1'}); make it contiguous"
            )
        pitch = strides[0] if rows > 1 else max(pitch, strides[0])
    height = rows * 2 // 3 if planar else rows
    chroma = pointer + height * pitch if planar else 0
    return GpuFrame(pointer, width, height, pitch, format, chroma, yuv, device, stream, owner)
