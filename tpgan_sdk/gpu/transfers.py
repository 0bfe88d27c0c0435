"""Pictures that cross between host and GPU: each once, and only where a step needs it there."""

from __future__ import annotations

import weakref
from typing import Any, Final

import numpy as np

from ..errors import ImageError
from ..images.resample import UInt8Array
from .cuda import Device
from .frames import FORMATS, YUV, GpuFrame


class Uploads:
    """Puts pictures of the host on a GPU, into memory that is used again once they are gone."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._all: list[tuple[int, Any]] = []
        """Size in bytes and memory."""
        self._unused: list[tuple[int, Any]] = []

    def put(self, picture: UInt8Array, driver: Any, stream: Any) -> GpuFrame:
        """A (H, W, 3) uint8 BGR picture as a frame, copied on the stream.

        Its memory serves another picture when nothing refers to the frame any more, so all that
        reads it must be on the same stream.
        """
        lease = _Lease(picture)
        size, memory = self._room(picture.nbytes)
        weakref.finalize(lease, self._unused.append, (size, memory)).atexit = False
        driver.memcpy_htod_async(int(memory), picture, stream)
        height, width = picture.shape[:2]
        return GpuFrame(
            int(memory), width, height, 3 * width, device=self._device.index, owner=lease
        )

    def close(self) -> None:
        """Frees the memory; frames made from it are not used any more."""
        self._device.free(*(memory for _, memory in self._all))
        self._all, self._unused = [], []

    def _room(self, size: int) -> tuple[int, Any]:
        fitting = [entry for entry in self._unused if entry[0] >= size]
        if fitting:
            smallest = min(fitting, key=lambda entry: entry[0])
            self._unused.remove(smallest)
            return smallest
        if self._unused:  # too small by now: its place is better used
            entry = self._unused.pop()
            self._all.remove(entry)
            self._device.free(entry[1])
        made = (size, self._device.allocate((size,), np.uint8))
        self._all.append(made)
        return made


class _Lease:
    """Keeps a picture until its copy is over."""

    def __init__(self, picture: UInt8Array) -> None:
        self.picture = picture


def usable(frame: GpuFrame, device: Device, stream: Any) -> None:
    """Makes sure of a frame of somebody else, and lets the stream wait until its pixels are there.

    Raises:
        ImageError: it lies on another GPU, or nowhere that the GPU knows of.
        BackendError: its stream is none.
    """
    if frame.device not in (None, device.index):
        raise ImageError(
            f"a frame lies on cuda:{frame.device}, the network on cuda:{device.index}; expected "
            "both on one GPU: copy it there, or open the Frontalizer with "
            f"device='cuda:{frame.device}'"
        )
    for pointer in {frame.pointer, frame.chroma} - {0}:
        if not device.holds(pointer):
            raise ImageError(
                f"a frame's pointer {pointer:#x} is no memory that {device.gpu.name} holds: it is "
                "of the CPU or of another GPU, or was freed; expected live memory of "
                f"cuda:{device.index}"
            )
    if frame.stream is not None:
        device.wait_for(stream, frame.stream)


def download(frame: GpuFrame, driver: Any, stream: Any) -> UInt8Array:
    """A frame that is `usable`, as (H, W, 3) uint8 BGR on the host; waits for it."""
    planes = [_plane(frame.pointer, frame.height, frame.width * FORMATS[frame.format], frame.pitch)]
    if frame.format == "nv12":
        half = (-(-frame.height // 2), frame.width + frame.width % 2)
        planes.append(_plane(frame.chroma, *half, frame.pitch))
    for address, memory, _ in planes:
        driver.memcpy_dtoh_async(memory, address, stream)
    stream.synchronize()
    return bgr_of(frame.format, frame.yuv, *(rows for _, _, rows in planes))


def _plane(address: int, height: int, row: int, pitch: int) -> tuple[int, UInt8Array, UInt8Array]:
    """Address, host memory for the whole plane, and its rows without what the pitch adds."""
    memory = np.empty(height * pitch, np.uint8)
    # Nothing may lie behind the last row.
    return address, memory[: (height - 1) * pitch + row], memory.reshape(height, pitch)[:, :row]


def bgr_of(
    format: str, yuv: str, pixels: UInt8Array, pairs: UInt8Array | None = None
) -> UInt8Array:
    """Rows of bytes of a format of `GpuFrame` as (H, W, 3) uint8 BGR; NV12 as the kernels do it.

    Args:
        pairs: NV12: rows of U and V in turn.
    """
    if pairs is None:
        packed = pixels.reshape(len(pixels), -1, FORMATS[format])[..., :3]
        return np.ascontiguousarray(packed[..., ::-1] if format == "rgb" else packed)
    height, width = pixels.shape
    wide = pairs.reshape(len(pairs), -1, 2).repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    u, v = (wide[..., plane].astype(np.int32) - 128 for plane in (0, 1))
    luma, black, v_in_r, v_in_g, u_in_g, u_in_b = _WEIGHTS[yuv]
    grey = luma * (pixels.astype(np.int32) - black)
    result = np.empty((height, width, 3), np.uint8)
    for place, plane in enumerate((u_in_b * u, v_in_g * v + u_in_g * u, v_in_r * v)):
        result[..., place] = np.clip((grey + plane + 32768) >> 16, 0, 255)
    return result


def _yuv_weights(name: str) -> tuple[int, ...]:
    """Luma, black level, V in R, V in G, U in G, U in B; weights times 2^16, as in the kernels.

    Source: ITU-R BT.601-7 and BT.709-6.
    """
    red, blue = (0.299, 0.114) if "601" in name else (0.2126, 0.0722)
    green = 1 - red - blue
    limited = name.endswith("limited")
    luma, chroma, black = (255 / 219, 255 / 224, 16) if limited else (1.0, 1.0, 0)
    v_in_r, u_in_b = 2 * (1 - red) * chroma, 2 * (1 - blue) * chroma
    weights = (v_in_r, -v_in_r * red / green, -u_in_b * blue / green, u_in_b)
    v, v_in_g, u_in_g, u = (round(weight * 65536) for weight in weights)
    return round(luma * 65536), black, v, v_in_g, u_in_g, u


_WEIGHTS: Final = {name: _yuv_weights(name) for name in YUV}
