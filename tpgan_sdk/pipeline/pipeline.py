"""Where a picture is read and a batch of faces runs: on the host, or on the GPU where the backend
and the compiled kernels are. Results are the same to one grey level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from ..backends.base import Backend, LayerBackend
from ..errors import BackendError, ImageError, ModelError
from ..faces.crops import FaceCrops, crop_face, network_inputs, place_face, with_detail
from ..faces.layers import LAYERS, compose_layers
from ..faces.pasting import paste_back
from ..geometry import CROP_SIZE
from ..gpu.arguments import FaceOnGpu
from ..gpu.frames import MAX_SIDE, GpuFrame, is_on_gpu
from ..images.resample import Float32Array, UInt8Array, mirror_image, to_uint8
from ..images.sources import load_image
from ..models.model import Model
from ..system.opencv import load_opencv
from ..types import Face
from .gpu_pipeline import GpuPipeline, downloaded, open_pipeline

Picture = UInt8Array | GpuFrame
Cut = FaceCrops | FaceOnGpu
"""A face's crops, or where it lies on the GPU."""
Stage = Callable[[str], AbstractContextManager[None]]
"""Measures the time of a stage by its name."""


class FacePipeline:
    """Reads pictures, cuts faces and runs the backend; close it before the backend."""

    def __init__(self, backend: Backend, model: Model, size: int = CROP_SIZE) -> None:
        """
        Args:
            size: of the frontal pictures, one of `layers.SIZES`.

        Raises:
            ModelError: the model gives no layers for pictures of more than 128 px.
            BackendError: the backend does not give them.
        """
        self._backend, self._model, self._scale = backend, model, size // CROP_SIZE
        self._gpu: GpuPipeline | str = "pictures of more than 128 px are made on the CPU"
        if self._scale == 1:
            self._gpu = open_pipeline(backend, model)
            return
        if missing := set(LAYERS) - set(model.info.outputs):
            raise ModelError(
                f"{model.name} gives no {', '.join(sorted(missing))}, which pictures of {size} px "
                "are made of; expected a model that fetches, or size=128"
            )
        if not isinstance(backend, LayerBackend):
            raise BackendError(
                f"{backend.info.name} gives the picture of 128 px alone; pictures of {size} px "
                "are made with onnxruntime-cpu or openvino"
            )

    def picture(self, image: Any) -> Picture:
        """Any form of `load_image`, or a picture on the GPU: left there where it can be cut there.

        Raises:
            ImageError: it is none of these.
        """
        if not is_on_gpu(image):
            return load_image(image)
        return downloaded(image) if isinstance(self._gpu, str) else self._gpu.take(image)

    def on_host(self, picture: Picture) -> UInt8Array:
        """(H, W, 3) uint8 BGR, downloaded where it is on the GPU."""
        if not isinstance(picture, GpuFrame):
            return picture
        return self._pipeline.download(picture)

    def source(self, picture: Picture) -> Picture:
        """The picture where its faces are cut: uploaded where that is on the GPU."""
        if isinstance(picture, GpuFrame) or isinstance(self._gpu, str):
            return picture
        return self._gpu.take(picture) if max(picture.shape) <= MAX_SIDE else picture

    def cut(self, source: Picture, landmarks: npt.ArrayLike) -> Cut:
        """One face of a `source`.

        Raises:
            GeometryError: see `crop_face`.
        """
        template = self._model.template
        if not isinstance(source, GpuFrame):
            cut = crop_face(source, landmarks, template, margin=self._model.margin)
            return self.detailed(cut, source)
        at = place_face(source.width, source.height, landmarks, template)
        return FaceOnGpu(source, at.transform, at.landmarks, at.mirrored)

    def detailed(self, cut: FaceCrops, source: UInt8Array) -> FaceCrops:
        """With the face at the size of the frontal picture, where that is more than 128 px."""
        return cut if self._scale == 1 else with_detail(cut, source, self._scale)

    def run(self, cuts: Sequence[Cut], stage: Stage) -> list[tuple[UInt8Array, UInt8Array]]:
        """Of each face the frontal picture and the aligned crop, (S, S, 3) uint8 BGR, oriented as
        the frame."""
        made: list[tuple[UInt8Array, UInt8Array]] = []
        for on_gpu, group in groupby(cuts, lambda cut: isinstance(cut, FaceOnGpu)):
            part: list[Any] = list(group)
            made += self._on_gpu(part, stage) if on_gpu else self._on_host(part, stage)
        return made

    def paste_into(self, frame: Any, faces: Sequence[Face]) -> None:
        """See `Frontalizer.paste_into`."""
        if not is_on_gpu(frame):
            _check_writable(frame)
            for face in faces:
                frame[...] = paste_back(frame, face)
        elif isinstance(self._gpu, str):
            raise BackendError(
                f"faces cannot be pasted into a frame on the GPU: {self._gpu}; paste them into a "
                "copy on the CPU instead"
            )
        else:
            self._gpu.paste(self._gpu.take(frame), faces)

    def close(self) -> None:
        """Frees what it holds on the GPU. Again: nothing happens."""
        pipeline, self._gpu = self._gpu, "this Frontalizer is closed; make a new one"
        if isinstance(pipeline, GpuPipeline):
            pipeline.close()

    @property
    def _pipeline(self) -> GpuPipeline:
        """For frames that it took."""
        assert isinstance(self._gpu, GpuPipeline)
        return self._gpu

    def _on_gpu(self, faces: list[FaceOnGpu], stage: Stage) -> list[tuple[UInt8Array, UInt8Array]]:
        with stage("network"):
            return list(zip(*self._pipeline.run(faces), strict=True))

    def _on_host(self, crops: list[FaceCrops], stage: Stage) -> list[tuple[UInt8Array, UInt8Array]]:
        with stage("align"):
            inputs = network_inputs(crops, True, self._model.inputs)
        if self._scale > 1:
            return self._large(crops, inputs, stage)
        with stage("network"):
            output = self._backend.run(inputs)
        with stage("finish"):
            return [
                _oriented(_to_picture(planes), to_uint8(cut.crop), cut.mirrored)
                for planes, cut in zip(output, crops, strict=True)
            ]

    def _large(
        self, crops: list[FaceCrops], inputs: dict[str, Float32Array], stage: Stage
    ) -> list[tuple[UInt8Array, UInt8Array]]:
        assert isinstance(self._backend, LayerBackend)
        with stage("network"):
            layers = self._backend.run_layers(inputs)
        made = []
        with stage("finish"):
            for index, cut in enumerate(crops):
                assert cut.detail is not None
                own = {name: layers[name][index] for name in LAYERS}
                picture = compose_layers(own, cut.detail, CROP_SIZE * self._scale)
                edge = self._model.margin * self._scale
                inner = slice(edge, edge + CROP_SIZE * self._scale)
                made.append(_oriented(picture, to_uint8(cut.detail[inner, inner]), cut.mirrored))
        return made


def _oriented(
    picture: UInt8Array, aligned: UInt8Array, mirrored: bool
) -> tuple[UInt8Array, UInt8Array]:
    if mirrored:
        return mirror_image(picture), mirror_image(aligned)
    return picture, np.ascontiguousarray(aligned)


def _to_picture(planes: Float32Array) -> UInt8Array:
    """(128, 128, 3) BGR from (3, 128, 128) RGB in [-1, 1]; one face at a time stays in caches."""
    cv2 = load_opencv()

    red, green, blue = to_uint8((planes + 1) * 127.5)
    picture: UInt8Array = cv2.merge((blue, green, red))
    return picture


def _check_writable(frame: Any) -> None:
    """Raises ImageError where faces cannot be pasted in place."""
    if not isinstance(frame, np.ndarray):
        what = f"a {type(frame).__name__}"
    elif frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        what = f"an array of shape {frame.shape} and type {frame.dtype}"
    elif not frame.flags.writeable:
        what = "read-only"
    else:
        return
    raise ImageError(
        f"the frame to paste into is {what}; expected a writable (H, W, 3) uint8 array in BGR: "
        "`paste_back` gives a copy with the face in it"
    )
