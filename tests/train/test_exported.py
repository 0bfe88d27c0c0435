"""An exported model begins a training with the pictures that it makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch.utils.data import default_collate

from export.to_onnx import export_checkpoint
from tpgan_sdk.crops import INPUT_NAMES
from tpgan_sdk.errors import ModelError, TrainingError
from train import checkpoint, exported
from train.data.example import Example
from train.data.examples import Examples
from train.exported import start_from_model
from train.job import Job
from train.loop import train
from train.networks import PRESETS, Generator
from train.networks.spec import TINY as SPEC

from .runs import TINY, quiet


@pytest.fixture(scope="module")
def batch(shards: Path) -> Example:
    examples = Examples(shards)
    result: Example = default_collate([examples[i] for i in range(len(examples))])
    return result


@pytest.fixture(scope="module")
def film() -> Generator:
    """With a recogniser in it, whose film does something, and batch norms that have seen faces."""
    torch.manual_seed(0)
    network = Generator(replace(SPEC, film=8))
    assert network.film is not None
    for parameter in network.film.levels.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    for module in network.film.recogniser.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.bias, std=0.1)
            module.state_dict()["running_var"].uniform_(0.5, 1.5)
    return network


@pytest.fixture(scope="module")
def model(
    film: Generator,
    batch: Example,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    face, *patches = (batch[name] for name in INPUT_NAMES)
    with torch.no_grad():
        for _ in range(30):
            film.train()(face, patches)
        # Lively pictures: the export refuses flat ones.
        film.heads["128"].weight *= 4 / film.eval()(face, patches).image.std()
    state = checkpoint.CheckpointState("tiny", 0, 1, 4, 0.5, {"film": True})
    patch = pytest.MonkeyPatch()
    patch.setitem(PRESETS, "tiny", film.spec)
    checkpoint.save(folder / "checkpoint", state, {checkpoint.WEIGHTS: film}, {})
    faces = Path(exported.__file__).parents[1] / "tpgan_sdk" / "models" / "parity_faces"
    export_checkpoint(folder / "checkpoint", folder / "m.onnx", "fp16-weights", faces)
    patch.undo()
    return folder / "m.onnx"


def test_it_makes_the_same_pictures_and_trains_on(
    model: Path, film: Generator, batch: Example
) -> None:
    torch.manual_seed(1)
    network = Generator(film.spec)
    start_from_model(model, network, lambda: batch)
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


def test_a_model_without_film_leaves_it_as_it_begins(model: Path, film: Generator) -> None:
    weights = exported._weights(model)
    network = Generator(film.spec)
    assert network.film is not None
    without = {k: v for k, v in weights.items() if not k.startswith("film.")}
    exported._load(network, without, model)
    assert not network.film.get_parameter("levels.8.weight").any()
    torch.testing.assert_close(
        network.encoder.linear.weight, weights["encoder.linear.weight"], atol=0, rtol=0
    )
    part = {k: v for k, v in weights.items() if k != "film.hidden.weight"}
    with pytest.raises(TrainingError, match=r"no weights of film\.hidden; expected the export of"):
        exported._load(network, part, model)


def test_another_preset_is_refused(model: Path, batch: Example) -> None:
    with pytest.raises(TrainingError, match=r"is of preset 'tiny' and .*has 'edge' and 'official'"):
        start_from_model(model, Generator(PRESETS["edge"]), lambda: batch)
    with pytest.raises(ModelError, match="none"):
        start_from_model(Path("none"), Generator(SPEC), lambda: batch)


def test_padded_channels_are_refused(model: Path, film: Generator, batch: Example) -> None:
    wide = Generator(replace(film.spec, width=0.5))
    with pytest.raises(TrainingError, match=r"has \(8, 3, 6, 6\) weights for .*; export it again"):
        start_from_model(model, wide, lambda: batch)


def test_a_run_begins_with_it(shards: Path, tmp_path: Path, model: Path) -> None:
    job = Job(shards, tmp_path, init=model, workers=0)
    folder = train(replace(TINY, steps=1, batch=2, learning_rate=1e-9), job, quiet)
    weights = exported._weights(model)["encoder.linear.weight"]
    found = checkpoint.load_generator(folder)[0].encoder.linear.weight
    assert (found - weights).abs().max() < 1e-6
