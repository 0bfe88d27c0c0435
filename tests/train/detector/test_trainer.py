"""One short run, and what it leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tpgan_sdk.errors import TrainingError
from train.auxiliary.loop import LOG
from train.auxiliary.weights import training_note
from train.data.shards import ShardReader, find_shards
from train.detector import examples
from train.detector.__main__ import main
from train.detector.examples import DetectionExamples
from train.detector.network import DetectorNetwork
from train.detector.trainer import WEIGHTS, Config, load_network, mixed, train


def test_a_run(shards: Path, yunet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what tells of points moves, and the weights say how they were made."""
    monkeypatch.setattr(examples, "BACKGROUNDS", 4)
    pictures = DetectionExamples([ShardReader(p) for p in find_shards(shards)], [])
    config = Config(batch=2, warmup=1, max_minutes=0.01, workers=0)
    train(pictures, yunet, tmp_path, config)
    first, trained = DetectorNetwork(), load_network(tmp_path / WEIGHTS)
    first.borrow(yunet)
    for name, value in trained.named_parameters():
        same = torch.equal(value, first.get_parameter(name))
        assert same != name.startswith("point_"), name
    note = training_note(tmp_path / WEIGHTS)
    assert note["step"] >= 1
    assert note["views"] == 12
    assert note["config"]["batch"] == 2
    assert note["begun_from"].startswith("yunet_n_dynamic.onnx, SHA-256 ")
    entry = json.loads((tmp_path / LOG).read_text().splitlines()[-1])
    assert 0 < entry["loss"] < 1


def test_written_weights_lie_between() -> None:
    torch.manual_seed(0)
    start, trained = DetectorNetwork(), DetectorNetwork()
    for name, value in mixed(trained, start, 0.25).items():
        expected = 0.75 * trained.state_dict()[name] + 0.25 * start.state_dict()[name]
        torch.testing.assert_close(value, expected)


def test_weights_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="does not hold a detector's weights"):
        load_network(tmp_path / "none")
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(TrainingError, match=r"expected detector\.safetensors, written by"):
        load_network(path)
    assert training_note(path) == {}


def test_the_command_reports_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--shards", str(tmp_path), "--output", str(tmp_path / "o")]
    assert main([*folders, "--yunet", str(tmp_path / "y.onnx")]) == 1
    assert "error: no shards in" in capsys.readouterr().err
