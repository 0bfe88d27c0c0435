"""The loop learns, ends cleanly and refuses nonsense; checkpoints go there and back."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tpgan_sdk.errors import TrainingError
from train import checkpoint
from train.__main__ import main
from train.config import TrainConfig, load_config
from train.loop import learning_rate, train
from train.networks import PRESETS, Generator

TINY = TrainConfig(
    preset="tiny", batch=4, warmup=1, identity=0.0, identity_features=0.0, bfloat16=False
)
FAST = replace(TINY, batch=6, steps=30, warmup=3, learning_rate=3e-3, ema=0.8)
ADVERSARIAL = replace(
    TINY, steps=6, adversarial=1e-3, critic_width=0.125, cross_entropy=1e-3, noise=1.0
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
    config = replace(TINY, batch=2, steps=50)
    train(config, shards, tmp_path, None, workers=0)
    line = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert line["step"] == 50
    assert {"pixel_128", "pixel_64", "pixel_32", "pixel_patches", "symmetry_32"} <= set(line)


@pytest.mark.parametrize("config", [replace(TINY, steps=8), ADVERSARIAL], ids=["plain", "gan"])
def test_resume_equals_an_uninterrupted_run(
    config: TrainConfig, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted right after a save and resumed: bit for bit the same weights at the end."""
    half = config.steps // 2
    whole = train(config, shards, tmp_path / "whole", None, workers=0, save_every=half)

    class StopError(Exception):
        pass

    # The learning rate depends on the planned steps, so the run is cut, not shortened.
    original = checkpoint.save

    def save_and_stop(*args: object) -> None:
        original(*args)  # type: ignore[arg-type]
        raise StopError

    monkeypatch.setattr(checkpoint, "save", save_and_stop)
    with pytest.raises(StopError):
        train(config, shards, tmp_path / "cut", None, workers=0, save_every=half)
    monkeypatch.setattr(checkpoint, "save", original)
    assert checkpoint.load_state(tmp_path / "cut" / "checkpoint").step == half
    resumed = train(config, shards, tmp_path / "cut", None, resume=True, workers=0, save_every=half)
    names = {path.name for path in whole.glob("*.safetensors")}
    assert {"generator.safetensors", "raw.safetensors", "optimizer.safetensors"} <= names
    assert ("critic.safetensors" in names) == bool(config.adversarial)
    for name in names:
        one, other = load_file(whole / name), load_file(resumed / name)
        for key, value in one.items():
            torch.testing.assert_close(value, other[key], atol=0, rtol=0, msg=f"{name}: {key}")


@pytest.mark.parametrize("kind", ["wgan-gp", "logistic"])
def test_adversarial_training_stays_finite_and_logs_its_parts(
    kind: str, shards: Path, tmp_path: Path
) -> None:
    config = replace(ADVERSARIAL, adversarial_kind=kind, steps=50, batch=2)
    train(config, shards, tmp_path, None, workers=0)
    line = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    expected = {"adversarial", "critic", "cross_entropy"}
    assert (expected | {"penalty"} if kind == "wgan-gp" else expected) <= set(line)
    assert all(math.isfinite(value) for value in line.values())


def test_identity_losses_without_a_recogniser_are_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="need a recogniser: pass --recogniser FILE"):
        train(TrainConfig(preset="tiny"), shards, tmp_path, None, workers=0)


def test_a_loss_that_is_not_finite_stops_the_run(shards: Path, tmp_path: Path) -> None:
    config = replace(TINY, steps=4, learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"not finite at step \d+: .*pixel_128=.*saved yet"):
        train(config, shards, tmp_path, None, workers=0)


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"pixel_64": 9.0, "steps": 40}, "pixel_64"), ({"adversarial": 1e-3}, "adversarial")],
)
def test_another_configuration_cannot_resume(
    changes: dict[str, Any], named: str, shards: Path, trained: Path
) -> None:
    with pytest.raises(TrainingError, match=f"cannot be resumed with another {named};"):
        train(replace(FAST, **changes), shards, trained.parent, None, resume=True, workers=0)


def test_an_existing_checkpoint_is_not_overwritten(shards: Path, trained: Path) -> None:
    before = (trained / "generator.safetensors").read_bytes()
    with pytest.raises(TrainingError, match=r"holds a checkpoint already; .*--resume"):
        train(FAST, shards, trained.parent, None, workers=0)
    assert (trained / "generator.safetensors").read_bytes() == before


def test_an_interrupted_save_leaves_the_old_checkpoint(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "checkpoint.old")
    assert checkpoint.load_state(tmp_path / "checkpoint").step == 30


def test_a_truncated_checkpoint_says_so(trained: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(trained, tmp_path / "checkpoint")
    file = copy / "generator.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(TrainingError, match=r"generator\.safetensors cannot be read"):
        checkpoint.load_generator(copy)


def test_a_run_of_no_time_is_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="max_minutes is 0; expected more than 0"):
        train(FAST, shards, tmp_path, None, max_minutes=0, workers=0)


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
        (["preset=huge"], "preset is 'huge'; expected paper or edge or tiny"),
        (["batch=0"], "batch is 0; expected more than 0"),
        (["learning_rate=NaN"], "learning_rate is nan; expected more than 0"),
        (["adversarial_kind=hinge"], "adversarial_kind is 'hinge'; expected wgan-gp or logistic"),
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


@pytest.mark.parametrize("name", ["edge", "paper", "paper-code"])
def test_ready_configurations_load(name: str) -> None:
    config = load_config(name)
    assert config.preset == name.partition("-")[0]


def test_paper_weights_are_the_papers() -> None:
    """Section 3.2.6, all losses as means over elements."""
    config = load_config("paper")
    assert (config.pixel_128, config.pixel_64, config.pixel_32) == (1.0, 1.0, 1.5)
    assert (config.pixel_patches, config.symmetry_128, config.symmetry_laplacian) == (3, 0.3, 0.3)
    assert (config.adversarial, config.identity_features) == (1e-3, 3e-3)
    assert (config.total_variation, config.cross_entropy) == (1e-4, 1e-3)


def test_an_unknown_configuration_lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", "huge", "--data", "x", "--output", "y"]) == 1
    assert "known by name: edge, paper, paper-code" in capsys.readouterr().err
