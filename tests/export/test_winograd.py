"""Tiled convolutions: the same numbers from fewer products."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional as F

from benchmarks.inference.graph import count
from export import to_onnx
from export.graphs.winograd import tile_convolutions, transforms
from export.precisions.half import Precision
from export.quantize import Request, quantise
from tpgan_sdk.backends import parity
from tpgan_sdk.errors import ExportError
from tpgan_sdk.models.model import load_model, write_sidecar

from .small_model import write_small_model

Array = npt.NDArray[np.float32]
RNG = np.random.default_rng


def conv_graph(weight: Array, bias: Array | None, size: int, **attributes: Any) -> onnx.ModelProto:
    """One convolution of (batch, inputs, size, size)."""
    constants = {"w": weight} | ({} if bias is None else {"b": bias})
    inputs = weight.shape[1] * attributes.get("group", 1)
    made = helper.make_graph(
        [helper.make_node("Conv", ["x", *constants], ["y"], **attributes)],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", inputs, size, size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", len(weight), None, None])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def same(kernel: int) -> dict[str, Any]:
    return {"kernel_shape": [kernel] * 2, "pads": [kernel // 2] * 4}


def normal(*shape: int) -> Array:
    return RNG(sum(shape)).normal(0, 1, shape).astype(np.float32)


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_the_matrices_are_those_of_the_article() -> None:
    """F(2, 3), as its equations give it but for the order of the points and their scaling."""
    t = transforms(2, 3)
    kernel, data = RNG(0).integers(-9, 9, 3), RNG(1).integers(-9, 9, 4)
    g0, g1, g2 = kernel
    d0, d1, d2, d3 = data
    products = [(d0 - d2) * g0, (d1 + d2) * (g0 + g1 + g2) / 2, (d2 - d1) * (g0 - g1 + g2) / 2]
    products.append((d1 - d3) * g2)
    made = (t.kernel @ kernel) * (t.data @ data)
    np.testing.assert_allclose(np.abs(made), np.abs(products), rtol=1e-12)


@pytest.mark.parametrize(("results", "taps"), [(2, 3), (4, 3), (2, 5), (4, 5), (2, 7), (6, 3)])
def test_the_matrices_filter(results: int, taps: int) -> None:
    t = transforms(results, taps)
    kernel, data = RNG(0).normal(size=taps), RNG(1).normal(size=results + taps - 1)
    filtered = t.result @ ((t.kernel @ kernel) * (t.data @ data))
    np.testing.assert_allclose(filtered, np.correlate(data, kernel), atol=1e-11)


def test_more_points_than_there_are() -> None:
    with pytest.raises(ValueError, match=r"F\(4, 7\) takes 9 points; there are 7"):
        transforms(4, 7)


@pytest.mark.parametrize(("kernel", "size"), [(3, 32), (5, 48)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_tiled_convolution_equals_torch(kernel: int, size: int, bias: bool) -> None:
    weight, shift = normal(144, 136, kernel, kernel), normal(144) if bias else None
    model = tile_convolutions(conv_graph(weight, shift, size, **same(kernel)))
    assert "Conv" not in operators(model)
    assert operators(model).count("MatMul") == 3
    assert operators(model).count("Add") == bias
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for batch in (1, 3):  # the batch stays free
        x = normal(batch, 136, size, size)
        exact = F.conv2d(
            torch.from_numpy(x).double(),
            torch.from_numpy(weight).double(),
            None if shift is None else torch.from_numpy(shift).double(),
            padding="same",
        ).numpy()
        error = np.abs(session.run(None, {"x": x})[0] - exact) / exact.std()
        assert error.max() < 1e-4
        assert np.sqrt(np.square(error).mean()) < 1e-5


def test_it_takes_as_many_multiplications_as_it_says() -> None:
    """F(4 x 4, 5 x 5): 64 products for 16 results of 25 taps, and the transforms."""
    plain = conv_graph(normal(160, 128, 5, 5), None, 32, **same(5))
    found = count(tile_convolutions(plain))
    tiles = 8 * 8
    data, pairs, back = 64 * 64 * 128, 64 * 128 * 160, 16 * 64 * 160
    assert [kernel.flops for kernel in found.kernels] == [
        2 * tiles * part for part in (data, pairs, back)
    ]
    assert count(plain).flops / found.flops == 512000 / 124928


@pytest.mark.parametrize(
    ("shape", "size", "attributes"),
    [
        ((128, 128, 5, 5), 32, {"pads": [2] * 4, "strides": [2, 2]}),
        ((128, 128, 5, 5), 32, {"pads": [4] * 4, "dilations": [2, 2]}),
        ((128, 64, 5, 5), 32, {"pads": [2] * 4, "group": 2}),
        ((128, 128, 5, 5), 32, {"pads": [2, 2, 2, 1]}),
        ((128, 128, 5, 5), 32, {"auto_pad": "SAME_UPPER"}),
        ((128, 128, 5, 3), 32, {"pads": [2, 1, 2, 1]}),
        ((128, 128, 7, 7), 32, {"pads": [3] * 4}),
        ((128, 128, 5, 5), 34, {"pads": [2] * 4}),  # no whole tiles
        ((128, 128, 5, 5), 28, {"pads": [2] * 4}),  # fewer than 64 of them
        ((128, 16, 3, 3), 32, {"pads": [1] * 4}),  # the transforms cost what it saves
    ],
)
def test_what_does_not_suit_stays(
    shape: tuple[int, ...], size: int, attributes: dict[str, Any]
) -> None:
    with pytest.raises(ExportError, match="none of its convolutions is large enough"):
        tile_convolutions(conv_graph(normal(*shape), None, size, **attributes))


def test_an_unknown_size_stays() -> None:
    plain = conv_graph(normal(128, 128, 5, 5), None, 32, **same(5))
    for value in (*plain.graph.input, *plain.graph.output):
        value.type.tensor_type.ClearField("shape")
    with pytest.raises(ExportError, match="none of its convolutions is large enough"):
        tile_convolutions(plain)


def test_one_weight_of_two_convolutions() -> None:
    """Each gets nodes and names of its own, and the numbers stay. They are called as an export
    calls them, by numbers."""
    plain = conv_graph(normal(128, 128, 5, 5), None, 32, **same(5))
    plain.graph.node[0].output[0] = "conv2d"
    again = helper.make_node("Conv", ["conv2d", "w"], ["conv2d_1"], **same(5))
    plain.graph.node.append(again)
    plain.graph.output[0].name = "conv2d_1"
    tiled = tile_convolutions(plain)
    assert "Conv" not in operators(tiled)
    x = {"x": normal(1, 128, 32, 32)}
    first, second = (
        onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        ).run(None, x)[0]
        for model in (plain, tiled)
    )
    np.testing.assert_allclose(second, first, atol=1e-4 * float(first.std()))


def test_an_export_equals_torch_and_says_so(
    checkpoint_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The small network's convolutions suit only if every gain does."""
    monkeypatch.setattr("export.graphs.winograd.LEAST_GAIN", 0.0)
    output = tmp_path / "tiled.onnx"
    arguments = ["--checkpoint", str(checkpoint_dir), "--output", str(output)]
    assert to_onnx.main([*arguments, "--precision", "fp32", "--winograd"]) == 0
    figures = load_model(output).info.parity["onnx_vs_torch"]
    assert figures["winograd"] is True
    assert figures["max"] < 5e-5
    plain = tmp_path / "plain.onnx"
    words = ["--checkpoint", str(checkpoint_dir), "--output", str(plain), "--precision", "fp32"]
    assert to_onnx.main(words) == 0
    assert load_model(plain).info.parity["onnx_vs_torch"]["winograd"] is False
    counts = [operators(onnx.load(path)).count("Conv") for path in (plain, output)]
    assert counts[1] < counts[0]


@pytest.mark.parametrize("precision", ["fp16", "fp16-weights", "bf16"])
def test_a_tiled_model_keeps_its_precision(tmp_path: Path, precision: Precision) -> None:
    source = write_small_model(tmp_path)
    info = replace(load_model(source).info, parity={"onnx_vs_torch": {"winograd": True}})
    write_sidecar(source, info)
    with pytest.raises(ExportError, match=f"FP32 only; for {precision} export the checkpoint"):
        to_onnx.convert_onnx(source, tmp_path / "x.onnx", precision, parity.FACES)
    with pytest.raises(ExportError, match="FP32 only; for int8 export the checkpoint"):
        quantise(source, tmp_path / "x.onnx", tmp_path, Request("int8"))


def test_other_precisions_cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="fp32 only; fp16 was asked for"):
        to_onnx.export_checkpoint(
            tmp_path, tmp_path / "x.onnx", "fp16", parity.FACES, winograd=True
        )


@pytest.mark.parametrize(
    "words", [["--checkpoint", "x"], ["--onnx", "x.onnx", "--precision", "fp32"]]
)
def test_another_precision_and_a_second_export_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert to_onnx.main([*words, "--output", "y.onnx", "--winograd"]) == 2
    assert "--winograd; expected --checkpoint and --precision fp32" in capsys.readouterr().err
