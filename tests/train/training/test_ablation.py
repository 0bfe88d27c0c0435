"""Each ablation turns off what its name says, and only that."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tpgan_sdk.errors import TrainingError
from train.training import checkpoint
from train.training.ablation import WITHOUT, without
from train.training.config import TrainConfig, load_config
from train.training.loop import train
from train.training.run_settings import RunSettings

from ..runs import TINY, quiet


@pytest.mark.parametrize("name", WITHOUT)
def test_what_is_left(name: str) -> None:
    config = load_config("paper")
    before, after = asdict(config), asdict(without(config, name))
    changed = {key for key in before if before[key] != after[key]}
    own = {key for key in WITHOUT[name] if before[key]}
    assert changed == own
    assert not any(after[key] for key in changed)


def test_every_loss_belongs_to_an_ablation() -> None:
    names = ("pixel", "symmetry", "identity", "total_variation", "adversarial", "cross_entropy")
    fields = {
        key
        for key, value in asdict(TrainConfig()).items()
        if key.startswith(names) and isinstance(value, float) and key != "identity_jitter"
    }
    assert fields == {key for name in names for key in WITHOUT[name]}


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(TrainingError, match="cannot ablate 'gan'; known: pixel, symmetry, iden"):
        without(TrainConfig(), "gan")


def test_what_is_off_cannot_be_turned_off() -> None:
    with pytest.raises(TrainingError, match=r"cannot ablate 'adversarial': .* turned off already"):
        without(TrainConfig(), "adversarial")


def test_a_run_without_local_pathways_loads_again(shards: Path, tmp_path: Path) -> None:
    config = without(replace(TINY, steps=1, batch=2), "local")
    folder = train(config, RunSettings(shards, tmp_path, workers=0), quiet)
    network, state = checkpoint.load_generator(folder)
    assert network.local is None
    assert "pixel_patches" not in state.losses
