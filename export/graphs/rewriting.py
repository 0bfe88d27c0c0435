"""What rewriting a graph's layers begins and ends with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy.typing as npt
import onnx
from onnx import numpy_helper, shape_inference

Constants = Mapping[str, npt.NDArray[Any]]


def read_constants(graph: onnx.GraphProto) -> dict[str, npt.NDArray[Any]]:
    """The values of the initializers."""
    return {t.name: numpy_helper.to_array(t) for t in graph.initializer}


def replace_nodes(
    graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto], constants: Constants
) -> None:
    """Gives the graph other nodes, and of the constants those that they read."""
    nodes = list(nodes)
    used = {name for node in nodes for name in node.input}
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    for name, values in constants.items():
        if name in used:
            graph.initializer.append(numpy_helper.from_array(values, name))


def with_inferred_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The rewritten model, checked, with the shapes that its tensors have now."""
    del model.graph.value_info[:]
    result = shape_inference.infer_shapes(model)
    onnx.checker.check_model(result, full_check=True)
    return result
