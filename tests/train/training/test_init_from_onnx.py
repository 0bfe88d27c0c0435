"""An exported model begins a training with the pictures that it makes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch.utils.data import default_collate

from export.to_onnx import export_checkpoint
from tpgan_sdk.backends import parity
from tpgan_sdk.errors import ModelError, TrainingError
from tpgan_sdk.models.inputs import INPUT_NAMES
from tpgan_sdk.models.model import resolve_model
from train.data.example import Example
from train.data.shard_examples import ShardExamples
from train.networks import Generator
from train.networks.spec import PRESETS
from train.networks.spec import TINY as SPEC
from train.training import checkpoint, init_from_onnx
from train.training.init_from_onnx import start_from_model
from train.training.loop import train
from train.training.run_settings import RunSettings

from ..runs import TINY, quiet


@pytest.fixture(scope="module")
def batch(shards: Path) -> Example:
    examples = ShardExamples(shards)
    result: Example = default_collate([examples[i] for i in range(len(examples))])
    return result


@pytest.fixture(scope="module")
def model(batch: Example, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a network whose batch norms have seen faces."""
    torch.manual_seed(0)
    network = Generator(SPEC)
    folder = tmp_path_factory.mktemp("exported")
    face, *patches = (batch[name] for name in INPUT_NAMES)
    with torch.no_grad():
        for _ in range(30):
            network.train()(face, patches)
        # Lively pictures: the export refuses flat ones.
        network.heads["128"].weight *= 4 / network.eval()(face, patches).image.std()
    state = checkpoint.CheckpointState("tiny", 0, 1, 4, 0.5, {})
    checkpoint.save(folder / "checkpoint", state, {checkpoint.WEIGHTS: network}, {})
    export_checkpoint(folder / "checkpoint", folder / "m.onnx", "fp16-weights", parity.FACES)
    return folder / "m.onnx"


def test_it_makes_the_same_pictures_and_trains_on(model: Path, batch: Example) -> None:
    torch.manual_seed(1)
    network = Generator(SPEC)
    start_from_model(model, network, batch)
    session = onnxruntime.InferenceSession(model)
    made = session.run(None, {name: batch[name].numpy() for name in INPUT_NAMES})[0]
    face, *patches = (batch[name] for name in INPUT_NAMES)
    with torch.no_grad():
        still = network.eval()(face, patches).image.numpy()
        training = network.train()(face, patches).image.numpy()
    assert made.std() > 0.3
    assert np.abs(still - made).max() < 2e-4
    # By the statistics of the very batch that was measured: nearly those that were kept.
    assert np.abs(training - made).mean() < 0.05


def test_a_part_of_a_model_is_refused(model: Path) -> None:
    weights = init_from_onnx._weights(resolve_model(model))
    del weights["encoder.linear.weight"]
    with pytest.raises(TrainingError, match=r"no weights of encoder\.linear; expected the export"):
        init_from_onnx._load(Generator(SPEC), weights, model)


def test_another_preset_is_refused(model: Path, batch: Example) -> None:
    with pytest.raises(
        TrainingError, match=r"is of preset 'tiny' and .*has 'edge-drawn' and 'official'"
    ):
        start_from_model(model, Generator(PRESETS["edge-drawn"]), batch)
    with pytest.raises(ModelError, match="no model named 'none'"):
        start_from_model(Path("none"), Generator(SPEC), batch)


def test_padded_channels_are_refused(model: Path, batch: Example) -> None:
    padded = model.with_name("padded.onnx")
    export_checkpoint(model.parent / "checkpoint", padded, "fp32", parity.FACES, channels=32)
    with pytest.raises(TrainingError, match=r"has no weights of .*, its channels not padded"):
        start_from_model(padded, Generator(SPEC), batch)


def test_other_widths_are_refused(model: Path, batch: Example) -> None:
    wide = Generator(replace(SPEC, width=0.5))
    with pytest.raises(TrainingError, match=r"has \(8, 3, 6, 6\) weights for .*of the same widths"):
        start_from_model(model, wide, batch)


def test_a_model_of_another_precision_is_refused(model: Path, batch: Example) -> None:
    half = model.with_name("half.onnx")
    export_checkpoint(model.parent / "checkpoint", half, "fp16", parity.FACES)
    with pytest.raises(TrainingError, match=r"is stored as fp16; expected fp32 or fp16-weights"):
        start_from_model(half, Generator(SPEC), batch)


def test_a_network_without_local_pathways_is_refused(model: Path, batch: Example) -> None:
    with pytest.raises(TrainingError, match=r"either .*m\.onnx or this run has no local pathways"):
        start_from_model(model, Generator(replace(SPEC, local=())), batch)


def test_training_needs_onnx_for_nothing_else(
    model: Path, batch: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = "import sys; sys.modules['onnx'] = None; import train.__main__, train.throughput"
    subprocess.run([sys.executable, "-c", blocked], check=True)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(TrainingError, match=r"needs onnx: pip install 'tpgan-sdk\[export\]'"):
        start_from_model(model, Generator(SPEC), batch)


def test_a_run_begins_with_it(shards: Path, tmp_path: Path, model: Path) -> None:
    settings = RunSettings(shards, tmp_path, init=model, workers=0)
    folder = train(replace(TINY, steps=1, batch=2, learning_rate=1e-9), settings, quiet)
    weights = init_from_onnx._weights(resolve_model(model))["encoder.linear.weight"]
    network = checkpoint.load_generator(folder)[0]
    assert isinstance(network, Generator)
    found = network.encoder.linear.weight
    assert (found - weights).abs().max() < 1e-6
