"""BF16: the numbers, the graph for TensorRT, and the graph that stands in for it on a CPU."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto

from export.precisions.bfloat16 import compute_bf16, from_bf16, round_as_bf16, to_bf16
from export.precisions.half import convert, precision_of
from tpgan_sdk.backends import parity
from tpgan_sdk.errors import ExportError
from tpgan_sdk.models.inputs import INPUT_SHAPES

from ..small_model import small_graph


def test_the_nearest_numbers(rng: np.random.Generator) -> None:
    values = (rng.normal(0, 1, 5000) * 10.0 ** rng.integers(-20, 20, 5000)).astype(np.float32)
    ties = np.asarray([1 + 2**-8, 1 + 3 * 2**-8, -0.0, 0.0], np.float32)
    values = np.concatenate([values, ties])
    expected = values.astype(ml_dtypes.bfloat16)
    np.testing.assert_array_equal(to_bf16(values), expected.view(np.uint16))
    np.testing.assert_array_equal(from_bf16(to_bf16(values)), expected.astype(np.float32))


def test_inside_bf16_at_the_edges_float32() -> None:
    graph = convert(small_graph(), "bf16")
    assert precision_of(graph) == "bf16"
    kinds = {t.name: t.data_type for t in graph.graph.initializer}
    # Scales of a Resize are numbers about pictures, not pictures.
    assert kinds.pop("scales") == TensorProto.FLOAT
    assert set(kinds.values()) == {TensorProto.BFLOAT16}
    edges = (*graph.graph.input, *graph.graph.output)
    assert {e.type.tensor_type.elem_type for e in edges} == {TensorProto.FLOAT}
    assert len(edges) == 6
    onnx.checker.check_model(graph)


def test_only_float_becomes_bf16() -> None:
    with pytest.raises(ExportError, match="computes in BF16 and cannot become fp32"):
        convert(compute_bf16(small_graph()), "fp32")


def test_the_stand_in_rounds_every_tensor(rng: np.random.Generator) -> None:
    inputs = {
        name: rng.uniform(-1, 1, (2, *shape)).astype(np.float32)
        for name, shape in INPUT_SHAPES.items()
    }
    plain = small_graph()
    # A picture of the last tensor before the output: it must hold BF16 numbers alone.
    rounded = round_as_bf16(plain)
    rounded.graph.output[0].name = "d"
    made = parity.run_onnx(rounded.SerializeToString(), inputs)
    np.testing.assert_array_equal(made, from_bf16(to_bf16(made)))
    exact = parity.run_onnx(plain.SerializeToString(), inputs)
    found = parity.compare(exact, parity.run_onnx(round_as_bf16(plain).SerializeToString(), inputs))
    assert 0 < found.mean < 2**-7
