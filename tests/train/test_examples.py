"""Training examples: layout, repeatability and the detector-like errors."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import OFFICIAL
from train.data import augment
from train.data.compose import blend
from train.data.examples import Examples, Position, Shuffle, training_batches


def test_an_example_is_a_function_of_its_position(shards: Path) -> None:
    examples = Examples(shards)
    one, two = (examples[Position(5, (0, 1, 5))] for _ in range(2))
    other = examples[Position(5, (0, 2, 5))]
    for name, value in one.items():
        assert torch.equal(value, two[name])
    assert not torch.equal(one["face"], other["face"])


def test_layout_range_and_channel_order(shards: Path) -> None:
    examples = Examples(shards, augmented=False)
    example = examples[0]
    assert example["face"].shape == example["target"].shape == (3, 128, 128)
    assert example["nose"].shape == (3, 32, 40)
    for name in ("face", "target", "mouth"):
        assert -1 <= example[name].min() <= example[name].max() <= 1
    blue, _, red = examples.shards[0].targets[0][64, 30, :3].astype(float)
    pixel = example["target"][:, 64, 30]
    np.testing.assert_allclose((pixel[0] + 1) * 127.5, red, atol=0.01)
    np.testing.assert_allclose((pixel[2] + 1) * 127.5, blue, atol=0.01)


def test_without_augmentation_a_frontal_view_is_its_target(shards: Path) -> None:
    """Same picture, same background, exact points: only the template's rounding is left."""
    example = Examples(shards, augmented=False)[3]
    assert (example["face"] - example["target"]).abs().mean() < 0.04


def test_shuffle_visits_every_view_once_an_epoch_and_resumes() -> None:
    first = [p.view for p in islice(Shuffle(7, seed=3), 21)]
    assert sorted(first[:7]) == sorted(first[7:14]) == list(range(7))
    assert first[:7] != first[7:14]
    assert [p.view for p in islice(Shuffle(7, seed=3, start=9), 12)] == first[9:]


def test_batches_resume_where_they_stopped(shards: Path) -> None:
    examples = Examples(shards)
    whole = list(islice(training_batches(examples, 4, 0, 0, workers=0), 3))
    rest = next(training_batches(examples, 4, 0, 8, workers=0))
    assert torch.equal(whole[2]["face"], rest["face"])


def test_misplaced_landmarks_follow_the_measured_pattern() -> None:
    """At 90 degrees the hidden eye slides towards the outline, the visible one does not."""
    rng = np.random.default_rng(0)
    points = np.asarray(OFFICIAL.points)
    profile = np.mean([augment.misplace(rng, points, 90) - points for _ in range(2000)], axis=0)
    frontal = np.mean([augment.misplace(rng, points, 20) - points for _ in range(2000)], axis=0)
    assert profile[1, 0] == pytest.approx(7, abs=0.5)
    assert np.abs(profile[0]).max() < 0.2
    assert np.abs(frontal).max() < 0.2


def test_composing_is_premultiplied() -> None:
    view = np.zeros((2, 2, 4), np.uint8)
    view[0, 0] = (100, 100, 100, 255)
    view[0, 1] = (50, 50, 50, 128)
    made = blend(view, np.full((2, 2, 3), 200, np.float32))
    assert made[0, 0, 0] == 100
    assert made[0, 1, 0] == pytest.approx(50 + 200 * 127 / 255, abs=0.01)
    assert made[1, 1, 0] == 200


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no shards in .*train\.data\.render"):
        Examples(tmp_path)
