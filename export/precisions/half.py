"""FP16: weights stored or computed in it, and the precision of an ONNX. No torch needed.

The package's model stores its weights as FP16 and casts them to FP32 at load: half the size at
FP32 speed, because ONNX Runtime folds the casts. The FP16-compute form for engines is made from
it: FP16 inside, float32 at the edges.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tpgan_sdk.errors import ExportError

from .bfloat16 import compute_bf16

Precision = Literal["fp32", "fp16-weights", "fp16", "bf16", "int8", "fp8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16-weights", "fp16", "bf16")
"""What `tpgan export` writes; `export.quantize` makes INT8 and FP8. OpenVINO and engines compute in
BF16, ONNX Runtime's CPU provider does not."""

_STORED = "_stored"
# Below this many elements a tensor is a bias or a shape: nothing to gain.
_SMALL = 256
_NARROW: dict[int, Precision] = {
    TensorProto.INT8: "int8",
    TensorProto.FLOAT8E4M3FN: "fp8",
    TensorProto.BFLOAT16: "bf16",
}


def _elements(tensor: onnx.TensorProto) -> int:
    return math.prod(tensor.dims)


def store_weights_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose large FP32 weights are FP16 behind a Cast to FP32.

    The weights must be FP16 numbers already (`torch_graph.round_weights`), so nothing changes.

    Raises:
        ExportError: a weight is no FP16 number.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    casts = []
    for tensor in result.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _SMALL:
            continue
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            raise ExportError(
                f"weight {tensor.name} is not exact in FP16; expected rounded weights "
                "(export from a checkpoint with --precision fp16-weights)"
            )
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, name + _STORED))
        casts.append(helper.make_node("Cast", [name + _STORED], [name], to=TensorProto.FLOAT))
    nodes = list(result.graph.node)
    del result.graph.node[:]
    result.graph.node.extend([*casts, *nodes])
    return result


def load_weights_fp32(model: onnx.ModelProto) -> onnx.ModelProto:
    """Undoes `store_weights_fp16`: plain FP32 initializers, no Cast."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    stored = {t.name: t for t in result.graph.initializer if t.data_type == TensorProto.FLOAT16}
    kept = []
    for node in result.graph.node:
        if node.op_type == "Cast" and node.input[0] in stored:
            tensor = stored[node.input[0]]
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, node.output[0]))
        else:
            kept.append(node)
    del result.graph.node[:]
    result.graph.node.extend(kept)
    return result


def compute_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """FP16 inside, float32 inputs and output, by ONNX Runtime's converter."""
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    plain = load_weights_fp32(model)
    converted: onnx.ModelProto = convert_float_to_float16(plain, keep_io_types=True)
    OnnxModel(converted).topological_sort()  # the converter appends its casts at the end
    onnx.checker.check_model(converted, full_check=True)
    return converted


def precision_of(model: onnx.ModelProto) -> Precision:
    """What a graph computes and stores its weights in, read from the graph itself."""
    stored = {t.data_type for t in model.graph.initializer if _elements(t) >= _SMALL}
    for kind, name in _NARROW.items():
        if kind in stored:
            return name
    half = {t.name for t in model.graph.initializer if t.data_type == TensorProto.FLOAT16}
    cast = {n.input[0] for n in model.graph.node if n.op_type == "Cast"}
    if not half:
        return "fp32"
    return "fp16-weights" if half <= cast else "fp16"


def convert(model: onnx.ModelProto, precision: Precision) -> onnx.ModelProto:
    """A graph in another precision.

    Raises:
        ExportError: from FP16 compute back to FP32, which would only look precise.
    """
    own = precision_of(model)
    if own == precision:
        return model
    if own not in ("fp32", "fp16-weights"):
        raise ExportError(
            f"the ONNX computes in {own.upper()} and cannot become {precision}; export it from the "
            "checkpoint, or convert the FP32 or fp16-weights form"
        )
    if precision in ("int8", "fp8"):
        raise ExportError(
            f"{precision} needs faces to calibrate on: python -m export.quantize --precision "
            f"{precision} --calibration DIR"
        )
    if precision == "bf16":
        return compute_bf16(load_weights_fp32(model))
    if precision == "fp16":
        return compute_fp16(model)
    if precision == "fp32":
        raise ExportError(
            "the ONNX holds weights rounded to FP16, and as fp32 would only look precise; export "
            "it from the checkpoint with --precision fp32"
        )
    return store_weights_fp16(model)
