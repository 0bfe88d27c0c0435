"""What a network costs: operations, weights and traffic of an ONNX, kernel by kernel.

What a good runtime never runs by itself is counted with the kernel that does its work: an operator
on single values joins the kernel before it, and one that only moves values (padding, joining,
slicing, resizing, pooling) is done while the next kernel reads. So the traffic is the least that
passes memory when the result of every kernel does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from ..errors import BenchmarkError

MULTIPLYING: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
POINTWISE: Final = frozenset(
    {
        *("Abs", "Add", "Clip", "Div", "LeakyRelu", "Log", "Max", "Min"),
        *("Mul", "PRelu", "ReduceMean", "Relu", "Sigmoid", "Softmax", "Sub", "Tanh"),
    }
)
MOVING: Final = frozenset(
    {
        *("AveragePool", "Cast", "Concat", "DequantizeLinear", "Expand", "Flatten", "Gather"),
        *("GridSample", "Identity", "Pad", "QuantizeLinear", "Reshape", "Resize", "Slice", "Split"),
        *("Squeeze", "Transpose", "Unsqueeze"),
    }
)


@dataclass(slots=True)
class Kernel:
    """One launch of a runtime that fuses all it can. Values, not bytes: times the type's size."""

    name: str
    operators: list[str]
    flops: int
    """2 per multiply-add of convolutions, transposed convolutions and matrix products."""
    weights: int
    read: int
    """Of activations."""
    written: int

    @property
    def moved(self) -> int:
        """Values that pass memory."""
        return self.weights + self.read + self.written


@dataclass(frozen=True, slots=True)
class GraphCost:
    """A network for one batch."""

    batch: int
    kernels: tuple[Kernel, ...]
    parameters: int
    """Values of the weights, each counted once."""
    inputs: int
    """Values of all inputs."""
    outputs: int

    @property
    def flops(self) -> int:
        """2 per multiply-add."""
        return sum(kernel.flops for kernel in self.kernels)

    @property
    def moved(self) -> int:
        """Values that pass memory when the result of every kernel does."""
        return sum(kernel.moved for kernel in self.kernels)

    @property
    def least_moved(self) -> int:
        """Values that pass memory when caches hold every activation."""
        return self.parameters + self.inputs + self.outputs


def count(model: str | Path | onnx.ModelProto, batch: int = 1) -> GraphCost:
    """Counts an ONNX whose inputs have no free axis but the first.

    Raises:
        BenchmarkError: the file cannot be read, a shape stays unknown, or an operator is none of
            those that the SDK's networks are made of.
    """
    graph = _with_shapes(model, batch)
    counter = _Counter(graph, _shapes(graph))
    for node in graph.node:
        counter.add(node)
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value.name for value in graph.input if value.name not in constants]
    return GraphCost(
        batch,
        tuple(counter.kernels),
        parameters=sum(map(counter.size, counter.weights)),
        inputs=sum(map(counter.size, inputs)),
        outputs=sum(counter.size(value.name) for value in graph.output),
    )


@dataclass(slots=True)
class _Counter:
    graph: onnx.GraphProto
    shapes: dict[str, tuple[int, ...]]
    kernels: list[Kernel] = field(default_factory=list)
    weights: set[str] = field(default_factory=set)
    """Constants that kernels read."""
    constants: set[str] = field(init=False)
    """Tensors that do not depend on the inputs' values."""
    users: dict[str, int] = field(init=False)
    writers: dict[str, Kernel] = field(default_factory=dict)
    """The kernel whose result a tensor is."""
    moved: dict[str, list[str]] = field(default_factory=dict)
    """What a tensor is read from that no kernel has written."""

    def __post_init__(self) -> None:
        self.constants = {tensor.name for tensor in self.graph.initializer}
        used = [name for node in self.graph.node for name in node.input]
        used += [value.name for value in self.graph.output]
        self.users = {name: used.count(name) for name in used}

    def add(self, node: onnx.NodeProto) -> None:
        """Counts a node; those before it are counted already."""
        names = [name for name in node.input if name]
        active = [name for name in names if name not in self.constants]
        if not active or node.op_type == "Shape":
            self.constants.update(node.output)
        elif node.op_type in MOVING:
            for output in node.output:
                self.moved[output] = active
        elif node.op_type in MULTIPLYING | POINTWISE:
            weights = [name for name in names if name in self.constants]
            self._compute(node, active, weights)
            self.weights.update(weights)
        else:
            raise BenchmarkError(
                f"node {node.name!r} is a {node.op_type}, whose cost is not known; expected a "
                "network of the SDK: add the operator to benchmarks/inference/graph.py"
            )

    def _compute(self, node: onnx.NodeProto, active: list[str], weights: list[str]) -> None:
        output = node.output[0]
        read = sum(map(self._read, active))
        host = self._host(active) if node.op_type in POINTWISE else None
        if host is None:
            kernel = Kernel(node.name or output, [], 0, 0, 0, 0)
            self.kernels.append(kernel)
        else:  # what the kernel has just computed needs no memory in between
            kernel = self.writers[host]
            read -= self.size(host)
        kernel.operators.append(node.op_type)
        kernel.flops += self._flops(node)
        kernel.weights += sum(map(self.size, weights))
        kernel.read += read
        kernel.written = self.size(output)
        self.writers[output] = kernel

    def _host(self, active: list[str]) -> str | None:
        """The operand, the latest written, whose kernel can do a pointwise operator as well."""
        hosts = [name for name in active if name in self.writers and self.users[name] == 1]
        return max(hosts, key=lambda name: self.kernels.index(self.writers[name]), default=None)

    def _read(self, name: str) -> int:
        """Values that a kernel reads for one operand: of a moved one those that it came from."""
        size = self.size(name)
        return min(size, sum(map(self._read, self.moved[name]))) if name in self.moved else size

    def size(self, name: str) -> int:
        """Values of a tensor."""
        return math.prod(self._shape(name))

    def _shape(self, name: str) -> tuple[int, ...]:
        if name not in self.shapes:
            raise BenchmarkError(
                f"the shape of {name!r} cannot be inferred; expected a network whose inputs have "
                "no free axis but the batch"
            )
        return self.shapes[name]

    def _flops(self, node: onnx.NodeProto) -> int:
        if node.op_type not in MULTIPLYING:
            return 0
        first, second, output = node.input[0], node.input[1], node.output[0]
        if node.op_type == "Conv":  # weights: outputs, inputs of a group, kernel
            return 2 * self.size(output) * math.prod(self._shape(second)[1:])
        if node.op_type == "ConvTranspose":  # inputs, outputs of a group, kernel
            return 2 * self.size(first) * math.prod(self._shape(second)[1:])
        transposed = any(entry.name == "transA" and entry.i for entry in node.attribute)
        return 2 * self.size(output) * self._shape(first)[0 if transposed else -1]


def _with_shapes(model: str | Path | onnx.ModelProto, batch: int) -> onnx.GraphProto:
    try:
        loaded = model if isinstance(model, onnx.ModelProto) else onnx.load(model)
    except Exception as error:  # protobuf's own errors and OSError have no common base
        raise BenchmarkError(
            f"{model} cannot be read as ONNX ({error}); expected what `tpgan export` writes"
        ) from None
    fixed = onnx.ModelProto()
    fixed.CopyFrom(loaded)
    # What was inferred for a free batch would stay.
    del fixed.graph.value_info[:]
    for value in fixed.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = batch
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    _fold_sizes(fixed.graph)
    return shape_inference.infer_shapes(fixed).graph


def _fold_sizes(graph: onnx.GraphProto) -> None:
    """Makes constants of what is computed from the inputs' shapes: no inference goes that far."""
    shapes = _shapes(graph)
    whole = [tensor for tensor in graph.initializer if tensor.data_type == TensorProto.INT64]
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in whole}
    for node in list(graph.node):
        feeds = {name: known[name] for name in node.input if name in known}
        if node.op_type == "Shape" and node.input[0] in shapes:
            feeds = {node.input[0]: np.broadcast_to(np.int8(0), shapes[node.input[0]])}
        if node.input and len(feeds) == len(set(node.input)):
            found = dict(zip(node.output, ReferenceEvaluator(node).run(None, feeds), strict=True))
            known |= found
            graph.initializer.extend(numpy_helper.from_array(v, n) for n, v in found.items())
            graph.node.remove(node)


def _shapes(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        axes = value.type.tensor_type.shape.dim
        known = value.type.tensor_type.HasField("shape")
        if known and all(axis.HasField("dim_value") for axis in axes):
            shapes[value.name] = tuple(axis.dim_value for axis in axes)
    return shapes
