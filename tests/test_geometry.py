"""Geometry against closed forms and the published numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tpgan_sdk import geometry as g
from tpgan_sdk.errors import GeometryError

# Published, counted from one (Huang et al. 2017, official code), and its inclusive paste boxes.
PUBLISHED = np.array(
    [(43.58, 41.00), (86.42, 41.00), (64.12, 64.75), (47.59, 88.86), (82.59, 89.11)]
)
PUBLISHED_BOXES = ((23, 62, 20, 59), (65, 104, 20, 59), (43, 82, 48, 79), (40, 87, 72, 103))
SEED_BOXES = ((18, 57, 19, 58), (65, 104, 18, 57), (43, 82, 47, 78), (40, 87, 72, 103))


def similarity(angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    cos, sin = math.cos(math.radians(angle)) * scale, math.sin(math.radians(angle)) * scale
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]])


def turned_head(yaw: float) -> np.ndarray:
    """Five points of a head without depth but for the nose, seen orthographically."""
    eye, mouth = g.EYE_SPAN * 24, 17.0
    solid = np.array(
        [(-eye, 0, 0), (eye, 0, 0), (0, 24, g.NOSE_DEPTH * 48), (-mouth, 48, 0), (mouth, 48, 0)]
    )
    cos, sin = math.cos(math.radians(yaw)), math.sin(math.radians(yaw))
    return np.column_stack([solid[:, 0] * cos + solid[:, 2] * sin, solid[:, 1]]) + 100


def test_official_template_is_the_published_one_counted_from_zero() -> None:
    np.testing.assert_allclose(np.asarray(g.OFFICIAL.points) + 1, PUBLISHED)
    eyes, mouth = PUBLISHED[:2].mean(0) - 1, PUBLISHED[3:].mean(0) - 1
    np.testing.assert_allclose(eyes, g.OFFICIAL.eye_center)
    assert mouth[1] - eyes[1] == pytest.approx(g.OFFICIAL.eye_to_mouth, abs=0.02)


@pytest.mark.parametrize(
    ("template", "boxes"), [("official", PUBLISHED_BOXES), ("seed", SEED_BOXES)]
)
def test_paste_boxes_are_the_published_ones(
    template: str, boxes: tuple[tuple[int, ...], ...]
) -> None:
    found = g.TEMPLATES[template].paste_boxes()
    assert (
        tuple(
            (x, x + p.width - 1, y, y + p.height - 1)
            for (x, y), p in zip(found, g.PATCHES, strict=True)
        )
        == boxes
    )


@pytest.mark.parametrize("angle", [-170.0, -40.0, 0.0, 25.0, 90.0])
def test_alignment_levels_the_eyes_and_fixes_center_and_distance(angle: float) -> None:
    points = g.apply_transform(similarity(angle, 2.3, (300, 200)), g.OFFICIAL.points)
    aligned = g.apply_transform(g.alignment_transform(points), points)
    np.testing.assert_allclose(aligned[:2].mean(0), (64, 40), atol=1e-9)
    assert aligned[0, 1] == pytest.approx(aligned[1, 1], abs=1e-9)
    assert aligned[3:, 1].mean() - 40 == pytest.approx(48, abs=1e-9)


def test_alignment_ignores_the_eye_distance() -> None:
    near = np.array([(60, 50), (64, 50), (70, 70), (60, 90), (66, 90)], float)
    far = near.copy()
    far[0, 0], far[1, 0] = 42, 82
    for points in (near, far):
        transform = g.alignment_transform(points)
        assert math.hypot(*transform[:, 0]) == pytest.approx(48 / 40, rel=0.02)


def test_roll_of_a_profile_comes_from_the_eye_mouth_axis() -> None:
    """The eyes coincide: their line says nothing, and a pixel of it must not turn the face."""
    profile = np.array([(50, 40), (50, 40.5), (72, 60), (50, 88), (50, 88)], float)
    transform = g.alignment_transform(profile)
    assert math.degrees(math.atan2(transform[1, 0], transform[0, 0])) == pytest.approx(0, abs=0.1)
    assert g.alignment_transform(profile + [[0, 0], [0, 3], [0, 0], [0, 0], [0, 0]])[1, 0] == (
        pytest.approx(0, abs=0.02)
    )


def test_roll_blends_without_a_jump() -> None:
    rolls = []
    for yaw in np.arange(50, 88, 0.5):
        points = turned_head(float(yaw)) @ np.array([[1.0, 0.0], [0.0, 1.0]])
        points[1, 1] += 0.5
        matrix = g.alignment_transform(points)
        rolls.append(math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])))
    assert np.abs(np.diff(rolls)).max() < 0.3


@pytest.mark.parametrize("yaw", [-90, -60, -15, 0, 15, 45, 75, 90])
def test_yaw_of_a_turned_head_is_exact_and_ignores_scale_and_roll(yaw: float) -> None:
    points = turned_head(yaw)
    assert g.estimate_yaw(points) == pytest.approx(yaw, abs=1e-6)
    moved = g.apply_transform(similarity(33, 0.4, (-5, 12)), points)
    assert g.estimate_yaw(moved) == pytest.approx(yaw, abs=1e-6)


def test_mirroring_negates_the_yaw_and_twice_is_nothing() -> None:
    points = turned_head(37)
    mirrored = g.mirror_landmarks(points, 301)
    assert g.estimate_yaw(mirrored) == pytest.approx(-37, abs=1e-9)
    np.testing.assert_allclose(g.mirror_landmarks(mirrored, 301), points)
    assert mirrored[0, 0] < mirrored[1, 0]


def test_similarity_recovers_a_known_one_and_inverts(rng: np.random.Generator) -> None:
    truth = similarity(-25, 1.7, (12, -3))
    points = rng.uniform(0, 100, (7, 2))
    np.testing.assert_allclose(
        g.fit_similarity(points, g.apply_transform(truth, points)), truth, atol=1e-9
    )
    back = g.apply_transform(g.invert_transform(truth), g.apply_transform(truth, points))
    np.testing.assert_allclose(back, points, atol=1e-9)


def test_similarity_agrees_with_insightface(rng: np.random.Generator) -> None:
    align = pytest.importorskip("insightface.utils.face_align")
    points = np.asarray(g.OFFICIAL.points) * 1.9 + rng.normal(0, 3, (5, 2))
    theirs = align.estimate_norm(points.astype(np.float32), 112)
    ours = g.fit_similarity(points, align.arcface_dst)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_mirror_transforms_compose_to_the_same_crop() -> None:
    transform = similarity(10, 0.8, (4, 9))
    point = np.array([[37.0, 55.0]])
    seen = g.apply_transform(transform, [[200 - 37.0, 55.0]])  # in the mirrored frame, 201 wide
    whole = g.mirror_crop_transform(g.mirror_frame_transform(transform, 201))
    expected = seen * [[-1, 1]] + [[127, 0]]
    np.testing.assert_allclose(g.apply_transform(whole, point), expected, atol=1e-9)
    assert np.linalg.det(whole[:, :2]) > 0


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((4, 2)), r"shape \(4, 2\); expected \(5, 2\)"),
        (np.full((5, 2), np.nan), "NaN or infinity"),
        (np.ones((5, 2)), "less than one pixel apart"),
    ],
)
def test_impossible_landmarks_are_refused(points: np.ndarray, message: str) -> None:
    with pytest.raises(GeometryError, match=message):
        g.alignment_transform(points)


def test_a_patch_out_of_reach_is_refused_by_name() -> None:
    points = np.asarray(g.OFFICIAL.points).copy()
    points[2] = (400, 60)
    with pytest.raises(GeometryError, match=r"nose landmark lies at \(400, 60\)"):
        g.patch_origins(points)


def test_coinciding_points_have_no_similarity() -> None:
    with pytest.raises(GeometryError, match="two that differ"):
        g.fit_similarity(np.ones((5, 2)), np.zeros((5, 2)))
