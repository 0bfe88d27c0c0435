"""A preset's network with fixed weights, in the forms that runtimes take. Needs torch."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from torch import Tensor, nn

from tpgan_sdk.backends.parity import FACES, Inputs, load_parity_faces
from tpgan_sdk.geometry import TEMPLATES
from tpgan_sdk.models.model import ModelInfo, load_model
from train.networks import PRESETS, Network, build
from train.networks.blocks import Grow
from train.networks.measure import cost

from ..errors import BenchmarkError

Form = Literal["fp32", "fp16", "padded", "winograd"]
"""Of the exported graph. "padded": FP32, channels widened by `export.graphs.padding`; "winograd":
FP32 with its large convolutions tiled by `export.graphs.winograd`."""

SEED: Final = 0
SPREAD: Final = 0.5
"""Standard deviation of what every layer gives, and so of the picture: that of a real one."""


class PictureOnly(nn.Module):
    """The inputs to the picture alone, as the ONNX does it."""

    def __init__(self, generator: Network) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, face: Tensor, *patches: Tensor) -> Tensor:
        picture: Tensor = self.generator(face, patches).image
        return picture


@dataclass(slots=True)
class BenchmarkNetwork:
    """One preset's network, the faces it is given, and its ONNX once somebody asks for it."""

    preset: str
    generator: Network
    folder: Path
    """Where its ONNX files go."""
    _written: dict[Form, Path] = field(default_factory=dict)

    def network(self) -> PictureOnly:
        """A copy in evaluation mode, as training leaves it: batch norms are not folded."""
        return PictureOnly(copy.deepcopy(self.generator)).eval()

    def faces(self, batch: int) -> Inputs:
        """The first `batch` parity faces, from the beginning again after the last."""
        inputs = load_parity_faces(
            FACES, TEMPLATES[self.generator.spec.template], self.generator.inputs
        )
        count = len(inputs["face"])
        return {name: values[np.arange(batch) % count] for name, values in inputs.items()}

    def onnx(self, form: Form = "fp32") -> Path:
        """The exported graph with a sidecar, as the SDK takes it; one that is there stays.

        Raises:
            BenchmarkError: what exports is not installed.
            ExportError: the network has no such form.
            ModelError: what is there is damaged.
        """
        if form not in self._written:
            path = self.folder / f"{self.preset}-{form}.onnx"
            try:
                if path.is_file():
                    load_model(path)
                elif form == "fp32":
                    _export(self.generator, path)
                else:
                    _convert(self.onnx(), form, path)
            except ImportError as error:
                raise BenchmarkError(
                    f"no ONNX without {error.name}: pip install '.[export]'"
                ) from None
            self._written[form] = path
        return self._written[form]


def make_benchmark_network(
    preset: str, folder: Path, checkpoint: Path | None = None
) -> BenchmarkNetwork:
    """A preset with the weights of a checkpoint, or with random ones that make a lively picture.

    Raises:
        BenchmarkError: no such preset, or a checkpoint of another one.
        TrainingError: no checkpoint there.
    """
    if preset not in PRESETS:
        raise BenchmarkError(f"no preset {preset!r}; known: {', '.join(PRESETS)}")
    if checkpoint is None:
        torch.manual_seed(SEED)
        subject = BenchmarkNetwork(preset, build(PRESETS[preset]).eval(), folder)
        scale_activations(subject.generator, subject.faces(1))
        return subject
    from train.training.checkpoint import load_generator

    generator, state = load_generator(checkpoint)
    if state.preset != preset:
        raise BenchmarkError(f"{checkpoint} is of preset {state.preset!r}; expected {preset!r}")
    return BenchmarkNetwork(preset, generator, folder)


def scale_activations(generator: Network, inputs: Inputs) -> None:
    """Scales a fresh network, layer by layer, until each gives values of the spread `SPREAD`.

    Fresh weights make an almost flat picture, and on that all runtimes agree.
    """

    def scale(module: nn.Module, _: Any, output: Tensor) -> Tensor:
        factor = SPREAD / float(output.std())
        for parameter in module.parameters():
            parameter.mul_(factor)
        return output * factor

    # All of them multiply their output when their weights and biases are multiplied.
    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, Grow)
    hooks = [m.register_forward_hook(scale) for m in generator.modules() if isinstance(m, kinds)]
    face, *patches = (torch.from_numpy(values) for values in inputs.values())
    with torch.no_grad():
        generator(face, patches)
    for hook in hooks:
        hook.remove()


def _export(generator: Network, path: Path) -> None:
    from export.graphs.torch_graph import OPSET, fold_batch_norm, to_graph
    from export.to_onnx import write_model

    total = cost(generator.spec, classes=0)
    info = ModelInfo(
        name=path.stem,
        preset=generator.spec.name,
        template=generator.spec.template,
        sha256="",
        precision="fp32",
        opset=OPSET,
        inputs=generator.inputs,
        outputs=generator.outputs,
        parameters=total.parameters,
        flops=total.flops,
    )
    write_model(to_graph(fold_batch_norm(generator)), info, path)


def _convert(source: Path, form: Form, path: Path) -> None:
    import onnx

    from export.graphs.padding import pad_channels
    from export.graphs.winograd import tile_convolutions
    from export.precisions.half import compute_fp16
    from export.to_onnx import write_model

    graph, info = onnx.load(source), load_model(source).info
    if form == "padded":
        write_model(pad_channels(graph), info, path)
    elif form == "winograd":
        write_model(tile_convolutions(graph), info, path)
    else:
        write_model(compute_fp16(graph), replace(info, precision=form), path)


def as_tensors(inputs: Inputs) -> list[Tensor]:
    """The inputs in the network's order, without a copy."""
    return [torch.from_numpy(values) for values in inputs.values()]
