"""Weights to ONNX: same numbers, small, readable by the SDK and by OpenCV."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="export needs onnx")
pytest.importorskip("onnxsim", reason="export needs onnxsim")

import onnx
import torch
from onnx import TensorProto
from safetensors.torch import save_file

from tpgan_sdk.detectors.packaged import open_packaged
from tpgan_sdk.errors import ExportError
from train.detector import export
from train.detector.box_codec import cells_of, decode
from train.detector.network import DetectorNetwork, flops
from train.detector.trainer import load_network


@pytest.fixture(scope="module")
def weights(yunet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """YuNet's own, as training would leave them."""
    network = DetectorNetwork()
    network.borrow(yunet)
    path = tmp_path_factory.mktemp("weights") / "detector.safetensors"
    save_file(network.state_dict(), path, {"training": json.dumps({"step": 7})})
    return path


def test_the_onnx_is_the_network(weights: Path, tmp_path: Path) -> None:
    output = tmp_path / "d.onnx"
    info = export.export_detector(weights, output, {"note": 1})
    assert output.stat().st_size < 1e6
    assert info["flops_320"] == flops(320) < 0.3e9
    assert info["training"] == {"step": 7}
    assert info["figures"] == {"note": 1}
    graph = onnx.load(output)
    big = [t for t in graph.graph.initializer if np.prod(t.dims) >= 256]
    assert {t.data_type for t in big} == {TensorProto.FLOAT16}
    assert open_packaged(output).name == "packaged"


def test_any_size_of_picture(weights: Path) -> None:
    network = load_network(weights)
    graph = export.to_graph(network)
    images = np.random.default_rng(0).uniform(0, 255, (1, 3, 64, 160)).astype(np.float32)
    with torch.no_grad():
        exact = decode(network(torch.from_numpy(images)), cells_of(64, 160))
    told = decode(export.run(graph, images), cells_of(64, 160))
    torch.testing.assert_close((told.cls * told.obj).sqrt(), exact.scores, atol=1e-5, rtol=0)
    torch.testing.assert_close(told.boxes, exact.boxes, atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(told.points, exact.points, atol=1e-3, rtol=1e-5)


def test_an_onnx_that_differs_is_not_written(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MAX_PIXELS", 0.0)
    with pytest.raises(ExportError, match=r"FP16 weights change a score by .* and move a point by"):
        export.export_detector(weights, tmp_path / "d.onnx")
    assert list(tmp_path.iterdir()) == []


def test_differences_are_seen() -> None:
    cells = cells_of(64, 64)
    exact = torch.zeros(1, len(cells.strides), 16)
    exact[0, 3, [0, 5]] = 4.0  # the only sure cell
    output = exact.clone()
    output[..., [0, 5]] = output[..., [0, 5]].sigmoid()
    score, moved = export.differences(output, exact, 64)
    assert score == pytest.approx(0, abs=1e-6)
    assert moved == 0
    output[0, 3, 7] += 0.5  # y of a point, in strides of 8 px
    output[0, 9, 8] += 9.0  # where no face is, nobody reads it
    output[0, 9, [0, 5]] = 0.6
    score, moved = export.differences(output, exact, 64)
    assert score == pytest.approx(0.1, abs=1e-6)
    assert moved == pytest.approx(4.0)


def test_missing_weights_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--weights", str(tmp_path / "no"), "--output", str(tmp_path / "d.onnx")]
    assert export.main(flags) == 1
    assert "does not hold a detector's weights" in capsys.readouterr().err
