"""Weights to ONNX: same numbers, small, readable by the SDK."""

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

from tpgan_sdk.errors import ExportError
from tpgan_sdk.faces.refiner import LandmarkRefiner
from train.landmarks import export
from train.landmarks.network import Refiner, flops
from train.landmarks.trainer import load_refiner


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "refiner.safetensors"
    save_file(Refiner().state_dict(), path, {"training": json.dumps({"step": 7})})
    return path


def test_the_onnx_is_the_network(weights: Path, tmp_path: Path) -> None:
    output = tmp_path / "r.onnx"
    info = export.export_refiner(weights, output, {"note": 1})
    assert output.stat().st_size < 1e6
    assert info["flops"] == flops() < 0.05e9
    assert info["training"] == {"step": 7}
    assert info["figures"] == {"note": 1}
    assert LandmarkRefiner(output).info == info
    graph = onnx.load(output)
    big = [t for t in graph.graph.initializer if np.prod(t.dims) >= 256]
    assert {t.data_type for t in big} == {TensorProto.FLOAT16}
    crops = export.parity_inputs()
    assert crops.shape == (16, 3, 96, 96)
    with torch.no_grad():
        exact = load_refiner(weights)(torch.from_numpy(crops)).numpy()
    np.testing.assert_allclose(export._run(graph, crops), exact, atol=2e-3)


def test_an_onnx_that_differs_is_not_written(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MAX_DIFFERENCE", 0.0)
    with pytest.raises(ExportError, match="ONNX and torch differ by"):
        export.export_refiner(weights, tmp_path / "r.onnx")
    assert list(tmp_path.iterdir()) == []


def test_missing_weights_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--weights", str(tmp_path / "no"), "--output", str(tmp_path / "r.onnx")]
    assert export.main(flags) == 1
    assert "does not hold a refiner's weights" in capsys.readouterr().err
