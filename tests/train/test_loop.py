"""The loop learns, ends cleanly and refuses nonsense; checkpoints go there and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tpgan_sdk.errors import TrainingError
from train import checkpoint
from train.__main__ import main
from train.config import TrainConfig, load_config
from train.loop import learning_rate, train
from train.networks import PRESETS, Generator

FAST = TrainConfig(
    preset="tiny", batch=6, steps=30, warmup=3, learning_rate=3e-3, bfloat16=False, ema=0.8
)


@pytest.fixture(scope="module")
def trained(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run")
    return train(FAST, shards, output, recogniser=None, workers=0, save_every=10)


def test_thirty_steps_bring_the_pixel_loss_down(shards: Path, trained: Path) -> None:
    """On a fixed batch the averaged weights end under 70 % of the untrained network's loss."""
    from train.data.examples import Examples, training_batches

    batch = next(training_batches(Examples(shards, augmented=False), 8, 1, 0, 0))
    inputs = [batch[n] for n in ("left_eye", "right_eye", "nose", "mouth")]
    torch.manual_seed(0)
    fresh = Generator(PRESETS["tiny"]).eval()
    network, state = checkpoint.load_generator(trained)
    with torch.no_grad():
        before, after = (
            (n(batch["face"], inputs).image - batch["target"]).abs().mean()
            for n in (fresh, network)
        )
    assert state.step == 30
    assert after < 0.7 * before


def test_the_log_holds_every_loss_apart(shards: Path, tmp_path: Path) -> None:
    config = TrainConfig(preset="tiny", batch=2, steps=50, bfloat16=False)
    train(config, shards, tmp_path, None, workers=0)
    line = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert line["step"] == 50
    assert {"pixel_128", "pixel_64", "pixel_32", "pixel_patches", "symmetry"} <= set(line)


def test_resume_goes_on_with_weights_moments_and_position(shards: Path, tmp_path: Path) -> None:
    """Interrupted after 10 of 20 steps and resumed: the same weights as without interruption."""
    config = TrainConfig(preset="tiny", batch=4, steps=20, bfloat16=False, warmup=1)
    whole = train(config, shards, tmp_path / "whole", None, workers=0, save_every=10)

    class StopError(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise StopError

    # The learning rate depends on the planned steps, so the run is cut, not shortened.
    original, count = checkpoint.save, []

    def save_and_stop(*args: object) -> None:
        original(*args)  # type: ignore[arg-type]
        count.append(1)
        if len(count) == 1:
            interrupt()

    checkpoint.save = save_and_stop  # type: ignore[assignment]
    try:
        with pytest.raises(StopError):
            train(config, shards, tmp_path / "cut", None, workers=0, save_every=10)
    finally:
        checkpoint.save = original
    resumed = train(config, shards, tmp_path / "cut", None, resume=True, workers=0, save_every=10)
    a, b = (checkpoint.load_generator(p)[0].state_dict() for p in (whole, resumed))
    for name, value in a.items():
        torch.testing.assert_close(value, b[name], atol=0, rtol=0, msg=name)


def test_checkpoint_round_trip(trained: Path) -> None:
    network, state = checkpoint.load_generator(trained)
    assert (state.preset, state.images) == ("tiny", 180)
    assert state.data == {"views": 12, "identities": 4}
    assert not network.training


def test_a_missing_checkpoint_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no checkpoint at .*expected a directory with"):
        checkpoint.load_generator(tmp_path / "none")


def test_learning_rate_warms_up_and_anneals_to_zero() -> None:
    config = TrainConfig(learning_rate=1.0, warmup=10)
    assert learning_rate(config, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(config, 100, 0.0) == 1.0
    assert learning_rate(config, 100, 0.5) == pytest.approx(0.5)
    assert learning_rate(config, 100, 1.0) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["bach=3"], "unknown setting 'bach'"),
        (["batch=many"], "batch is 'many'; expected a value of type int"),
        (["batch"], "expected key=value"),
    ],
)
def test_wrong_settings_are_refused(settings: list[str], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        load_config("edge", settings)


def test_settings_and_dry_run(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "--config",
        "edge",
        "--set",
        "batch=7",
        "--data",
        "x",
        "--output",
        "y",
        "--dry-run",
    ]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["batch"] == 7


def test_an_unknown_configuration_lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "huge", "--data", "x", "--output", "y"]) == 1
    assert "known by name: edge" in capsys.readouterr().err
