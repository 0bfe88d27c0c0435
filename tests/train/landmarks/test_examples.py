"""What the network is shown, and that the truth lies where the picture has it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tpgan_sdk import geometry
from tpgan_sdk.faces.refiner import INPUT_TRANSFORM, to_points, to_pose
from train.data import augment
from train.landmarks import examples as e
from train.landmarks.views import ViewSet


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No light, colour or damage, and few backgrounds."""
    monkeypatch.setattr(augment, "occlude", lambda rng, image, texture: image)
    monkeypatch.setattr(augment, "recolour", lambda image, mapping: image)
    monkeypatch.setattr(augment, "grey", lambda rng, image: (image,))
    monkeypatch.setattr(augment, "damage", lambda rng, image: image)
    monkeypatch.setattr(e, "BACKGROUNDS", 4)


@pytest.mark.usefixtures("plain")
def test_the_truth_lies_where_the_picture_has_it(views: ViewSet) -> None:
    examples = e.Examples([views])
    for seed in range(20):
        image, truth = examples.example(seed % 2, np.random.default_rng(seed))
        points = geometry.apply_transform(np.array(INPUT_TRANSFORM), to_points(truth))
        for x, y in points:
            if 3 <= x < 93 and 3 <= y < 93:
                assert image[0, 0, round(y), round(x)] > 0.5  # a disc, which is 4 px wide here
    assert sorted(p.tolist() for p in to_points(truth)) != sorted(views.landmarks[1].tolist())


@pytest.mark.usefixtures("plain")
def test_mirrored_examples_have_mirrored_poses(views: ViewSet) -> None:
    examples = e.Examples([views])
    yaws = [to_pose(examples.example(0, np.random.default_rng(s))[1])[0] for s in range(60)]
    assert {round(yaw) for yaw in yaws} == {-30, 30}
    assert yaws.count(min(yaws)) < 30  # the wrong side is the exception


@pytest.mark.usefixtures("plain")
def test_the_roll_turns_with_the_crop(views: ViewSet, monkeypatch: pytest.MonkeyPatch) -> None:
    angle = math.radians(12)
    turn = np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0]])
    monkeypatch.setattr(e, "rough_transform", lambda rng: turn)
    monkeypatch.setattr(e, "WRONG_SIDE", 0.0)
    monkeypatch.setattr(e, "SIDE_FALL", 1e-3)
    _, truth = e.Examples([views]).example(0, np.random.default_rng(0))
    np.testing.assert_allclose(to_pose(truth), [30, 5, 14], atol=1e-4)
    eyes = to_points(truth)[1] - to_points(truth)[0]
    assert math.degrees(math.atan2(eyes[1], eyes[0])) == pytest.approx(12, abs=1e-3)


def test_rough_transforms_err_about_the_middle() -> None:
    rng = np.random.default_rng(0)
    drawn = np.stack([e.rough_transform(rng) for _ in range(4000)])
    middle = drawn @ np.array([63.5, 63.5, 1.0]) - 63.5
    share = e.FINE_SHARE
    expected = np.sqrt((1 - share) * np.square(e.COARSE) + share * np.square(e.FINE))
    np.testing.assert_allclose(middle.std(axis=0), expected[:2], rtol=0.08)
    scale = np.log(np.sqrt(np.linalg.det(drawn[:, :, :2])))
    assert scale.std() == pytest.approx(expected[2], rel=0.08)


def test_examples_come_from_seed_and_number(
    views: ViewSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(e, "BACKGROUNDS", 4)
    first, again, other = e.Examples([views], 3), e.Examples([views], 3), e.Examples([views], 4)
    torch.testing.assert_close(first[7], again[7], rtol=0, atol=0)
    assert not torch.equal(first[7][0], other[7][0])
    assert not torch.equal(first[7][0], first[8][0])
    image, truth = next(e.batches(first, 2, 0))
    assert image.shape == (2, 3, 96, 96)
    assert truth.shape == (2, 13)
    torch.testing.assert_close(image[1], first[1][0], rtol=0, atol=0)
