"""Sources of frontalized pictures: a checkpoint, an ONNX, or a folder of results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from tpgan_sdk.backends import create_backend
from tpgan_sdk.errors import GeometryError, TrainingError
from tpgan_sdk.faces.crops import crop_face, network_inputs
from tpgan_sdk.geometry import CROP_SIZE, OFFICIAL, TEMPLATES, Template
from tpgan_sdk.images.files import SUFFIXES, read_image
from tpgan_sdk.images.resample import Float32Array, UInt8Array, to_uint8
from tpgan_sdk.models.inputs import INPUT_SHAPES, InputShapes, margin_of
from tpgan_sdk.models.model import resolve_model

from ..training.checkpoint import load_generator
from .views import View

Inference = Callable[[Mapping[str, Float32Array]], Float32Array]
"""The inputs of `tpgan_sdk.faces.crops.network_inputs` to (N, 3, 128, 128) RGB in [-1, 1]."""


class Synthesis(Protocol):
    """Makes frontal faces."""

    name: str
    """As the report calls it."""
    template: Template

    def frontalize(self, views: Sequence[View]) -> list[UInt8Array | None]:
        """(128, 128, 3) RGB for each view, at the template's points; None: no result."""
        ...


class NetworkSynthesis:
    """A network behind the SDK's own crops: mirrored by the yaw's sign, and back."""

    def __init__(
        self, name: str, template: Template, run: Inference, shapes: InputShapes = INPUT_SHAPES
    ) -> None:
        self.name, self.template, self._run, self._shapes = name, template, run, shapes

    def frontalize(self, views: Sequence[View]) -> list[UInt8Array | None]:
        """See `Synthesis.frontalize`."""
        results: list[UInt8Array | None] = [None] * len(views)
        cut = []
        margin = margin_of(self._shapes)
        for index, view in enumerate(views):
            if view.points is not None:
                photo = view.picture if view.photo is None else view.photo
                points = view.points + view.offset
                try:
                    crops = crop_face(photo, points, self.template, margin=margin)
                    cut.append((index, crops))
                except GeometryError:
                    continue  # what the SDK leaves out, too
        if cut:
            inputs = network_inputs([crops for _, crops in cut], False, self._shapes)
            output = self._run(inputs).transpose(0, 2, 3, 1)
            for (index, crops), picture in zip(cut, to_uint8((output + 1) * 127.5), strict=True):
                turned = picture[:, ::-1] if crops.mirrored else picture
                results[index] = np.ascontiguousarray(turned)
        return results


class FolderSynthesis:
    """Results that any program wrote: ``KEY.png`` and so on, 128x128, at the template's points."""

    def __init__(self, folder: Path, template: Template = OFFICIAL) -> None:
        if not folder.is_dir():
            raise TrainingError(f"no folder of results at {folder}")
        self.name, self.template, self._folder = str(folder), template, folder

    def frontalize(self, views: Sequence[View]) -> list[UInt8Array | None]:
        """See `Synthesis.frontalize`.

        Raises:
            TrainingError: a result is not 128x128.
        """
        return [self._read(view.key) for view in views]

    def _read(self, key: str) -> UInt8Array | None:
        place = self._folder / key
        for suffix in sorted(SUFFIXES):
            path = place.with_name(place.name + suffix)
            if path.is_file():
                picture = read_image(path)
                if picture.shape != (CROP_SIZE, CROP_SIZE, 3):
                    raise TrainingError(
                        f"{path} is {picture.shape[1]}x{picture.shape[0]}; expected 128x128 "
                        f"results, aligned by the {self.template.name} template"
                    )
                return np.ascontiguousarray(picture[..., ::-1])
        return None


def from_checkpoint(folder: Path) -> NetworkSynthesis:
    """The averaged weights of a training run, on the GPU where there is one.

    Raises:
        TrainingError: no checkpoint there, or a damaged one.
    """
    network, state = load_generator(folder)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = network.to(device)

    @torch.inference_mode()
    def run(inputs: Mapping[str, Float32Array]) -> Float32Array:
        face, *patches = (torch.from_numpy(inputs[name]).to(device) for name in network.inputs)
        output: Float32Array = network(face, patches).image.cpu().numpy()
        return output

    name = f"{folder.name}, step {state.step}"
    return NetworkSynthesis(name, TEMPLATES[network.spec.template], run, network.inputs)


def from_onnx(model: str | Path) -> NetworkSynthesis:
    """An exported model by path, or a packaged one by name.

    Raises:
        ModelError: there is none, or it is damaged.
        BackendError: nothing here can run it.
    """
    found = resolve_model(model)
    backend = create_backend(found)
    name = f"{found.path.name} ({found.info.sha256[:12]}), {backend.info.name}"
    return NetworkSynthesis(name, found.template, backend.run, found.inputs)
