"""Checkpoints: there and back, what is kept, and kill -9 at any moment."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tpgan_sdk.errors import TrainingError
from train.networks import Generator
from train.networks.spec import PRESETS
from train.training import atomic_folder, checkpoint
from train.training.loop import train
from train.training.run_settings import RunSettings

from ..runs import ADVERSARIAL, TINY, assert_same_tensors, quiet

KILLED = replace(ADVERSARIAL, steps=4, batch=2, critic_width=0.0625)


def small(step: int = 0) -> tuple[checkpoint.CheckpointState, dict[str, torch.nn.Module]]:
    torch.manual_seed(step)
    state = checkpoint.CheckpointState("tiny", 0, step, 4 * step, 0.5, {"seed": 0})
    return state, {checkpoint.WEIGHTS: Generator(PRESETS["tiny"])}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "checkpoint"
    checkpoint.save(folder, *small(3), {})
    return folder


def test_round_trip(saved: Path) -> None:
    network, state = checkpoint.load_generator(saved)
    expected_state, modules = small(3)
    assert state == expected_state
    assert not network.training
    for key, value in modules[checkpoint.WEIGHTS].state_dict().items():
        assert torch.equal(network.state_dict()[key], value)


def test_moments_come_back_in_the_layout_of_their_weights(tmp_path: Path) -> None:
    def network() -> torch.nn.Conv2d:
        conv = torch.nn.Conv2d(3, 4, 3)
        conv.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return conv

    first, second = network(), network()
    optimizers = [torch.optim.Adam(n.parameters(), lr=0.1) for n in (first, second)]
    first(torch.rand(2, 3, 8, 8)).sum().backward()
    optimizers[0].step()
    state, _ = small()
    checkpoint.save(tmp_path / "c", state, {"raw": first}, {"optimizer": (first, optimizers[0])})
    checkpoint.restore(tmp_path / "c", {"raw": second}, {"optimizer": (second, optimizers[1])})
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)
        kept, restored = optimizers[0].state[one], optimizers[1].state[other]
        for entry in ("step", "exp_avg", "exp_avg_sq"):
            assert torch.equal(kept[entry], restored[entry])
            assert kept[entry].stride() == restored[entry].stride()


def test_the_last_ones_and_the_best_one_are_kept(tmp_path: Path) -> None:
    folder, best = tmp_path / "checkpoint", tmp_path / "best"
    for step in (1, 2, 3, 4):
        checkpoint.save(folder, *small(step), {}, keep=3, best=best if step == 2 else None)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["best", "checkpoint", "checkpoint-00000002", "checkpoint-00000003"]
    assert checkpoint.load_state(folder).step == 4
    assert checkpoint.load_state(best).step == 2
    assert checkpoint.load_generator(tmp_path / "checkpoint-00000003")[1].step == 3


def test_fewer_than_are_kept_all_stay(tmp_path: Path) -> None:
    """At every save: the last ones, five of them as soon as there are five."""
    folder = tmp_path / "checkpoint"
    state, _ = small()
    network = torch.nn.Linear(1, 1)
    for step in range(1, 8):
        checkpoint.save(folder, replace(state, step=step), {"raw": network}, {}, keep=5)
        steps = sorted(checkpoint.load_state(path).step for path in tmp_path.iterdir())
        assert steps == list(range(max(1, step - 4), step + 1))


def test_the_best_one_has_the_lowest_held_out_loss(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = iter([0.5, 0.3, 0.4])
    monkeypatch.setattr("train.training.validation.ValidationBatch.loss", lambda *_: next(measured))
    config = replace(TINY, steps=3, batch=2)
    settings = RunSettings(shards, tmp_path, heldout=shards, workers=0, save_every=1)
    state = checkpoint.load_state(train(config, settings, quiet))
    assert (state.step, state.heldout, state.best) == (3, 0.4, 0.3)
    best = checkpoint.load_state(tmp_path / "best")
    assert (best.step, best.heldout, best.best) == (2, 0.3, 0.3)


def test_a_checkpoint_moved_aside_is_found(saved: Path) -> None:
    """The state between the two moves of a save."""
    saved.rename(saved.with_name("checkpoint-00000003"))
    shutil.copytree(saved.with_name("checkpoint-00000003"), saved.with_name("checkpoint-00000002"))
    assert atomic_folder.latest(saved).name == "checkpoint-00000003"
    assert checkpoint.load_generator(saved)[1].step == 3


def test_a_truncated_checkpoint_says_so(saved: Path) -> None:
    file = saved / "generator.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(TrainingError, match=r"generator\.safetensors cannot be read"):
        checkpoint.load_generator(saved)


def test_a_missing_checkpoint_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no checkpoint at .*expected a directory with"):
        checkpoint.load_generator(tmp_path / "none")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def train_in_a_process(settings: RunSettings, moment: int | None) -> None:
    """Trains, and dies as if by kill -9 at the `moment`-th call that changes a file."""
    torch.set_num_threads(1)
    calls = 0

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == moment:
                die()
            return original(*arguments, **named)

        return call

    for module, name in ((checkpoint, "save_file"), (atomic_folder, "_flush")):
        setattr(module, name, counted(getattr(module, name)))
    for name in ("replace", "link"):
        setattr(os, name, counted(getattr(os, name)))
    for name in ("rmtree", "copytree"):
        setattr(shutil, name, counted(getattr(shutil, name)))
    train(KILLED, settings, quiet)


def process(settings: RunSettings, moment: int | None) -> multiprocessing.process.BaseProcess:
    # The server has imported torch and trained nothing: its children start at once.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["train.training.loop"])
    started = context.Process(target=train_in_a_process, args=(settings, moment))
    started.start()
    return started


def test_killed_at_any_moment_and_resumed_it_equals_the_uninterrupted_run(
    shards: Path, tmp_path: Path
) -> None:
    """Dies again and again, each time later in its saves, until one run comes to its end."""
    whole = RunSettings(shards, tmp_path / "whole", heldout=shards, workers=0, save_every=1, keep=2)
    process(whole, None).join()
    cut = replace(whole, output=tmp_path / "cut")
    deaths = 0
    for moment in (7, 40, 55, 33, 70, 61, 48, None):
        resumed = replace(cut, resume=atomic_folder.latest(cut.folder).exists())
        child = process(resumed, moment)
        child.join()
        deaths += child.exitcode == -signal.SIGKILL
        if child.exitcode == 0:
            break
    assert deaths >= 3
    assert_same_tensors(whole.folder, cut.folder)
    ended = checkpoint.load_state(cut.folder)
    expected = checkpoint.load_state(whole.folder)
    assert replace(ended, minutes=0) == replace(expected, minutes=0)
    assert_same_tensors(whole.best, cut.best)


def test_killed_from_outside_in_the_middle_of_a_step(shards: Path, tmp_path: Path) -> None:
    whole = RunSettings(shards, tmp_path / "whole", workers=0, save_every=1)
    process(whole, None).join()
    cut = replace(whole, output=tmp_path / "cut")
    child = process(cut, None)
    while not cut.folder.exists() and child.is_alive():
        time.sleep(0.001)
    child.kill()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert checkpoint.load_state(cut.folder).step < KILLED.steps
    process(replace(cut, resume=True), None).join()
    assert_same_tensors(whole.folder, cut.folder)
