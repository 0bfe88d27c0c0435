"""A run that has gone wrong stops and names what is good."""

from __future__ import annotations

from pathlib import Path

import pytest

from tpgan_sdk.errors import TrainingError
from train.training.config import TrainConfig
from train.training.divergence import DivergenceCheck

CONFIG = TrainConfig(critic_bound=10.0, critic_patience=3)


def test_a_discriminator_that_stays_beyond_its_bound_stops_the_run(tmp_path: Path) -> None:
    divergence_check = DivergenceCheck(CONFIG, tmp_path)
    for step, loss in enumerate((11.0, -12.0, 9.0, 13.0, -14.0)):  # 9 begins the count anew
        divergence_check.check(step, {"critic": loss})
    expected = rf"diverged: at step 7 its loss is 15, .* 3 times in a row; .* good .* is {tmp_path}"
    with pytest.raises(TrainingError, match=expected):
        divergence_check.check(7, {"critic": 15.0})


def test_steps_without_the_discriminator_do_not_count(tmp_path: Path) -> None:
    divergence_check = DivergenceCheck(CONFIG, tmp_path)
    for step in range(10):
        divergence_check.check(step, {"pixel_128": 99.0})
    divergence_check.check(10, {"critic": 11.0})
    divergence_check.check(11, {"pixel_128": 0.1})
    divergence_check.check(12, {"critic": 11.0})
    with pytest.raises(TrainingError, match="diverged"):
        divergence_check.check(13, {"critic": 11.0})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_not_finite_stops_the_run(value: float, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"not finite at step 5: .*; nothing was saved yet"):
        DivergenceCheck(CONFIG, tmp_path / "none").check(5, {"pixel_128": 0.1, "critic": value})
