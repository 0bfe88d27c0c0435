"""From a checkpoint, or from an ONNX of another precision, to an ONNX with measured parity."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx

from tpgan_sdk.backends import parity
from tpgan_sdk.errors import ExportError
from tpgan_sdk.geometry import TEMPLATES
from tpgan_sdk.models.model import ModelInfo, load_model, sha256_of, write_sidecar

from ..graphs.padding import pad_channels
from ..graphs.winograd import refuse_tiled, tile_convolutions
from .bfloat16 import round_as_bf16
from .half import Precision, convert, load_weights_fp32, precision_of

if TYPE_CHECKING:
    from train.networks import Network

MAX_DIFFERENCE = 1e-4 * 2
"""ONNX against torch with the same weights: 1e-4 of the range [-1, 1]."""
MAX_MEAN_LEVELS = 2.0
"""What another precision may change on average, in grey levels of 255."""
MIN_SPAN = 1.0
"""Half of the output's range: the parity of a flatter output proves little."""


def export_checkpoint(
    checkpoint: Path,
    output: Path,
    precision: Precision,
    faces: Path,
    name: str | None = None,
    channels: int = 1,
    winograd: bool = False,
) -> ModelInfo:
    """Writes `output` and its sidecar from a checkpoint's averaged weights.

    Args:
        channels: inner channel counts become multiples of it, see `export.graphs.padding`.
        winograd: large convolutions take fewer products, see `export.graphs.winograd`; FP32 only.

    Raises:
        ExportError: the graph differs from torch by more than `MAX_DIFFERENCE`, the precision
            costs more than `MAX_MEAN_LEVELS`, or `winograd` suits neither it nor the network;
            nothing is written then.
        TrainingError: no checkpoint there.
    """
    if winograd and precision != "fp32":
        raise ExportError(f"Winograd's convolutions are for fp32 only; {precision} was asked for")
    from train.networks.measure import cost
    from train.training.checkpoint import load_generator

    from ..graphs.torch_graph import OPSET, fold_batch_norm, round_weights, to_graph

    generator, state = load_generator(checkpoint)
    folded = fold_batch_norm(generator)
    stored = folded if precision in ("fp32", "bf16") else round_weights(folded)
    inputs = parity.load_parity_faces(faces, TEMPLATES[generator.spec.template], generator.inputs)
    graph = pad_channels(to_graph(stored), channels)
    if winograd:
        graph = tile_convolutions(graph)
    if precision == "fp16-weights":
        graph = convert(graph, precision)  # changes no number, so torch is still the measure
    against_torch = parity.compare(_run_torch(stored, inputs), _run(graph, inputs))
    if against_torch.max > MAX_DIFFERENCE:
        raise ExportError(
            f"ONNX and torch differ by {against_torch.max:.2e} at most on {against_torch.faces} "
            f"faces; the limit is {MAX_DIFFERENCE:.0e}; nothing was written"
        )
    if against_torch.span < MIN_SPAN:
        raise ExportError(
            f"the network's output spans {against_torch.span:.2f} of 2, less than half: parity "
            "would prove nothing, and no face looks like that; train it longer"
        )
    form = {"channels_multiple_of": channels, "winograd": winograd}
    compared = {**against_torch.figures(), **form}
    figures: dict[str, Any] = {"onnx_vs_torch": compared}
    if precision != "fp32":
        exact = _run_torch(generator, inputs)
        figures[f"{precision}_vs_fp32"] = _gate(exact, graph, inputs, precision).figures()
        graph = convert(graph, precision)
    total = cost(generator.spec, classes=0)
    info = ModelInfo(
        name=name or output.stem,
        preset=state.preset,
        template=generator.spec.template,
        sha256="",
        precision=precision,
        opset=OPSET,
        inputs=generator.inputs,
        outputs=generator.outputs,
        parameters=total.parameters,
        flops=total.flops,
        parity=figures,
        training={
            "step": state.step,
            "images": state.images,
            "minutes": round(state.minutes, 1),
            "config": state.config,
            "data": state.data,
            "losses": {k: round(v, 5) for k, v in state.losses.items()},
        },
    )
    return write_model(graph, info, output)


def convert_onnx(
    source: Path, output: Path, precision: Precision, faces: Path, name: str | None = None
) -> ModelInfo:
    """Writes another precision of an exported ONNX. Needs no torch.

    Raises:
        ModelError: `source` is not an ONNX of this SDK.
        ExportError: the precision cannot be made from it, or changes the pictures too much.
    """
    model = load_model(source)
    refuse_tiled(model, precision)
    graph = onnx.load(source)
    if precision_of(graph) == precision:
        raise ExportError(f"{source} is {precision} already; nothing to convert")
    inputs = parity.load_parity_faces(faces, model.template, model.inputs)
    converted = convert(graph, precision)
    found = _gate(_run(graph, inputs), graph, inputs, precision)
    key = f"{precision}_vs_{model.info.precision}"
    figures = {**model.info.parity, key: found.figures()}
    info = replace(model.info, name=name or output.stem, precision=precision, parity=figures)
    return write_model(converted, info, output)


def _gate(
    reference: Any, graph: onnx.ModelProto, inputs: parity.Inputs, precision: Precision
) -> parity.Parity:
    """What `precision` does to the pictures of `graph`, which is not yet in it."""
    # ONNX Runtime's CPU does not compute in BF16; a graph that rounds as BF16 does stands in.
    bf16 = precision == "bf16"
    made = round_as_bf16(load_weights_fp32(graph)) if bf16 else convert(graph, precision)
    found = parity.compare(reference, _run(made, inputs))
    if found.mean_levels > MAX_MEAN_LEVELS:
        raise ExportError(
            f"{precision} changes the pictures by {found.mean_levels:.2f} grey levels on average; "
            f"the limit is {MAX_MEAN_LEVELS}; nothing was written"
        )
    return found


def _run(graph: onnx.ModelProto, inputs: parity.Inputs) -> Any:
    return parity.run_onnx(graph.SerializeToString(), inputs)


def _run_torch(generator: Network, inputs: parity.Inputs) -> Any:
    import torch

    face, *patches = (torch.from_numpy(values) for values in inputs.values())
    with torch.inference_mode():
        return generator(face, patches).image.numpy()


def write_model(graph: onnx.ModelProto, info: ModelInfo, output: Path) -> ModelInfo:
    """Writes ONNX and sidecar; gives the sidecar's content, with the file's hash.

    Raises:
        ExportError: the file cannot be written.
    """
    fresh = output.with_suffix(".onnx.new")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(graph, fresh)
    except OSError as error:
        raise ExportError(f"cannot write {output}: {error.strerror}") from None
    info = replace(info, sha256=sha256_of(fresh))
    # The sidecar's hash makes a pair that was interrupted half-way unusable, never wrong.
    os.replace(fresh, output)
    write_sidecar(output, info)
    return info
