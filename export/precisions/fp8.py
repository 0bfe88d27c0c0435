"""FP8 (E4M3) as explicit QuantizeLinear and DequantizeLinear nodes around convolutions.

ONNX Runtime's own tool sets FP8 scales from standard deviations, and so cuts off large values; what
that costs stands in docs/quantization.md. Here the largest value of a calibrated range meets the
largest of E4M3.

ONNX Runtime fuses a convolution whose result is quantised at once, and then refuses FP8: expected
is an activation between any two, as in this SDK's networks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 19
"""The first whose QuantizeLinear makes FP8."""
OPERATORS: Final = ("Conv",)
"""What is quantised. ONNX Runtime moves FP8 past reshapes, which it cannot compute in FP8: the
matrix product and the transposed convolution of the code stay in float."""
_LARGEST: Final = 448.0
"""Of E4M3."""


def quantise_fp8(
    graph: onnx.ModelProto, largest: Mapping[str, float], kept: Collection[str]
) -> onnx.ModelProto:
    """A copy whose convolutions take FP8: their input by tensor, their weights by channel.

    Args:
        graph: FP32, of opset `OPSET` or later.
        largest: largest absolute value by the name of a tensor.
        kept: names of nodes that stay as they are.
    """
    result = onnx.ModelProto()
    result.CopyFrom(graph)
    weights = {t.name: t for t in result.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    done: set[str] = set()
    for node in result.graph.node:
        if node.op_type in OPERATORS and node.name not in kept:
            source, weight = node.input[0], node.input[1]
            node.input[0], node.input[1] = f"{source}_fp8", f"{weight}_fp8"
            if source not in done:
                scale = np.float32(largest[source] / _LARGEST or 1.0)
                nodes += _pair(result.graph, source, scale)
            if weight not in done:
                values = numpy_helper.to_array(weights[weight])
                nodes.append(_stored(result.graph, weight, values))
                result.graph.initializer.remove(weights[weight])
            done.update((source, weight))
        nodes.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del result.graph.node[:]
    result.graph.node.extend(copies)
    onnx.checker.check_model(result, full_check=True)
    return result


def _pair(graph: onnx.GraphProto, name: str, scale: np.float32) -> list[onnx.NodeProto]:
    """Quantised and back, with one scale."""
    zero = np.zeros((), ml_dtypes.float8_e4m3fn)
    extras = _constants(graph, name, np.asarray(scale), zero)
    return [
        helper.make_node("QuantizeLinear", [name, *extras], [f"{name}_q"], f"{name}_quantize"),
        helper.make_node(
            "DequantizeLinear", [f"{name}_q", *extras], [f"{name}_fp8"], f"{name}_dequantize"
        ),
    ]


def _stored(graph: onnx.GraphProto, name: str, values: npt.NDArray[np.float32]) -> onnx.NodeProto:
    """Weights in FP8, each output channel with its scale, and the node that gives them back."""
    largest = np.abs(values).reshape(len(values), -1).max(axis=1)
    scales = np.where(largest > 0, largest / _LARGEST, 1).astype(np.float32)
    column = scales.reshape(-1, *[1] * (values.ndim - 1))
    stored = np.clip(values / column, -_LARGEST, _LARGEST).astype(ml_dtypes.float8_e4m3fn)
    graph.initializer.append(_tensor(f"{name}_q", stored))
    extras = _constants(graph, name, scales, np.zeros(len(values), ml_dtypes.float8_e4m3fn))
    return helper.make_node(
        "DequantizeLinear", [f"{name}_q", *extras], [f"{name}_fp8"], f"{name}_dequantize", axis=0
    )


def _constants(
    graph: onnx.GraphProto, name: str, scale: npt.NDArray[np.float32], zero: npt.NDArray[np.generic]
) -> list[str]:
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
    graph.initializer.append(_tensor(f"{name}_zero", zero))
    return [f"{name}_scale", f"{name}_zero"]


def _tensor(name: str, values: npt.NDArray[np.generic]) -> onnx.TensorProto:
    data, kind = values.tobytes(), TensorProto.FLOAT8E4M3FN
    return helper.make_tensor(name, kind, values.shape, data, raw=True)
