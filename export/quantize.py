"""`python -m export.quantize`: INT8 and FP8 as explicit nodes of the ONNX, with measured parity.

Weights are symmetric by channel, activations by tensor. Each way to choose the ranges is tried,
with the first and last convolutions quantised and left in float, and for a CPU with all in float
that makes the picture of the last sum. What comes nearest to the FP32 pictures on some of the
calibration faces, which the ranges have not seen, is written, and measured on the parity faces;
all that was tried stands in the sidecar.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import onnx
from onnx import shape_inference, version_converter

from tpgan_sdk.backends import parity
from tpgan_sdk.errors import ExportError, TPGANError
from tpgan_sdk.models.model import ModelInfo, load_model

from .graphs.winograd import refuse_tiled
from .precisions import fp8
from .precisions.calibration import METHODS, calibration_faces, ranges
from .precisions.half import load_weights_fp32, precision_of
from .to_onnx import write_model

Target = Literal["all", "cpu"]
TARGETS: Final[tuple[Target, ...]] = ("all", "cpu")
PRECISIONS: Final = ("int8", "fp8")
MAX_MEAN_LEVELS: Final = 4.0
"""What a quantised network may change on average, in grey levels of 255: twice FP16's limit."""
CHOOSING: Final = 8
"""Each of so many calibration faces shows no ranges: the form is chosen on it."""
_WEIGHTED: Final = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# With what lies between the convolutions in integers as well, nothing returns to float.
_ON_CPU: Final = (*_WEIGHTED, "LeakyRelu", "Add", "Concat", "Resize")
# Pixels change their places, not their values.
_MOVING: Final = ("Concat", "Reshape", "Slice", "Transpose", "SpaceToDepth", "GridSample")
_GATHERING: Final = ("Add", "Concat", "Resize")


@dataclass(slots=True)
class Request:
    """What is asked for."""

    precision: str
    """"int8" or "fp8"."""
    target: Target = "all"
    """"all": symmetric, which TensorRT, TensorRT-RTX and ONNX Runtime take. "cpu": unsigned with
    zero points and integer biases, which only ONNX Runtime takes, fast."""
    methods: tuple[str, ...] = METHODS
    recogniser: Path | None = None
    tried: dict[str, Any] = field(default_factory=dict)
    """Gets the figures of everything that was tried, on the faces kept for the choice."""


def quantise(source: Path, output: Path, calibration: Path, request: Request) -> ModelInfo:
    """Writes the best quantised form of an exported ONNX, and its sidecar.

    Args:
        calibration: folder of at least `calibration.MIN_FACES` aligned faces, with landmarks.json.

    Raises:
        ModelError: `source` is not an ONNX of this SDK.
        ExportError: the calibration faces cannot be used, the source is no FP32 or has Winograd's
            tiles, or the best form changes the pictures by more than `MAX_MEAN_LEVELS`; nothing is
            written then.
    """
    if request.precision == "fp8" and request.target == "cpu":
        raise ExportError("no CPU computes in FP8; use --precision int8 for --target cpu")
    model = load_model(source)
    refuse_tiled(model, request.precision)
    own = precision_of(stored := onnx.load(source))
    if own not in ("fp32", "fp16-weights"):
        raise ExportError(f"{source} computes in {own}; expected the fp32 or fp16-weights form")
    graph = shape_inference.infer_shapes(load_weights_fp32(stored))
    if request.precision == "fp8":
        graph = version_converter.convert_version(graph, fp8.OPSET)
    faces = calibration_faces(calibration, model.template, shapes=model.inputs)
    key, made = _nearest(graph, faces, request)
    inputs = parity.load_parity_faces(parity.FACES, model.template, model.inputs)
    reference = parity.run_onnx(graph.SerializeToString(), inputs)
    pictures = parity.run_onnx(made.SerializeToString(), inputs)
    found = parity.compare(reference, pictures)
    if not found.mean_levels <= MAX_MEAN_LEVELS:
        raise ExportError(
            f"{request.precision} changes the pictures by {found.mean_levels:.2f} grey levels on "
            f"average ({key}); the limit is {MAX_MEAN_LEVELS}; nothing was written"
        )
    figures: dict[str, Any] = {**found.figures(), "ranges": key, "target": request.target}
    if request.recogniser is not None:
        from .precisions.identity import identity_cosine

        figures |= identity_cosine(reference, pictures, request.recogniser)
    named = f"{request.precision}_vs_{model.info.precision}"
    info = replace(
        model.info,
        name=output.stem,
        precision=request.precision,
        opset=made.opset_import[0].version,
        parity={**model.info.parity, named: {**figures, "tried": request.tried}},
    )
    return write_model(made, info, output)


def _nearest(
    graph: onnx.ModelProto, faces: parity.Inputs, request: Request
) -> tuple[str, onnx.ModelProto]:
    """Of all that is tried the nearest to `graph` on faces that the ranges have not seen."""
    judged = {name: values[::CHOOSING] for name, values in faces.items()}
    rest = np.arange(len(next(iter(faces.values())))) % CHOOSING != 0
    seen = {name: values[rest] for name, values in faces.items()}
    reference = parity.run_onnx(graph.SerializeToString(), judged)
    made: dict[str, onnx.ModelProto] = {}
    for method in request.methods:
        found = ranges(graph, seen, _operators(request), method, request.target == "all")
        for floats, kept in _in_float(graph, request.target).items():
            candidate = _insert(graph, found, kept, request)
            if precision_of(candidate) != request.precision:
                continue  # the ends are all there is
            pictures = parity.run_onnx(candidate.SerializeToString(), judged)
            figures = parity.compare(reference, pictures)
            name = f"{method}{floats}"
            request.tried[name] = {"psnr": figures.psnr, "mean_levels": figures.mean_levels}
            made[name] = candidate
    if not made:
        raise ExportError(f"no way to choose the ranges; expected some of {', '.join(METHODS)}")
    best = max(made, key=lambda name: request.tried[name]["psnr"])
    return best, made[best]


def _operators(request: Request) -> tuple[str, ...]:
    if request.precision == "fp8":
        return fp8.OPERATORS
    return _ON_CPU if request.target == "cpu" else _WEIGHTED


def _in_float(graph: onnx.ModelProto, target: Target) -> dict[str, tuple[str, ...]]:
    """Nodes to leave in float, by what the choice is called after the method."""
    ends = _ends(graph)
    choices = {"": (), ", ends in float": ends}
    if places := _places(graph):
        # A place that is off by half a pixel shows everywhere.
        choices[", ends and places in float"] = (*ends, *places)
    elif target == "cpu":
        # What is quantised where the picture is made shows most.
        choices[", ends and tail in float"] = (*ends, *_tail(graph))
    return choices


def _fetched_at(graph: onnx.ModelProto) -> set[str]:
    """Values that tell a GridSample its places."""
    return {i for n in graph.graph.node if n.op_type == "GridSample" for i in n.input[1:]}


def _places(graph: onnx.ModelProto) -> tuple[str, ...]:
    """All that decides at which places a GridSample fetches; of other networks nothing."""
    wanted = _fetched_at(graph)
    names = []
    for node in reversed(graph.graph.node):
        if set(node.output) & wanted:
            wanted |= set(node.input)
            names.append(node.name)
    return tuple(names)


def _tail(graph: onnx.ModelProto) -> tuple[str, ...]:
    """What makes the picture of the last sum (or join, or enlargement), and that node itself."""
    producers = {node.output[0]: node for node in graph.graph.node}
    names, node = [], producers[graph.graph.output[0].name]
    while True:
        names.append(node.name)
        before = producers.get(node.input[0]) if node.input else None
        if node.op_type in _GATHERING or before is None:
            return tuple(names)
        node = before


def _ends(graph: onnx.ModelProto) -> tuple[str, ...]:
    """What takes a picture or gives one, or a place: the first and the last products, and whatever
    is computed behind the last ones.

    A last product is one before a Tanh, an output of the network or a GridSample (which fetches at
    a place) with no other product between.
    """
    outputs = {value.name for value in graph.graph.output} | _fetched_at(graph)
    behind: set[str] = set()
    last: set[str] = set()
    for node in reversed(graph.graph.node):  # what takes a value comes after what makes it
        if node.op_type == "Tanh" or set(node.output) & (outputs | last):
            behind.add(node.name)
            if node.op_type not in _WEIGHTED:
                last |= set(node.input)
    pictures = {value.name for value in graph.graph.input}
    taking: set[str] = set()
    for node in graph.graph.node:
        if set(node.input) & pictures:
            if node.op_type in _WEIGHTED:
                taking.add(node.name)
            elif node.op_type in _MOVING:
                pictures |= set(node.output)
    return tuple(node.name for node in graph.graph.node if node.name in taking | behind)


def _insert(
    graph: onnx.ModelProto, found: Any, kept: Collection[str], request: Request
) -> onnx.ModelProto:
    if request.precision == "fp8":
        largest = {
            name: float(np.abs(np.asarray(values.range_value)).max())
            for name, values in found.items()
        }
        return fp8.quantise_fp8(graph, largest, kept)
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    cpu = request.target == "cpu"
    copied = onnx.ModelProto.FromString(graph.SerializeToString())  # it works in place
    quantizer = QDQQuantizer(
        copied,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8 if cpu else QuantType.QInt8,
        tensors_range=found,
        nodes_to_quantize=[],
        nodes_to_exclude=list(kept),
        op_types_to_quantize=list(_operators(request)),
        extra_options={
            "ActivationSymmetric": not cpu,
            "WeightSymmetric": True,
            # TensorRT takes neither integer biases nor zero points, and fuses a convolution with
            # what follows it only where nothing is quantised in between.
            "QuantizeBias": cpu,
            "OpTypesToExcludeOutputQuantization": [] if cpu else list(_WEIGHTED),
        },
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    result: onnx.ModelProto = quantizer.model.model
    onnx.checker.check_model(result)
    return result


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = argparse.ArgumentParser(prog="python -m export.quantize", description=__doc__)
    add = p.add_argument
    add("--onnx", type=Path, required=True, help="an exported ONNX, fp32 or fp16-weights")
    add("--calibration", type=Path, required=True, metavar="DIR", help="200 or more aligned faces")
    add("--precision", choices=PRECISIONS, default="int8")
    add("--target", choices=TARGETS, default="all", help="every runtime, or fast on a CPU")
    add("--method", choices=METHODS, action="append", help="ranges to try (default: all of them)")
    add("--recogniser", type=Path, help="weights of a recogniser: measures the identity too")
    add("--output", type=Path, required=True, help="the .onnx to write")
    return p


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 written, 1 refused, 2 bad usage."""
    args = parser().parse_args(argv)
    if args.output.suffix != ".onnx":
        print(f"quantize: --output {args.output} must end in .onnx", file=sys.stderr)
        return 2
    request = Request(args.precision, args.target, tuple(args.method or METHODS), args.recogniser)
    try:
        info = quantise(args.onnx, args.output, args.calibration, request)
    except TPGANError as error:
        print(f"quantize: {error}", file=sys.stderr)
        return 1
    print("on the faces kept for the choice:")
    for name, figures in request.tried.items():
        print(f"  {name}: {figures['psnr']:.2f} dB, {figures['mean_levels']:.2f} levels")
    chosen = next(value for key, value in info.parity.items() if key.startswith(args.precision))
    identity = f", identity {chosen['identity_mean']:.4f}" if "identity_mean" in chosen else ""
    print(f"{args.output}: {chosen['ranges']}; parity {chosen['psnr']:.2f} dB{identity}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
