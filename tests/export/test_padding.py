"""Widened channels: the same pictures from a graph whose inner tensors have round widths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, shape_inference

from export import to_onnx
from export.graphs.padding import pad_channels
from export.precisions.half import load_weights_fp32
from tpgan_sdk.models.model import load_model

Array = npt.NDArray[np.float32]
SAME: Any = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
DOUBLE: Any = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}


def graph(nodes: list[onnx.NodeProto], weights: dict[str, Any], size: int = 8) -> onnx.ModelProto:
    def value(name: str, side: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3, side, side])

    made = helper.make_graph(
        nodes,
        "padded",
        [value("x", 8)],
        [value("y", size)],
        [numpy_helper.from_array(np.asarray(w), name) for name, w in weights.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def weight(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).normal(0, 0.2, shape).astype(np.float32)


def run(model: onnx.ModelProto) -> Array:
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, 8, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    output: Array = session.run(None, {"x": x})[0]
    return output


def widths(model: onnx.ModelProto) -> dict[str, int]:
    """Channels of every tensor."""
    inferred = shape_inference.infer_shapes(model).graph
    values = (*inferred.value_info, *inferred.input, *inferred.output)
    return {v.name: v.type.tensor_type.shape.dim[1].dim_value for v in values}


def joined() -> onnx.ModelProto:
    """As in `paper`: a picture joined with 5 + 6 channels, a residual block over the 14, a
    transposed convolution."""
    weights = {
        "w1": weight(5, 3, 3, 3),
        "b1": weight(5),
        "w2": weight(6, 3, 3, 3),
        "w3": weight(14, 14, 3, 3),
        "b3": weight(14),
        "w4": weight(14, 3, 3, 3),
        "b4": weight(3),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["a"], **SAME),
        helper.make_node("Conv", ["x", "w2"], ["b"], **SAME),
        helper.make_node("LeakyRelu", ["b"], ["c"], alpha=0.1),
        helper.make_node("Concat", ["a", "x", "c"], ["d"], axis=1),
        helper.make_node("Conv", ["d", "w3", "b3"], ["e"], **SAME),
        helper.make_node("Relu", ["e"], ["f"]),
        helper.make_node("Conv", ["f", "w3", "b3"], ["g"], **SAME),
        helper.make_node("Add", ["d", "g"], ["h"]),
        helper.make_node(
            "ConvTranspose", ["h", "w4", "b4"], ["y"], output_padding=[1, 1], **DOUBLE
        ),
    ]
    return graph(nodes, weights, size=16)


def test_joins_residual_blocks_and_transposed_convolutions_keep_their_numbers() -> None:
    plain = joined()
    padded = pad_channels(plain, 8)
    found = widths(padded)
    assert [found[name] for name in "xabcdefghy"] == [3, 8, 8, 8, 24, 16, 16, 24, 24, 3]
    np.testing.assert_allclose(run(padded), run(plain), atol=1e-5)


def test_one_weight_of_several_convolutions_is_widened_for_each() -> None:
    """w3 reads d, where the 14 channels lie apart, and f, where they stand together."""
    shapes = {tuple(t.dims) for t in pad_channels(joined(), 8).graph.initializer if t.dims[1:]}
    assert {(16, 24, 3, 3), (24, 16, 3, 3)} <= shapes
    assert (14, 14, 3, 3) not in shapes


def test_a_multiple_of_one_and_a_second_pass_change_nothing() -> None:
    plain = joined()
    assert widths(pad_channels(plain, 1)) == widths(plain)
    once = pad_channels(plain, 8)
    assert pad_channels(once, 8).SerializeToString() == once.SerializeToString()


def test_what_reads_channels_otherwise_gets_them_as_they_were() -> None:
    """The mean over channels of 5, and a join whose channels a Reshape reads."""
    weights = {
        "w1": weight(5, 3, 3, 3),
        "axes": [1],
        "shape": [0, 8, 8, 8],
        "w2": weight(3, 8, 1, 1),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], **SAME),
        helper.make_node("ReduceMean", ["a", "axes"], ["m"]),
        helper.make_node("Conv", ["x", "w1"], ["b"], **SAME),
        helper.make_node("Concat", ["b", "x"], ["c"], axis=1),
        helper.make_node("Reshape", ["c", "shape"], ["d"]),
        helper.make_node("Add", ["d", "m"], ["e"]),
        helper.make_node("Conv", ["e", "w2"], ["y"], kernel_shape=[1, 1]),
    ]
    plain = graph(nodes, weights)
    padded = pad_channels(plain, 8)
    assert widths(padded) == widths(plain)
    np.testing.assert_array_equal(run(padded), run(plain))


def test_two_joins_that_are_added_stay_in_order() -> None:
    """5 + 3 and 3 + 5: their channels would lie differently."""
    weights = {"w1": weight(5, 3, 3, 3), "w2": weight(3, 8, 3, 3)}
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"], **SAME),
        helper.make_node("Concat", ["a", "x"], ["b"], axis=1),
        helper.make_node("Concat", ["x", "a"], ["c"], axis=1),
        helper.make_node("Add", ["b", "c"], ["d"]),
        helper.make_node("Conv", ["d", "w2"], ["y"], **SAME),
    ]
    plain = graph(nodes, weights)
    np.testing.assert_allclose(run(pad_channels(plain, 8)), run(plain), atol=1e-6)


def test_an_export_with_padding_equals_torch_and_says_so(
    checkpoint_dir: Path, tmp_path: Path
) -> None:
    output = tmp_path / "padded.onnx"
    arguments = ["--checkpoint", str(checkpoint_dir), "--output", str(output), "--channels", "16"]
    assert to_onnx.main(arguments) == 0
    figures = load_model(output).info.parity["onnx_vs_torch"]
    assert figures["channels_multiple_of"] == 16
    assert figures["max"] < 2e-4
    plain = load_weights_fp32(onnx.load(output)).graph
    read = {node.input[1] for node in plain.node if node.op_type == "Conv"}
    counts = {t.dims[1] for t in plain.initializer if t.name in read}
    assert {count for count in counts if count % 16} == {3}


@pytest.mark.parametrize("source", [["--checkpoint", "x"], ["--onnx", "x.onnx"]])
def test_a_useless_multiple_is_refused(
    source: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    count = "0" if source[0] == "--checkpoint" else "8"
    assert to_onnx.main([*source, "--output", "y.onnx", "--channels", count]) == 2
    assert f"--channels {count}; expected 1 or more" in capsys.readouterr().err
