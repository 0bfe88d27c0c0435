"""Operations and traffic of graphs whose figures are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="graphs are ONNX")

from onnx import ModelProto, TensorProto, helper, numpy_helper

from benchmarks.errors import BenchmarkError
from benchmarks.inference.graph import count
from tpgan_sdk.models.model import resolve_model

from ...export.small_model import small_graph


def model(nodes: list[Any], weights: dict[str, tuple[int, ...]], output: str) -> ModelProto:
    """Input `x`, (N, 4, 8, 8)."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4, 8, 8])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ones(s, np.float32), name) for name, s in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def conv(source: str, weights: str, output: str) -> Any:
    return helper.make_node("Conv", [source, weights], [output], output, pads=[1, 1, 1, 1])


def test_the_small_network() -> None:
    cost = count(small_graph())
    first, middle, last = 2 * 16 * 64 * 64 * 27, 2 * 16 * 64 * 64 * 144, 2 * 3 * 128 * 128 * 144
    assert [kernel.flops for kernel in cost.kernels] == [first, middle, middle, middle, last]
    assert cost.flops == first + 3 * middle + last
    assert cost.parameters == 432 + 16 + 2304 + 16 + 432  # three layers share w3 and b3
    assert cost.kernels[0].operators == ["Conv", "LeakyRelu"]
    enlarged = cost.kernels[-1]  # reads what the Resize reads, not what it would write
    assert (enlarged.read, enlarged.written, enlarged.weights) == (16 * 64 * 64, 3 * 128 * 128, 432)


def test_batches_scale_the_activations_alone() -> None:
    one, three = count(small_graph(), 1), count(small_graph(), 3)
    assert three.flops == 3 * one.flops
    assert three.parameters == one.parameters
    assert three.moved - one.moved == 2 * sum(k.read + k.written for k in one.kernels)
    assert three.least_moved == one.parameters + 3 * (one.inputs + one.outputs)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_packaged_network(batch: int) -> None:
    """Against what torch counted when it was exported; shapes are computed in the graph here."""
    found = resolve_model("edge")
    assert count(found.path, batch).flops == batch * found.info.flops


def test_the_sum_of_a_residual_block_is_read_once() -> None:
    nodes = [
        conv("x", "w", "a"),
        conv("a", "w", "b"),
        helper.make_node("Add", ["b", "a"], ["c"]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    first, second = count(model(nodes, {"w": (4, 4, 3, 3)}, "y")).kernels
    assert (first.operators, first.read) == (["Conv"], 256)
    assert (second.operators, second.read) == (["Conv", "Add", "Relu"], 2 * 256)
    assert (second.written, second.weights) == (256, 144)


def test_what_moves_is_read_where_it_came_from() -> None:
    """Two joined halves, of which one is padded, and then a part of it all."""
    nodes = [
        conv("x", "w", "a"),
        helper.make_node("Concat", ["x", "a"], ["both"], axis=1),
        helper.make_node("Slice", ["both", "from", "to", "axis"], ["part"]),
        conv("part", "wide", "y"),
    ]
    graph = model(nodes, {"w": (4, 4, 3, 3), "wide": (2, 8, 3, 3)}, "y")
    bounds = {"from": [0], "to": [2], "axis": [2]}
    graph.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(values, np.int64), name)
        for name, values in bounds.items()
    )
    assert count(graph).kernels[-1].read == 8 * 2 * 8  # 2 of 8 rows of 8 channels


def test_transposed_and_grouped_convolutions_and_products() -> None:
    up = helper.make_node("ConvTranspose", ["x", "u"], ["y"], "up", strides=[2, 2])
    assert count(model([up], {"u": (4, 6, 3, 3)}, "y")).flops == 2 * 4 * 8 * 8 * 6 * 9
    grouped = helper.make_node("Conv", ["x", "g"], ["y"], "grouped", group=2)
    assert count(model([grouped], {"g": (6, 2, 1, 1)}, "y")).flops == 2 * 6 * 8 * 8 * 2
    flat = helper.make_node("Flatten", ["x"], ["f"])
    full = helper.make_node("Gemm", ["f", "m"], ["y"], "full", transB=1)
    assert count(model([flat, full], {"m": (10, 256)}, "y"), 5).flops == 2 * 5 * 256 * 10
    product = helper.make_node("MatMul", ["x", "p"], ["y"], "product")
    assert count(model([product], {"p": (8, 7)}, "y")).flops == 2 * 4 * 8 * 7 * 8


@pytest.mark.parametrize("preset", ["paper", "edge-drawn"])
def test_both_networks_as_they_are_exported(preset: str) -> None:
    """Narrow ones: the operators are those of the full width."""
    pytest.importorskip("onnxscript")
    from export.graphs.torch_graph import fold_batch_norm, to_graph
    from train.networks import Generator
    from train.networks.measure import cost
    from train.networks.spec import PRESETS

    spec = replace(PRESETS[preset], width=0.125)
    found = count(to_graph(fold_batch_norm(Generator(spec).eval())))
    expected = cost(spec, classes=0)
    assert found.flops == expected.flops


def test_an_unknown_operator() -> None:
    with pytest.raises(BenchmarkError, match="'s' is a Hardmax, whose cost is not known"):
        count(model([helper.make_node("Hardmax", ["x"], ["y"], "s")], {}, "y"))


def test_no_onnx(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("this is no graph")
    for name in ("text.onnx", "absent.onnx"):
        with pytest.raises(BenchmarkError, match=r"cannot be read as ONNX .* `tpgan export`"):
            count(tmp_path / name)
