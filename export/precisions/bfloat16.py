"""BF16 inside, float32 at the edges: the ONNX of a BF16 engine. No torch needed.

ONNX Runtime's CPU provider has no BF16 convolution, and ONNX itself none before opset 22, which
TensorRT 10.3 does not read: the graph is for TensorRT's parsers alone, which take it. What BF16
does to the pictures is measured on a FP32 graph that rounds where the BF16 graph would.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

_FLOAT_INPUTS = {"Resize": (0,), "Pad": (0, 2)}
"""Operators that take float32 beside the pictures (scales), and which inputs are pictures."""


def compute_bf16(plain: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose nodes compute in BF16; its inputs and outputs stay float32."""
    result = _copy(plain)
    graph = result.graph
    pictures = set(_pictures(plain))
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name in pictures:
            bits = to_bf16(numpy_helper.to_array(tensor))
            made = helper.make_tensor(
                tensor.name, TensorProto.BFLOAT16, tensor.dims, bits.tobytes(), raw=True
            )
            tensor.CopyFrom(made)
    inner = {value.name: f"{value.name}_bf16" for value in (*graph.input, *graph.output)}
    nodes = [_cast(v.name, inner[v.name], TensorProto.BFLOAT16) for v in graph.input]
    for node in graph.node:
        node.input[:] = [inner.get(name, name) for name in node.input]
        node.output[:] = [inner.get(name, name) for name in node.output]
        nodes += _in_fp32(node) if node.op_type == "ConvTranspose" else [node]
    nodes += [_cast(inner[v.name], v.name, TensorProto.FLOAT) for v in graph.output]
    _replace_nodes(graph, nodes)
    del graph.value_info[:]  # their types were float32
    return result


def round_as_bf16(plain: onnx.ModelProto) -> onnx.ModelProto:
    """A FP32 graph with weights, inputs and the result of every node rounded to BF16.

    It says what BF16 costs on a machine that cannot compute in it; sums inside a node stay FP32,
    as they do on a GPU.
    """
    result = _copy(plain)
    graph = result.graph
    pictures = set(_pictures(plain))
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name in pictures:
            values = from_bf16(to_bf16(numpy_helper.to_array(tensor)))
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    outputs = {value.name for value in graph.output}
    renamed = {value.name: f"{value.name}_rounded" for value in graph.input}
    nodes = [step for name in renamed for step in _rounding(name, renamed[name])]
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        nodes.append(node)
        for index, name in enumerate(node.output):
            if name in pictures and name not in outputs:
                node.output[index] = f"{name}_exact"
                nodes += _rounding(node.output[index], name)
    _replace_nodes(graph, nodes)
    del graph.value_info[:]
    return result


def to_bf16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """The nearest BF16 numbers' bits, ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """The float32 numbers of BF16 bits."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _pictures(model: onnx.ModelProto) -> Iterator[str]:
    """Names of the float32 tensors that are computed with: no shapes, no scales."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        kinds[value.name] = value.type.tensor_type.elem_type
    for node in graph.node:
        wanted = _FLOAT_INPUTS.get(node.op_type, range(len(node.input)))
        inputs = [name for index, name in enumerate(node.input) if index in wanted]
        yield from (n for n in (*inputs, *node.output) if kinds.get(n) == TensorProto.FLOAT)


def _copy(model: onnx.ModelProto) -> onnx.ModelProto:
    result = onnx.ModelProto()
    result.CopyFrom(model)
    return result


def _in_fp32(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """TensorRT-RTX 1.7 has no transposed convolution in BF16."""
    (result,) = node.output
    inputs = [f"{name}_for_{result}" for name in node.input]
    before = [
        _cast(source, target, TensorProto.FLOAT)
        for source, target in zip(node.input, inputs, strict=True)
    ]
    node.input[:] = inputs
    node.output[0] = f"{result}_fp32"
    return [*before, node, _cast(node.output[0], result, TensorProto.BFLOAT16)]


def _cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], to=kind)


def _rounding(source: str, target: str) -> list[onnx.NodeProto]:
    half = f"{target}_as_bf16"
    return [_cast(source, half, TensorProto.BFLOAT16), _cast(half, target, TensorProto.FLOAT)]


def _replace_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    kept = [_copied(node) for node in nodes]
    del graph.node[:]
    graph.node.extend(kept)


def _copied(node: onnx.NodeProto) -> onnx.NodeProto:
    made = onnx.NodeProto()
    made.CopyFrom(node)
    return made
