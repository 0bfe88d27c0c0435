"""Channel counts that runtimes like: convolutions and joins widened by channels of zeros.

ONNX Runtime's blocked convolutions take inputs whose channels are a multiple of 4, tensor cores
multiples of 8; joins of features with pictures of 3 channels have odd counts. The network's inputs,
its output and its numbers stay what they are: weights that would read an added channel are zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, shape_inference

from .rewriting import read_constants, replace_nodes, with_inferred_shapes

MULTIPLE: Final = 8
"""What tensor cores take. On a CPU ONNX Runtime fills its blocks of 16 up from it."""
_BY_ELEMENT: Final = ("Add", "Max", "Mul")
_BY_CHANNEL: Final = ("LeakyRelu", "Relu", "Tanh", "AveragePool")


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a tensor's channels lie in its wider form."""

    places: tuple[int, ...]
    width: int


def pad_channels(model: onnx.ModelProto, multiple: int = MULTIPLE) -> onnx.ModelProto:
    """A copy whose inner tensors have channels in multiples of `multiple`, where convolutions make
    or joins hold them. The weights must be FP32 initializers, read without a Cast."""
    result = shape_inference.infer_shapes(model)
    _Padder(result.graph, multiple).apply()
    return with_inferred_shapes(result)


class _Padder:
    """Tensors that operators pass on channel by channel form a group, which has one layout."""

    def __init__(self, graph: onnx.GraphProto, multiple: int) -> None:
        self.graph, self.multiple = graph, multiple
        self.constants = read_constants(graph)
        self.channels = {
            v.name: v.type.tensor_type.shape.dim[1].dim_value
            for v in (*graph.value_info, *graph.input, *graph.output)
            if len(v.type.tensor_type.shape.dim) == 4
        }
        self.above: dict[str, str] = {}
        fixed = {v.name for v in (*graph.input, *graph.output)}
        for node in graph.node:
            fixed |= self._collect(node)
        self.fixed = {self._group(name) for name in fixed}
        self.joins: dict[str, onnx.NodeProto] = {}
        for node in filter(self._is_join, graph.node):
            group = self._group(node.output[0])
            if group in self.joins:
                self.fixed.add(group)  # two joins, whose channels may lie differently
            self.joins[group] = node
        # Later ones first: what is joined into a fixed tensor is fixed itself.
        for node in filter(self._is_join, reversed(graph.node)):
            if self._group(node.output[0]) in self.fixed:
                self.fixed |= {self._group(name) for name in node.input}
        self.layouts: dict[str, _Layout] = {}
        for name in self.channels:
            self._layout(name)

    def apply(self) -> None:
        """Widens the graph in place."""
        nodes: list[onnx.NodeProto] = []
        for node in self.graph.node:
            if self._is_dense(node):
                self._widen(node)
            elif self._is_join(node):
                nodes += self._fill(node)
            nodes.append(node)
        replace_nodes(self.graph, nodes, self.constants)

    def _collect(self, node: onnx.NodeProto) -> set[str]:
        """Groups what a node passes on; returns the tensors whose channels must stay."""
        if self._is_dense(node) or self._is_join(node):
            return set()
        passed = self._passed(node)
        for name in passed:
            self.above[self._group(name)] = self._group(node.output[0])
        return set() if passed else {*node.input, *node.output}

    def _passed(self, node: onnx.NodeProto) -> list[str]:
        """The inputs whose channels are those of the output; none where that is not certain."""
        data = [name for name in node.input if name not in self.constants]
        counts = {self.channels.get(name) for name in (*data, node.output[0])}
        if node.op_type in _BY_ELEMENT:
            shapes = [self.constants[n].shape for n in node.input if n in self.constants]
            same = len(counts) == 1 and all(len(s) == 4 and s[1] == 1 for s in shapes)
            return data if same and None not in counts else []
        if node.op_type in _BY_CHANNEL or (
            node.op_type == "Concat" and _attribute(node, "axis") == 0
        ):
            return data
        return data[:1] if self._leaves_channels(node) else []

    def _leaves_channels(self, node: onnx.NodeProto) -> bool:
        """Whether a Pad, Resize or Slice works on other axes than that of the channels."""
        index = {"Pad": 1, "Resize": 2, "Slice": 3}.get(node.op_type, len(node.input))
        where = self.constants.get(node.input[index]) if index < len(node.input) else None
        if where is None:
            return False
        if node.op_type == "Slice":
            return not {1, -3} & set(where.tolist())
        if node.op_type == "Resize":
            return len(where) == 4 and bool(where[1] == 1)
        return len(node.input) < 4 and not where[[1, 5]].any()

    def _is_dense(self, node: onnx.NodeProto) -> bool:
        return (
            node.op_type in ("Conv", "ConvTranspose")
            and _attribute(node, "group", 1) == 1
            and all(name in self.constants for name in node.input[1:])
        )

    def _is_join(self, node: onnx.NodeProto) -> bool:
        return (
            node.op_type == "Concat"
            and _attribute(node, "axis") == 1
            and len(node.input) > 1
            and all(name in self.channels for name in node.input)
        )

    def _group(self, name: str) -> str:
        while (above := self.above.get(name, name)) != name:
            name = above
        return name

    def _layout(self, name: str) -> _Layout:
        group = self._group(name)
        if group not in self.layouts:
            channels = self.channels[name]
            if group in self.fixed:
                width = channels
            elif group in self.joins:
                return self.layouts.setdefault(group, self._joined(self.joins[group]))
            else:
                width = self._rounded(channels)
            self.layouts[group] = _Layout(tuple(range(channels)), width)
        return self.layouts[group]

    def _rounded(self, channels: int) -> int:
        return -(-channels // self.multiple) * self.multiple

    def _joined(self, node: onnx.NodeProto) -> _Layout:
        places: list[int] = []
        width = 0
        for name in node.input:
            part = self._layout(name)
            places += [width + place for place in part.places]
            width += self._rounded(part.width)
        return _Layout(tuple(places), width)

    def _fill(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """What comes into a join unpadded (a picture) is padded before it."""
        added = []
        for index, name in enumerate(node.input):
            width = self._layout(name).width
            if self._group(node.output[0]) in self.fixed or width == self._rounded(width):
                continue
            pads = np.asarray([0, 0, 0, 0, 0, self._rounded(width) - width, 0, 0], np.int64)
            self.constants[f"{name}_fill"] = pads
            wider = f"{name}_filled_for_{node.output[0]}"
            added.append(helper.make_node("Pad", [name, f"{name}_fill"], [wider], wider))
            node.input[index] = wider
        return added

    def _widen(self, node: onnx.NodeProto) -> None:
        """Gives a convolution zeros for every added channel of its input and output."""
        source, target = self._layout(node.input[0]), self._layout(node.output[0])
        ends = (target, source) if node.op_type == "Conv" else (source, target)
        layouts = [ends, (target,)]  # of the weight and, where there is one, of the bias
        for index, axes in zip(range(1, len(node.input)), layouts, strict=False):
            values = self.constants[node.input[index]]
            wide = tuple(layout.width for layout in axes)
            if wide != values.shape[: len(axes)]:
                # A weight that several convolutions share may be widened in several ways.
                node.input[index] = f"{node.input[index]}_for_{node.output[0]}"
                self.constants[node.input[index]] = _spread(values, axes)


def _spread(values: npt.NDArray[Any], axes: tuple[_Layout, ...]) -> npt.NDArray[Any]:
    wide = tuple(layout.width for layout in axes)
    result = np.zeros((*wide, *values.shape[len(axes) :]), values.dtype)
    result[np.ix_(*(layout.places for layout in axes))] = values
    return result


def _attribute(node: onnx.NodeProto, name: str, default: int | None = None) -> int | None:
    return next((a.i for a in node.attribute if a.name == name), default)
