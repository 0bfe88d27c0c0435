"""The derived half of a face against heads whose points are all known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tpgan_sdk.errors import GeometryError
from tpgan_sdk.geometry import estimate_yaw, mirror_landmarks
from train.data.fiducials import five_points

# Half of the mean head, (x, y down, z): eyes at x = +-0.463, corners at +-0.361, rest in between.
EYE, CORNER = (-0.463, 0.0, 0.0), (-0.361, 0.991, 0.137)
MIDDLE = {18: -0.043, 19: 0.115, 20: 0.26, 21: 0.432, 22: 0.661, 26: 0.843}
DEPTH = {18: 0.215, 19: 0.327, 20: 0.439, 21: 0.547, 22: 0.333, 26: 0.372}


def turned(points: np.ndarray, yaw: float, roll: float) -> np.ndarray:
    """(N, 3) head to (N, 2) px, 50 px a unit, at (80, 60)."""
    y, r = math.radians(yaw), math.radians(roll)
    x = points[:, 0] * math.cos(y) + points[:, 2] * math.sin(y)
    flat = np.stack([x, points[:, 1]], axis=1)
    turn = np.array([[math.cos(r), math.sin(r)], [-math.sin(r), math.cos(r)]])
    return np.asarray(flat @ turn * 50 + (80, 60))


def head(yaw: float, roll: float) -> tuple[np.ndarray, np.ndarray]:
    """The 30 fiducials of the seen half, NaN where unused, and the five true points."""
    marks = np.full((30, 3), np.nan)
    marks[12:18], marks[25] = EYE, CORNER
    for index, y in MIDDLE.items():
        marks[index] = (0, y, DEPTH[index])
    mirrored = np.array([-1, 1, 1])
    true = np.array([EYE, EYE * mirrored, marks[21], CORNER, CORNER * mirrored])
    return turned(marks, yaw, roll), turned(true, yaw, roll)


@pytest.mark.parametrize("yaw", [0, 30, 60, 80, 90])
@pytest.mark.parametrize("roll", [-25, 0, 10])
def test_the_hidden_points_of_the_mean_head_are_exact(yaw: float, roll: float) -> None:
    marks, true = head(yaw, roll)
    found = five_points(marks)
    np.testing.assert_allclose(found, true, atol=0.35)  # px, of 50 from eyes to mouth
    assert estimate_yaw(found) == pytest.approx(yaw, abs=8)


def test_a_mirrored_photo_gives_the_mirrored_points() -> None:
    marks, _ = head(55, 7)
    width = 161
    other = marks.copy()
    other[:, 0] = width - 1 - other[:, 0]
    expected = mirror_landmarks(five_points(marks), width)
    np.testing.assert_allclose(five_points(other), expected, atol=1e-9)
    assert estimate_yaw(five_points(other)) < -40


def test_what_is_seen_stays_where_it_was_marked() -> None:
    marks, _ = head(70, 0)
    found = five_points(marks)
    np.testing.assert_array_equal(found[2], marks[21])
    np.testing.assert_array_equal(found[3], marks[25])
    np.testing.assert_allclose(found[0], marks[12], atol=1e-9)


def test_points_of_no_face_are_refused() -> None:
    with pytest.raises(GeometryError, match="less than one pixel apart"):
        five_points(np.zeros((30, 2)))
