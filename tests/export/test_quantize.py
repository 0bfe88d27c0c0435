"""INT8 and FP8: which faces are refused, what the graphs hold, and that the figures are theirs."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import cv2
import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from export import quantize
from export.engines import builder
from export.precisions import calibration
from export.precisions.half import convert, load_weights_fp32, precision_of
from export.quantize import Request, quantise
from tpgan_sdk.backends import parity
from tpgan_sdk.errors import ExportError
from tpgan_sdk.models.model import load_model, resolve_model

from .small_model import small_graph, write_small_model

TEMPLATE = resolve_model(None).template


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 smooth pictures of a face's size."""
    folder = tmp_path_factory.mktemp("calibration")
    rng = np.random.default_rng(5)
    for index in range(calibration.MIN_FACES):
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (128, 128), interpolation=cv2.INTER_LINEAR)
        cv2.imwrite(str(folder / f"{index:03d}.png"), picture)
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_model(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def int8(source: Path, faces: Path) -> Path:
    output = source.with_name("int8.onnx")
    command = ["--onnx", str(source), "--calibration", str(faces), "--output", str(output)]
    assert quantize.main(command) == 0
    return output


@pytest.fixture(scope="module")
def fp8(source: Path, faces: Path) -> Path:
    output = source.with_name("fp8.onnx")
    quantise(source, output, faces, Request("fp8", methods=("max",)))
    return output


def test_199_faces_are_too_few(faces: Path, tmp_path: Path) -> None:
    shutil.copytree(faces, tmp_path / "f")
    (tmp_path / "f" / "007.png").unlink()
    shutil.copy(faces / "008.png", tmp_path / "f" / "twin.png")  # the same face is none more
    with pytest.raises(ExportError, match=r"holds 199 different faces; expected at least 200 alig"):
        calibration.calibration_faces(tmp_path / "f", TEMPLATE)
    with pytest.raises(ExportError, match=r"no folder .*; expected one with aligned 128x128 faces"):
        calibration.calibration_faces(tmp_path / "absent", TEMPLATE)


def test_parity_faces_are_refused_under_any_name(faces: Path, tmp_path: Path) -> None:
    shutil.copytree(faces, tmp_path / "f")
    face = cv2.imread(str(parity.FACES / "00_yaw+00.png"))
    cv2.imwrite(str(tmp_path / "f" / "x.png"), face, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    with pytest.raises(ExportError, match=r"holds parity faces \(x\.png\): the parity of a netwo"):
        calibration.calibration_faces(tmp_path / "f", TEMPLATE)


def test_int8_is_symmetric_and_by_channel(int8: Path) -> None:
    graph = onnx.load(int8).graph
    assert precision_of(onnx.load(int8)) == load_model(int8).info.precision == "int8"
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    weights = [n for n in graph.node if n.op_type == "DequantizeLinear" and n.input[0] in tensors]
    activations = [n for n in graph.node if n.op_type == "QuantizeLinear"]
    assert {tensors[n.input[1]].size for n in activations} == {1}
    assert {tensors[n.input[0]].shape[0] for n in weights} <= {16, 3}
    for node in (*weights, *activations):
        assert not tensors[node.input[2]].any()
        assert tensors[node.input[2]].dtype == np.int8
    for node in weights:
        assert tensors[node.input[1]].shape == (len(tensors[node.input[0]]),)


def test_the_figures_are_those_of_the_file(int8: Path, source: Path) -> None:
    inputs = parity.load_parity_faces(parity.FACES, TEMPLATE)
    found = parity.compare(parity.run_onnx(source, inputs), parity.run_onnx(int8, inputs))
    figures = load_model(int8).info.parity["int8_vs_fp32"]
    assert figures["psnr"] == pytest.approx(found.psnr, abs=0.01)
    assert 30 < found.psnr < 80
    assert len(figures["tried"]) == 6


def test_the_form_is_chosen_on_calibration_faces_that_showed_no_ranges(
    int8: Path, source: Path, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 200 faces every eighth judges, the other 175 give the ranges."""
    every = calibration.calibration_faces(faces, TEMPLATE)
    judged = {name: values[::8] for name, values in every.items()}
    found = parity.compare(parity.run_onnx(source, judged), parity.run_onnx(int8, judged))
    figures = load_model(int8).info.parity["int8_vs_fp32"]
    tried = {name: entry["psnr"] for name, entry in figures["tried"].items()}
    assert tried[figures["ranges"]] == max(tried.values())
    assert max(tried.values()) == pytest.approx(found.psnr, abs=0.01)
    assert figures["psnr"] != max(tried.values())
    seen: list[np.ndarray] = []

    def observed(graph: object, inputs: parity.Inputs, *rest: object) -> object:
        seen.append(inputs["face"])
        return calibration.ranges(graph, inputs, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(quantize, "ranges", observed)
    quantise(source, tmp_path / "q.onnx", faces, Request("int8", methods=("max",)))
    (given,) = seen
    np.testing.assert_array_equal(given, np.delete(every["face"], np.s_[::8], axis=0))


def test_for_cpus_it_is_unsigned_throughout(source: Path, faces: Path) -> None:
    output = source.with_name("cpu.onnx")
    quantise(source, output, faces, Request("int8", "cpu", ("max",)))
    graph = onnx.load(output).graph
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    quantised = [n for n in graph.node if n.op_type == "QuantizeLinear"]
    assert {tensors[n.input[2]].dtype for n in quantised} == {np.dtype(np.uint8)}
    assert any(tensors[n.input[2]] > 0 for n in quantised)
    biases = [v for v in tensors.values() if v.dtype == np.int32 and v.size == 16]
    assert biases


def test_for_cpus_the_tail_may_stay_in_float(source: Path, faces: Path) -> None:
    """For GPUs it is not tried: the engine would compute most of its time in float."""
    output = source.with_name("tail.onnx")
    request = Request("int8", "cpu", ("max",))
    quantise(source, output, faces, request)
    assert set(request.tried) == {"max", "max, ends in float", "max, ends and tail in float"}
    graph = small_graph()
    assert quantize._tail(graph) == ("tanh", "second", "resize")
    assert list(quantize._in_float(graph, "all")) == ["", ", ends in float"]


def test_the_tail_is_in_float(source: Path, faces: Path) -> None:
    graph = onnx.shape_inference.infer_shapes(small_graph())
    request = Request("int8", "cpu", ("max",))
    seen = calibration.calibration_faces(faces, load_model(source).template)
    found = calibration.ranges(graph, seen, quantize._operators(request), "max", False)
    kept = quantize._in_float(graph, "cpu")[", ends and tail in float"]
    made = quantize._insert(graph, found, kept, request).graph
    read = {n.name: set(n.input) for n in made.node}
    restored = {n.output[0] for n in made.node if n.op_type == "DequantizeLinear"}
    assert not read["second"] & restored
    assert read["middle_3"] & restored


def test_the_tail_of_the_packaged_network() -> None:
    """The picture is a sum, cut to its range."""
    graph = onnx.load(resolve_model(None).path)
    kinds = {node.name: node.op_type for node in graph.graph.node}
    assert [kinds[name] for name in quantize._tail(graph)] == ["Clip", "Add"]


def test_of_a_network_that_fetches_places_and_shares_are_in_float() -> None:
    """Its heads have at most 6 channels, the products between at least 16; 6 more take pictures."""
    graph = load_weights_fp32(onnx.load(resolve_model(None).path))
    channels = {weight.name: weight.dims[0] for weight in graph.graph.initializer if weight.dims}
    convolutions = [node for node in graph.graph.node if node.op_type == "Conv"]
    width = {node.name: channels[node.input[1]] for node in convolutions}
    found = quantize._ends(graph)
    heads = {name for name, count in width.items() if count <= 6}
    # Silhouette at four scales, flow, tone, composer, and three local pathways.
    assert sorted(width[name] for name in heads) == [1, 1, 1, 1, 3, 4, 4, 4, 6, 6]
    assert heads <= set(found)
    # Encoder, composer and its last two, and three local pathways.
    assert len((set(found) & set(width)) - heads) == 6
    kinds = {node.name: node.op_type for node in graph.graph.node}
    assert {kinds[name] for name in found} >= {"GridSample", "AveragePool", "Softmax", "Clip"}
    # What decides the places: the flow's head and all convolutions before it, none behind.
    places = set(quantize._places(graph)) & set(width)
    assert {width[name] for name in places & heads} == {3}
    assert 25 < len(places) < 40
    assert not places & set(list(width)[60:])


def test_a_network_that_draws_all_has_no_places(source: Path) -> None:
    assert quantize._places(onnx.load(source)) == ()


def test_fp8_weights_are_the_nearest_numbers(fp8: Path) -> None:
    model = onnx.load(fp8)
    assert precision_of(model) == load_model(fp8).info.precision == "fp8"
    assert model.opset_import[0].version == load_model(fp8).info.opset == 19
    tensors = {t.name: t for t in model.graph.initializer}
    quantised = [name for name in ("w1", "w2", "w3") if f"{name}_q" in tensors]
    assert quantised  # the ends may be left in float, which came nearer
    for name in quantised:
        exact = next(t for t in small_graph().graph.initializer if t.name == name)
        values = numpy_helper.to_array(exact)
        scales = numpy_helper.to_array(tensors[f"{name}_scale"])[:, None, None, None]
        np.testing.assert_allclose(
            scales.ravel(), np.abs(values).max(axis=(1, 2, 3)) / 448, rtol=1e-6
        )
        assert tensors[f"{name}_q"].data_type == TensorProto.FLOAT8E4M3FN
        stored = np.frombuffer(tensors[f"{name}_q"].raw_data, ml_dtypes.float8_e4m3fn)
        back = stored.astype(np.float32).reshape(values.shape) * scales
        # Three bits of mantissa; below the normal numbers, steps of 2**-9.
        np.testing.assert_allclose(back, values, rtol=2**-4, atol=2**-10 * float(scales.max()))


def test_what_is_quantised_already_or_computes_otherwise(int8: Path, faces: Path) -> None:
    with pytest.raises(ExportError, match="computes in int8; expected the fp32 or fp16-weights"):
        quantise(int8, int8.with_name("again.onnx"), faces, Request("int8"))
    with pytest.raises(ExportError, match="computes in INT8 and cannot become fp16"):
        convert(onnx.load(int8), "fp16")
    with pytest.raises(ExportError, match="fp8 needs faces to calibrate on: python"):
        convert(small_graph(), "fp8")


def test_fp8_is_not_for_cpus(
    source: Path, faces: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    command = ["--onnx", str(source), "--calibration", str(faces), "--precision", "fp8"]
    target = tmp_path / "q.onnx"
    assert quantize.main([*command, "--target", "cpu", "--output", str(target)]) == 1
    assert "quantize: no CPU computes in FP8; use --precision int8" in capsys.readouterr().err
    assert quantize.main([*command, "--output", str(tmp_path / "q.bin")]) == 2
    assert list(tmp_path.iterdir()) == []


def test_too_far_from_the_original_is_not_written(
    source: Path, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantize, "MAX_MEAN_LEVELS", 1e-6)
    with pytest.raises(ExportError, match=r"int8 changes the pictures by .* grey levels on averag"):
        quantise(source, tmp_path / "q.onnx", faces, Request("int8", methods=("max",)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(find_spec("tensorrt_rtx") is None, reason="pip install tensorrt-rtx-cu13")
@pytest.mark.parametrize("precision", ["int8", "fp8"])
def test_rtx_builds_it(precision: str, int8: Path, fp8: Path) -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    path = {"int8": int8, "fp8": fp8}[precision]
    settings = builder.BuildSettings(precision, (1, 1, 2), 256, rtx_sm=(89,))
    built = builder.build(trt, path.read_bytes(), settings)
    assert built.multiplied_in[precision] >= 1
    assert built.data
