"""The recogniser in the generator: what it sees, that it stays as it is, and how it gets there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import default_collate

from tpgan_sdk.errors import TrainingError
from train import checkpoint
from train.config import TrainConfig
from train.data.examples import Examples
from train.job import Job
from train.loop import train
from train.networks import PRESETS, Generator, film
from train.networks.generator import DecoderLevel
from train.networks.measure import example_inputs
from train.networks.spec import TINY as PLAIN
from train.recognisers import Recogniser
from train.recognisers.light_cnn import LightCNN9
from train.recognisers.mobilefacenet import MobileFaceNet
from train.run import Run

from .runs import TINY, assert_same_tensors, quiet

SPEC = replace(PLAIN, name="tiny-film", film=8)
FILM = replace(TINY, identity=0.1, identity_contrast=0.05, identity_jitter=0.05, identity_after=0)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> TrainConfig:
    monkeypatch.setitem(PRESETS, SPEC.name, SPEC)
    return replace(FILM, preset=SPEC.name)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "mobilefacenet.safetensors"
    save_file(MobileFaceNet().state_dict(), path)
    return path


def pictures(count: int) -> tuple[Tensor, list[Tensor]]:
    torch.manual_seed(1)
    face, patches = example_inputs(count)
    return torch.rand_like(face) * 2 - 1, [torch.rand_like(p) * 2 - 1 for p in patches]


def test_a_new_one_changes_no_picture() -> None:
    torch.manual_seed(0)
    plain, with_film = Generator(PLAIN).eval(), Generator(SPEC).eval()
    missing, unexpected = with_film.load_state_dict(plain.state_dict(), strict=False)
    assert not unexpected
    assert all(name.startswith("film.") for name in missing)
    face, patches = pictures(2)
    with torch.no_grad():
        assert torch.equal(plain(face, patches).image, with_film(face, patches).image)


def test_a_modulation_scales_and_shifts_every_map() -> None:
    network = Generator(SPEC).eval()
    assert network.film is not None
    level = network.decoder["8"]
    seen: list[Tensor] = []
    assert isinstance(level, DecoderLevel)
    level.blocks.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    face, patches = pictures(1)
    with torch.no_grad():
        network(face, patches)
        bias = network.film.get_parameter("levels.8.bias")
        bias[: level.width], bias[level.width :] = 0.5, 2.0
        network(face, patches)
    before, after = seen
    torch.testing.assert_close(after, before * 1.5 + 2.0)


def test_the_recogniser_sees_the_window_and_black_beyond() -> None:
    network = Generator(SPEC).eval()
    assert network.film is not None
    seen: list[Tensor] = []
    network.film.recogniser.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    smooth = cv2.resize(np.random.default_rng(0).random((6, 6, 3)), (128, 128)).astype(np.float32)
    face, patches = pictures(1)
    face = torch.from_numpy(smooth).permute(2, 0, 1)[None] * 2 - 1
    with torch.no_grad():
        network(face, patches)
    window = np.array([[film.ZOOM, 0, film.LEFT], [0, film.ZOOM, film.TOP]])
    expected = cv2.warpAffine(smooth, window, (112, 112))
    found = seen[0][0].permute(1, 2, 0).numpy()
    assert np.abs(found - expected).max() < 0.02  # OpenCV samples at 1/32 px
    assert not found[:10].any()
    assert np.abs(found - expected).mean() < 2e-3


def test_a_step_moves_the_film_and_never_the_recogniser(
    config: TrainConfig, shards: Path, weights: Path
) -> None:
    torch.manual_seed(0)
    recogniser = MobileFaceNet()
    run = Run(config, 4, Recogniser(recogniser))
    inside = run.network.film
    assert inside is not None
    before = {key: value.clone() for key, value in recogniser.state_dict().items()}
    examples = Examples(shards, augmented=False)
    batch = default_collate([examples[i] for i in range(4)])
    run.objective.remember(batch["target"], batch["identity"])
    names = [f"levels.{size}.weight" for size in inside.levels]
    levels = [inside.get_parameter(name).clone() for name in names]
    terms = run.learn(batch, 0.0)
    assert {"identity", "identity_contrast"} <= terms.keys()
    for key, value in inside.recogniser.state_dict().items():
        assert torch.equal(value, before[key]), key
    for old, name in zip(levels, names, strict=True):
        assert not torch.equal(old, inside.get_parameter(name))


def test_without_its_weights_it_is_refused(config: TrainConfig) -> None:
    no_losses = replace(config, identity=0.0, identity_contrast=0.0)
    for recogniser in (None, Recogniser(LightCNN9())):
        with pytest.raises(TrainingError, match=r"--recogniser FILE, or .* --set film=false"):
            Run(no_losses, 4, recogniser)
    assert Run(replace(no_losses, film=False), 4).network.film is None


class StopError(Exception):
    """Ends a run after its first save."""


def test_a_resumed_run_is_the_whole_run(
    config: TrainConfig,
    shards: Path,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(output: str, resume: bool = False) -> Path:
        job = Job(
            shards, tmp_path / output, recogniser=weights, workers=0, resume=resume, save_every=2
        )
        return train(replace(config, steps=4, batch=2), job, quiet)

    original = checkpoint.save

    def save_and_stop(*args: object) -> None:
        original(*args)  # type: ignore[arg-type]
        raise StopError

    whole = run("whole")
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_stop)
        with pytest.raises(StopError):
            run("cut")
    assert checkpoint.load_state(tmp_path / "cut" / "checkpoint").step == 2
    assert_same_tensors(whole, run("cut", resume=True))


def test_a_run_without_one_can_start_one_with_it_and_not_the_reverse(
    config: TrainConfig, shards: Path, weights: Path, tmp_path: Path
) -> None:
    short = replace(config, steps=1, batch=2)
    job = Job(shards, tmp_path / "plain", recogniser=weights, workers=0)
    plain = train(replace(short, film=False), job, quiet)
    job = Job(shards, tmp_path / "film", recogniser=weights, workers=0, init=plain)
    begun = train(short, job, quiet)
    assert checkpoint.load_generator(begun)[0].film is not None
    job = Job(shards, tmp_path / "back", recogniser=weights, workers=0, init=begun)
    with pytest.raises(TrainingError, match="no recogniser in it; choose the same for both"):
        train(replace(short, film=False), job, quiet)
