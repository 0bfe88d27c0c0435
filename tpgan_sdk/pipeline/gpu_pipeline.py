"""Crops, network and pictures on the GPU: a frame that is there stays there, and one that is not
is uploaded once. What comes back are pictures of 128x128.

Without compiled kernels `frontalizer` does the same on the CPU, to one grey level.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any, Final

import numpy as np

from ..backends.base import Backend, DeviceBuffers, GpuBackend
from ..errors import BackendError
from ..geometry import CROP_SIZE
from ..gpu.arguments import MAX_FACES, FaceOnGpu
from ..gpu.cuda import Device
from ..gpu.frames import FORMATS, GpuFrame, frame_of, is_on_gpu
from ..gpu.kernels import Kernels, open_kernels
from ..gpu.transfers import Uploads, download, usable
from ..images.resample import UInt8Array
from ..models.inputs import INPUT_SHAPES, face_input
from ..models.model import Model
from ..types import Face

_CROP: Final = (CROP_SIZE, CROP_SIZE, 3)
_CROP_BYTES: Final = CROP_SIZE * CROP_SIZE * 3

log = logging.getLogger("tpgan_sdk")


def open_pipeline(backend: Backend, model: Model) -> GpuPipeline | str:
    """The pipeline of a backend for a model, or in one sentence why crops are made on the CPU."""
    if not isinstance(backend, GpuBackend):
        return "this backend takes its inputs from the CPU"
    if model.inputs not in (INPUT_SHAPES, face_input(model.margin)):
        return f"the kernels do not make the inputs of {model.name}"
    try:
        with backend.on_gpu() as gpu:
            inputs, device, rows = gpu.inputs, gpu.device, gpu.rows
        if inputs != {name: tuple(shape) for name, shape in model.inputs.items()}:
            return f"the engine's inputs are not those of {model.name}"
        kernels = open_kernels(device)
        if isinstance(kernels, str):
            log.info("crops are made on the CPU: %s", kernels)
            return kernels
        return GpuPipeline(backend, kernels, device, min(rows, MAX_FACES), model.margin)
    except BackendError as error:
        log.warning("crops are made on the CPU, slower: %s", error)
        return str(error)


class GpuPipeline:
    """Runs batches on a backend's stream, for the backend's one thread.

    Close it before the backend.

    Args:
        rows: most faces of a launch.
        margin: px around the crop that the model's face input shows.

    Raises:
        BackendError: from every method: the GPU fails, or the backend is closed or in use.
    """

    def __init__(
        self, backend: GpuBackend, kernels: Kernels, device: Device, rows: int, margin: int = 0
    ) -> None:
        self._margin = margin
        self._backend, self._kernels, self._device, self._rows = backend, kernels, device, rows
        self._uploads = Uploads(device)
        self._buffers: list[Any] = []
        try:
            shape = (2 * self._rows, *_CROP)
            self._pictures = device.allocate(shape, np.uint8)
            self._buffers.append(self._pictures)
            self._host: UInt8Array = device.pinned(shape, np.uint8)
            self._buffers.append(self._host)
            self._shift = device.allocate((3,))
            self._buffers.append(self._shift)
        except BaseException:
            self.close()
            raise

    def take(self, picture: Any) -> GpuFrame:
        """A picture as a frame for `run`: of the GPU as it is (see `frame_of`), of the host
        uploaded.

        Raises:
            ImageError: it cannot be read where it is.
        """
        with self._backend.on_gpu() as gpu:
            if not is_on_gpu(picture):
                return self._uploads.put(picture, gpu.driver, gpu.stream)
            frame = frame_of(picture, stream=gpu.stream.handle)
            usable(frame, gpu.device, gpu.stream)
            return frame

    def download(self, frame: GpuFrame) -> UInt8Array:
        """A frame of `take` as (H, W, 3) uint8 BGR."""
        with self._backend.on_gpu() as gpu:
            return download(frame, gpu.driver, gpu.stream)

    def run(self, faces: Sequence[FaceOnGpu]) -> tuple[UInt8Array, UInt8Array]:
        """Frontal faces and aligned crops, each (N, 128, 128, 3) uint8 BGR, oriented as the frame.

        Args:
            faces: N of frames that `take` gave.
        """
        made = [self._batch(faces[i : i + self._rows]) for i in range(0, len(faces), self._rows)]
        pictures, aligned = (np.concatenate(part) for part in zip(*made, strict=True))
        return pictures, aligned

    def paste(self, frame: GpuFrame, faces: Iterable[Face]) -> None:
        """Puts frontal faces into a frame of `take`, in place; see `pasting.paste_back`.

        Raises:
            ImageError: the frame is NV12, which cannot be written.
        """
        with self._backend.on_gpu() as gpu:
            for face in faces:
                self._host[0], self._host[1] = face.image, face.aligned
                gpu.driver.memcpy_htod_async(int(self._pictures), self._host[:2], gpu.stream)
                front, aligned = self._crop(0), self._crop(1)
                shift = int(self._shift)
                self._kernels.paste(frame, front, aligned, face.transform, shift, gpu.stream)
                gpu.stream.synchronize()  # before the next face takes its place

    def close(self) -> None:
        """Frees what it holds."""
        with ExitStack() as steps:
            steps.callback(self._kernels.close)
            steps.callback(self._uploads.close)
            steps.callback(self._device.free, *self._buffers)
            self._buffers = []

    def _batch(self, faces: Sequence[FaceOnGpu]) -> tuple[UInt8Array, UInt8Array]:
        count = len(faces)
        with self._backend.on_gpu() as gpu:
            tensors = {name: gpu.tensors[name] for name in gpu.inputs}
            self._kernels.align(faces, tensors, gpu.stream, margin=self._margin)
            gpu.enqueue(count)
            self._finish(gpu, gpu.output, faces, 0)
            self._finish(gpu, "face", faces, count)
            made = self._host[: 2 * count]
            gpu.driver.memcpy_dtoh_async(made, int(self._pictures), gpu.stream)
            gpu.stream.synchronize()
            return made[:count].copy(), made[count:].copy()

    def _finish(
        self, gpu: DeviceBuffers, tensor: str, faces: Sequence[FaceOnGpu], first: int
    ) -> None:
        pictures = [self._crop(first + i) for i in range(len(faces))]
        mirrored = [face.mirrored for face in faces]
        margin = self._margin if tensor == "face" else 0
        self._kernels.finish(gpu.tensors[tensor], pictures, mirrored, gpu.stream, margin=margin)

    def _crop(self, index: int) -> GpuFrame:
        address = int(self._pictures) + index * _CROP_BYTES
        return GpuFrame(address, CROP_SIZE, CROP_SIZE, CROP_SIZE * FORMATS["bgr"])


def downloaded(picture: Any) -> UInt8Array:
    """A picture on any GPU as (H, W, 3) uint8 BGR, where no pipeline serves it.

    Raises:
        ImageError: see `frame_of`.
        BackendError: no driver or pycuda here.
    """
    index = getattr(picture, "device", None) if isinstance(picture, GpuFrame) else None
    if index is None and hasattr(picture, "__dlpack_device__"):
        index = int(picture.__dlpack_device__()[1])
    device = Device(index or 0)
    try:
        stream = device.stream()
        with device.active("downloading a frame") as driver:
            try:
                frame = frame_of(picture, stream=stream.handle)
                usable(frame, device, stream)
                return download(frame, driver, stream)
            finally:
                del stream  # inside its context
    finally:
        device.close()
