"""Training examples: layout, repeatability and the detector-like errors."""

from __future__ import annotations

import dataclasses
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import OFFICIAL
from train.data import augment
from train.data.alpha_blend import blend
from train.data.detector_error_table import SHIPPED, load_table
from train.data.shard_examples import Position, ShardExamples, Shuffle, training_batches


def test_an_example_is_a_function_of_its_position(shards: Path) -> None:
    examples = ShardExamples(shards)
    one, two = (examples[Position(5, (0, 1, 5))] for _ in range(2))
    other = examples[Position(5, (0, 2, 5))]
    for name, value in one.items():
        assert torch.equal(value, two[name])
    assert not torch.equal(one["face"], other["face"])


def test_layout_range_and_channel_order(shards: Path) -> None:
    examples = ShardExamples(shards, augmented=False)
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
    example = ShardExamples(shards, augmented=False)[3]
    assert (example["face"] - example["target"]).abs().mean() < 0.04


def test_shuffle_visits_every_view_once_an_epoch_and_resumes() -> None:
    first = [p.view for p in islice(Shuffle(7, seed=3), 21)]
    assert sorted(first[:7]) == sorted(first[7:14]) == list(range(7))
    assert first[:7] != first[7:14]
    assert [p.view for p in islice(Shuffle(7, seed=3, start=9), 12)] == first[9:]


def test_batches_resume_where_they_stopped(shards: Path) -> None:
    examples = ShardExamples(shards)
    whole = list(islice(training_batches(examples, 4, 0, 0, workers=0), 3))
    rest = next(training_batches(examples, 4, 0, 8, workers=0))
    assert torch.equal(whole[2]["face"], rest["face"])


def test_misplaced_landmarks_follow_the_measured_pattern() -> None:
    """Their mean is what the table's is, times the shares with which it is taken."""
    rng = np.random.default_rng(0)
    points = np.asarray(OFFICIAL.points)
    off = np.stack([augment.misplace(rng, points, 90) - points for _ in range(8000)])
    mean, _ = load_table(SHIPPED).at(90)
    np.testing.assert_allclose(off.mean(axis=0), 0.5 * 1.5 * mean, atol=0.12)
    assert 1.5 < off.std(axis=0).mean() < 2.5


def test_a_photo_that_ends_keeps_its_landmarks() -> None:
    """Each pixel holds its own place, so the cut picture says where it was taken from."""
    ys, xs = np.mgrid[:160, :160].astype(np.uint8)
    image = np.stack([xs, ys, ys], axis=2)
    landmarks = np.asarray(OFFICIAL.points) + 16
    sizes = set()
    for seed in range(40):
        part, moved = augment.end_of_photo(np.random.default_rng(seed), image, landmarks)
        sizes.add(part.shape)
        for (x, y), (u, v) in zip(landmarks.astype(int), moved.astype(int), strict=True):
            assert part[v, u, :2].tolist() == [x, y]
    assert len(sizes) > 20


def test_colours_against_hand_worked_values() -> None:
    picture = np.zeros((1, 1, 3), np.float32) + np.array([95, 115, 135], np.float32)
    ones, zeros = np.ones(3, np.float32), np.zeros(3, np.float32)

    def made(**changes: Any) -> list[float]:
        plain = augment.Exposure(ones, zeros, contrast=1, saturation=1, gamma=1)
        result = augment.recolour(picture, dataclasses.replace(plain, **changes))
        return [float(round(float(v), 3)) for v in result[0, 0]]

    assert made() == [95, 115, 135]
    assert made(contrast=2) == [75, 115, 155]
    assert made(contrast=9) == [0, 115, 255]
    assert made(saturation=0) == [115, 115, 115]
    assert made(gain=ones * 2, offset=zeros - 30) == [160, 200, 240]
    assert made(gamma=2) == pytest.approx([v * v / 255 for v in (95, 115, 135)], abs=1e-3)


def test_grey_photos_have_grey_targets() -> None:
    picture = np.zeros((4, 4, 3), np.float32) + np.array([10, 100, 200], np.float32)
    seen = set()
    for seed in range(80):
        one, two = augment.grey(np.random.default_rng(seed), picture, picture)
        np.testing.assert_array_equal(one, two)
        seen.add(tuple(one[0, 0].tolist()))
    luminance = 0.114 * 10 + 0.587 * 100 + 0.299 * 200
    assert (10.0, 100.0, 200.0) in seen
    grey = (seen - {(10.0, 100.0, 200.0)}).pop()
    np.testing.assert_allclose(grey, luminance, rtol=1e-5)


def test_an_occluder_looks_like_its_texture() -> None:
    face, texture = (np.full((160, 160, 3), v, np.float32) for v in (0, 200))
    changed = [
        augment.occlude(np.random.default_rng(seed), face, texture).max() for seed in range(100)
    ]
    assert 3 <= sum(value > 150 for value in changed) <= 20
    assert max(changed) <= 200.001


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
        ShardExamples(tmp_path)
