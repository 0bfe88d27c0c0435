"""The loop learns, ends cleanly, resumes bit for bit and refuses nonsense."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tpgan_sdk.errors import TrainingError
from train.__main__ import main
from train.data.shard_examples import ShardExamples
from train.networks import Generator
from train.networks.spec import PRESETS
from train.training import checkpoint
from train.training.config import TrainConfig
from train.training.loop import train
from train.training.run_settings import RunSettings
from train.training.schedule import Clock, learning_rate

from ..runs import ADVERSARIAL, TINY, assert_same_tensors, quiet

FAST = replace(
    ADVERSARIAL, batch=6, steps=30, warmup=3, learning_rate=3e-3, ema=0.8, cross_entropy=0.0
)


@pytest.fixture(scope="module")
def trained(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run")
    return train(FAST, RunSettings(shards, output, workers=0, log_every=10), quiet)


def log_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_thirty_steps_bring_the_pixel_loss_down(shards: Path, trained: Path) -> None:
    """On a fixed batch the averaged weights end under 70 % of the untrained network's loss."""
    from train.training.validation import ValidationBatch

    held = ValidationBatch(ShardExamples(shards, augmented=False), torch.device("cpu"))
    torch.manual_seed(0)
    before = held.loss(Generator(PRESETS["tiny"]).eval())
    network, state = checkpoint.load_generator(trained)
    assert state.step == 30
    assert held.loss(network) < 0.7 * before
    lines = log_of(trained.parent)
    assert [line["step"] for line in lines] == [10, 20, 30]
    for line in lines:
        assert math.isfinite(line["critic"])
        assert math.isfinite(line["penalty"])


def test_the_log_holds_every_loss_and_every_part_of_the_time(trained: Path) -> None:
    line = log_of(trained.parent)[-1]
    losses = {"pixel_128", "pixel_64", "pixel_32", "pixel_patches", "symmetry_32", "adversarial"}
    assert losses <= set(line)
    shares = {name: share for name, share in line.items() if name.startswith("time/")}
    assert set(shares) == {"time/data", "time/generator", "time/critic"}
    assert sum(shares.values()) == pytest.approx(1)
    assert line["images_per_second"] > 0


@pytest.mark.parametrize("config", [replace(TINY, steps=8), ADVERSARIAL], ids=["plain", "gan"])
def test_resume_equals_an_uninterrupted_run(
    config: TrainConfig, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted right after a save and resumed: bit for bit the same weights at the end."""
    half = config.steps // 2

    def settings(name: str, resume: bool = False) -> RunSettings:
        return RunSettings(shards, tmp_path / name, resume=resume, workers=0, save_every=half)

    whole = train(config, settings("whole"), quiet)

    class StopError(Exception):
        pass

    # The learning rate depends on the planned steps, so the run is cut, not shortened.
    original = checkpoint.save

    def save_and_stop(*args: object) -> None:
        original(*args)  # type: ignore[arg-type]
        raise StopError

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save_and_stop)
        with pytest.raises(StopError):
            train(config, settings("cut"), quiet)
    assert checkpoint.load_state(tmp_path / "cut" / "checkpoint").step == half
    resumed = train(config, settings("cut", resume=True), quiet)
    assert (resumed / "critic.safetensors").exists() == bool(config.adversarial)
    assert_same_tensors(whole, resumed)


def test_the_logistic_critic_has_no_penalty(shards: Path, tmp_path: Path) -> None:
    config = replace(ADVERSARIAL, adversarial_kind="logistic", steps=3, batch=2)
    train(config, RunSettings(shards, tmp_path, workers=0, log_every=3), quiet)
    (line,) = log_of(tmp_path)
    assert {"adversarial", "critic", "cross_entropy"} <= set(line)
    assert "penalty" not in line
    assert all(math.isfinite(value) for value in line.values())


def test_identity_losses_without_a_recogniser_are_refused(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="need a recogniser: pass --recogniser FILE"):
        train(TrainConfig(preset="tiny"), RunSettings(shards, tmp_path, workers=0))


def test_a_loss_that_is_not_finite_stops_the_run(shards: Path, tmp_path: Path) -> None:
    config = replace(TINY, steps=4, learning_rate=1e30)
    with pytest.raises(TrainingError, match=r"not finite at step \d+: .*pixel_128=.*saved yet"):
        train(config, RunSettings(shards, tmp_path, workers=0))


@pytest.mark.parametrize(("spoiled", "module"), [("generator", "trainer"), ("critic", "critic")])
def test_weights_that_are_not_finite_are_never_saved(
    spoiled: str, module: str, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The losses of the second step are finite, a gradient is not."""
    calls = 0

    def spoil(network: nn.Module, _: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            gradient = next(p for p in network.parameters() if p.grad is not None).grad
            assert gradient is not None
            gradient.fill_(float("nan"))

    monkeypatch.setattr(f"train.training.{module}.mean_gradients", spoil)
    settings = RunSettings(shards, tmp_path, workers=0, save_every=1)
    good = re.escape(f"the last good checkpoint is {settings.folder}")
    with pytest.raises(TrainingError, match=f"{spoiled} is not finite after step 2 .*; {good}"):
        train(ADVERSARIAL, settings, quiet)
    assert checkpoint.load_state(settings.folder).step == 1
    for file in settings.folder.glob("*.safetensors"):
        for key, value in load_file(file).items():
            assert not value.is_floating_point() or value.isfinite().all(), f"{file.name}: {key}"


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"pixel_64": 9.0, "steps": 40}, "pixel_64"), ({"adversarial": 2e-3}, "adversarial")],
)
def test_another_configuration_cannot_resume(
    changes: dict[str, Any], named: str, shards: Path, trained: Path
) -> None:
    with pytest.raises(TrainingError, match=f"cannot be resumed with another {named};"):
        train(replace(FAST, **changes), RunSettings(shards, trained.parent, resume=True, workers=0))


def copied(trained: Path, output: Path, data: dict[str, Any]) -> None:
    """A run that was trained on other data, in its own words."""
    folder = shutil.copytree(trained, output / "checkpoint")
    state = json.loads((folder / "checkpoint.json").read_text())
    (folder / "checkpoint.json").write_text(json.dumps(state | {"data": data}))


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"dataset": "csv"}, "12 views of 4 identities (csv, index {now})"),
        ({"views": 13, "identities": 4}, "13 views of 4 identities (rendered, index {now})"),
        # As many of other people, or the same views in another order.
        ({"index": "0123456789abcdef"}, "12 views of 4 identities (rendered, index 01234567)"),
    ],
)
def test_other_data_cannot_resume(
    data: dict[str, Any], shown: str, shards: Path, trained: Path, tmp_path: Path
) -> None:
    copied(trained, tmp_path, data)
    now = ShardExamples(shards).index()[:8]
    both = (
        f"was trained on {shown.format(now=now)}, {shards} holds 12 views of 4 identities "
        f"(rendered, index {now}); resume wi"
    )
    with pytest.raises(TrainingError, match=re.escape(both)):
        train(FAST, RunSettings(shards, tmp_path, resume=True, workers=0), quiet)


def test_the_index_is_that_of_the_labels(shards: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(shards, tmp_path / "moved")
    assert ShardExamples(moved).index() == ShardExamples(shards).index()
    labels = np.load(moved / "shard-00000" / "labels.npy")
    labels["landmarks"][0, 0, 0] += 1
    np.save(moved / "shard-00000" / "labels.npy", labels)
    assert ShardExamples(moved).index() != ShardExamples(shards).index()


def test_a_checkpoint_that_names_no_dataset_resumes(
    shards: Path, trained: Path, tmp_path: Path
) -> None:
    index = ShardExamples(shards).index()
    known = {"dataset": "rendered", "views": 12, "identities": 4, "index": index}
    assert checkpoint.load_state(trained).data == known
    copied(trained, tmp_path, {"views": 12, "identities": 4})
    folder = train(
        replace(FAST, steps=31), RunSettings(shards, tmp_path, resume=True, workers=0), quiet
    )
    state = checkpoint.load_state(folder)
    assert (state.step, state.data) == (31, known)


def test_an_existing_checkpoint_is_not_overwritten(shards: Path, trained: Path) -> None:
    before = (trained / "generator.safetensors").read_bytes()
    with pytest.raises(TrainingError, match=r"holds a checkpoint already; .*--resume"):
        train(FAST, RunSettings(shards, trained.parent, workers=0))
    assert (trained / "generator.safetensors").read_bytes() == before


def test_a_new_run_starts_from_the_averaged_weights_of_another(
    shards: Path, trained: Path, tmp_path: Path
) -> None:
    """One step at a rate of almost nothing leaves the weights that it began with."""
    config = replace(TINY, steps=1, learning_rate=1e-12, ema=0.0)
    begun = train(config, RunSettings(shards, tmp_path, init=trained, workers=0), quiet)
    source, now = load_file(trained / "generator.safetensors"), load_file(begun / "raw.safetensors")
    for key, value in source.items():
        if "running" not in key and "num_batches" not in key:  # batch norm counts on
            torch.testing.assert_close(now[key], value, atol=1e-9, rtol=0)
    state = checkpoint.load_state(begun)
    assert (state.step, state.images) == (1, 4)


def test_another_preset_cannot_start_a_run(shards: Path, trained: Path, tmp_path: Path) -> None:
    config = replace(TINY, preset="edge-drawn")
    with pytest.raises(TrainingError, match="is of preset 'tiny' and cannot start one of preset"):
        train(config, RunSettings(shards, tmp_path, init=trained, workers=0))


@pytest.mark.parametrize("name", ["max_minutes", "save_every", "keep"])
def test_a_job_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(TrainingError, match=f"{name} is 0; expected more than 0"):
        RunSettings(Path("data"), Path("output"), **{name: 0})  # type: ignore[arg-type]


def test_a_short_slot_ends_with_a_checkpoint(shards: Path, tmp_path: Path) -> None:
    folder = train(TINY, RunSettings(shards, tmp_path, max_minutes=1e-6, workers=0), quiet)
    assert checkpoint.load_state(folder).step <= 1


def test_learning_rate_warms_up_and_anneals_to_zero() -> None:
    config = TrainConfig(learning_rate=1.0, warmup=10)
    assert learning_rate(config, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(config, 100, 0.0) == 1.0
    assert learning_rate(config, 100, 0.5) == pytest.approx(0.5)
    assert learning_rate(config, 100, 1.0) == pytest.approx(0, abs=1e-12)


def test_the_time_left_is_that_of_the_steps_or_of_the_slot() -> None:
    assert Clock(100, None).left(40, steps_a_minute=20) == 3
    assert Clock(100, 2.0).left(40, steps_a_minute=20) == pytest.approx(2, abs=0.1)
    assert Clock(100, None).done(25) == 0.25


def test_progress_lines_tell_speed_and_time_left(shards: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    train(
        replace(TINY, steps=2), RunSettings(shards, tmp_path, workers=0, log_every=1), lines.append
    )
    first = next(line for line in lines if line.startswith("step      1"))
    assert "images/s" in first
    assert "min left" in first
    assert "pixel_128" in first


PLANNED = "--set preset=tiny --set batch=7 --ablate identity --device cpu --dry-run"


def test_a_dry_run_shows_what_would_run_and_writes_nothing(
    shards: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "new"
    command = ["--data", str(shards), "--output", str(output), "--init", str(trained)]
    assert main([*command, *PLANNED.split()]) == 0
    shown = json.loads(capsys.readouterr().out)
    config = shown["config"]
    assert (config["batch"], config["identity"], config["identity_features"]) == (7, 0, 0)
    assert shown["run"] == {
        "data": str(shards),
        "heldout": None,
        "output": str(output),
        "recogniser": None,
        "teacher": None,
        "init": str(trained),
        "dataset": "rendered",
        "views": 12,
        "identities": 4,
        "index": ShardExamples(shards).index(),
        "device": "cpu",
        "processes": 1,
        "first_step": 0,
    }
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "{tmp}/none"], "none"),
        (["--teacher", "{tmp}/none", "--set", "distill=1"], "no checkpoint at {tmp}/none"),
        (["--init", "{tmp}/none"], "no checkpoint at {tmp}/none"),
        (["--set", "identity=1"], "need a recogniser: pass --recogniser FILE"),
        (["--output", "{trained}"], "holds a checkpoint already"),
        (["--resume"], "no checkpoint at {tmp}/new/checkpoint"),
    ],
)
def test_a_dry_run_refuses_what_the_run_would(
    words: list[str],
    message: str,
    shards: Path,
    trained: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = {"tmp": tmp_path, "trained": trained.parent}
    command = ["--data", str(shards), "--output", str(tmp_path / "new"), *PLANNED.split()]
    if words[0] == "--set":
        command.remove("--ablate")
        command.remove("identity")
    assert main([*command, *(word.format(**names) for word in words)]) == 1
    printed = capsys.readouterr()
    assert message.format(**names) in printed.err
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []
