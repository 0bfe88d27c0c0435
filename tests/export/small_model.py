"""A network of five convolutions with the SDK's inputs and output, made in a moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tpgan_sdk.models.inputs import INPUT_SHAPES
from tpgan_sdk.models.model import ModelInfo, sha256_of, write_sidecar


def small_graph() -> onnx.ModelProto:
    """A convolution that halves the picture, a leaky rectifier, three of the same weights, a
    Resize that doubles it, a last one and a Tanh."""
    rng = np.random.default_rng(3)
    first = rng.normal(0, 0.2, (16, 3, 3, 3)).astype(np.float32)
    second = rng.normal(0, 0.05, (3, 16, 3, 3)).astype(np.float32)
    first[0] *= 4  # channels of different size: what scales by channel are for
    weights = {"w1": first, "b1": rng.normal(0, 0.1, 16).astype(np.float32), "w2": second}
    weights["w3"] = rng.normal(0, 0.1, (16, 16, 3, 3)).astype(np.float32)
    weights["b3"] = rng.normal(0, 0.1, 16).astype(np.float32)
    weights["scales"] = np.asarray([1, 1, 2, 2], np.float32)
    same: Any = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["face", "w1", "b1"], ["a"], "first", strides=[2, 2], **same),
        helper.make_node("LeakyRelu", ["a"], ["b"], "leaky", alpha=0.2),
        helper.make_node("Conv", ["b", "w3", "b3"], ["e"], "middle", **same),
        helper.make_node("LeakyRelu", ["e"], ["h"], "leaky_2", alpha=0.2),
        helper.make_node("Conv", ["h", "w3", "b3"], ["f"], "middle_2", **same),
        helper.make_node("LeakyRelu", ["f"], ["i"], "leaky_3", alpha=0.2),
        helper.make_node("Conv", ["i", "w3", "b3"], ["g"], "middle_3", **same),
        helper.make_node("Resize", ["g", "", "scales"], ["c"], "resize", mode="linear"),
        helper.make_node("Conv", ["c", "w2"], ["d"], "second", **same),
        helper.make_node("Tanh", ["d"], ["frontal"], "tanh"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])
            for name, shape in INPUT_SHAPES.items()
        ],
        [helper.make_tensor_value_info("frontal", TensorProto.FLOAT, ["batch", 3, 128, 128])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9)


def write_small_model(folder: Path) -> Path:
    """The graph with its sidecar."""
    path = folder / "small.onnx"
    onnx.save(small_graph(), path)
    write_sidecar(path, ModelInfo("small", "edge", "official", sha256_of(path), "fp32", 18))
    return path
