"""Rasteriser, shading and camera against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from train.data.alpha_blend import compose
from train.rendering.camera import Camera
from train.rendering.head import fit_weak_perspective, pose_angles
from train.rendering.raster import interpolate, rasterise, shade, vertex_normals
from train.rendering.texture import extend_colours
from train.rendering.texture_grid import sample

# Two triangles that cover the square from (2, 2) to (12, 12), wound as `rasterise` sees them.
SQUARE = np.array([[0, 2, 1], [1, 2, 3]], np.int32)


def _square(
    depths: tuple[float, float, float, float], low: float = 2, high: float = 12
) -> np.ndarray:
    corners = [(low, low), (high, low), (low, high), (high, high)]
    return np.array([(*c, z) for c, z in zip(corners, depths, strict=True)], np.float32)


def _draw(
    points: np.ndarray, triangles: np.ndarray, alpha: np.ndarray | None = None, cutout: int = 99
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    uv = np.ascontiguousarray(points[:, :2])
    opacity = np.ones((16, 16), np.float32) if alpha is None else alpha
    return rasterise(points, triangles, 16, 16, uv, opacity, cutout)


def test_plane() -> None:
    # z = 0.5 x + 2 y + 1
    points = _square((6.0, 11.0, 26.0, 31.0))
    index, weights, depth = _draw(points, SQUARE)
    ys, xs = np.mgrid[2:13, 2:13]
    np.testing.assert_allclose(depth[2:13, 2:13], 0.5 * xs + 2 * ys + 1, atol=1e-4)
    assert (index >= 0).sum() == 11 * 11
    assert np.isinf(depth[1]).all()
    assert weights.min() >= -1e-5
    assert weights.sum(axis=2).max() <= 1 + 1e-5


def test_interpolated_places_are_the_pixels_own() -> None:
    points = _square((1.0,) * 4)
    index, weights, _ = _draw(points, SQUARE)
    places = interpolate(index, weights, SQUARE, np.ascontiguousarray(points[:, :2]))
    ys, xs = np.mgrid[2:13, 2:13]
    np.testing.assert_allclose(places[2:13, 2:13], np.stack([xs, ys], axis=2), atol=1e-4)
    assert (places[index < 0] == 0).all()


def test_sampling_is_exact_on_planes_and_keeps_to_the_picture() -> None:
    ys, xs = np.mgrid[:6, :9].astype(np.float32)
    picture = np.stack([3 * xs - ys, np.full_like(xs, 7)], axis=2)
    points = np.array([[0.0, 0.0], [2.25, 3.5], [7.9, 4.1], [-5.0, 2.0]])
    expected = np.array([[0.0, 7.0], [3.25, 7.0], [19.6, 7.0], [-2.0, 7.0]])
    np.testing.assert_allclose(sample(picture, points), expected, atol=1e-9)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_nearest_wins_whatever_the_order(order: tuple[int, int]) -> None:
    planes = [_square((5.0,) * 4), _square((3.0,) * 4, low=6, high=10)]
    points = np.concatenate([planes[k] for k in order])
    index, _, depth = _draw(points, np.concatenate([SQUARE, SQUARE + 4]))
    near = order.index(1)
    assert (depth[6:11, 6:11] == 3).all()
    assert (index[6:11, 6:11] // 2 == near).all()
    assert depth[3, 3] == 5


def test_seen_from_behind_is_not_drawn_unless_cut_out() -> None:
    points, turned = _square((1.0,) * 4), np.ascontiguousarray(SQUARE[:, ::-1])
    assert (_draw(points, turned)[0] == -1).all()
    assert (_draw(points, turned, cutout=0)[0] >= 0).sum() == 121


def test_cutout_follows_the_mask() -> None:
    alpha = np.zeros((16, 16), np.float32)
    alpha[:, 8:] = 1
    index, _, _ = _draw(_square((1.0,) * 4), SQUARE, alpha, cutout=0)
    assert (index[2:13, 2:8] == -1).all()
    assert (index[2:13, 8:13] >= 0).all()


def test_outside_and_degenerate_triangles() -> None:
    points = np.array(
        [[-50, -50, 1], [-40, -50, 1], [-50, -40, 1], [3, 3, 1], [5, 5, 1]], np.float32
    )
    index, _, _ = _draw(points, np.array([[0, 2, 1], [3, 4, 3]], np.int32))
    assert (index == -1).all()


def _shade(trust: float, level: float = 1.0, shine: float = 0.0) -> np.ndarray:
    points = _square((1.0,) * 4, low=0, high=7)
    index, weights, _ = _draw(points, SQUARE)
    texture = np.zeros((16, 16, 3), np.float32)
    texture[...] = 10.0 * np.arange(16, dtype=np.float32)[:, None]  # grows by 10 a column
    return shade(
        index,
        weights,
        SQUARE,
        np.ascontiguousarray(points[:, :2]),
        texture,
        np.full((4, 3), 200.0, np.float32),
        np.full(4, trust, np.float32),
        np.tile(np.array([1.0, 1.0, 0.5], np.float32) * np.float32(level), (4, 1)),
        np.full(4, shine, np.float32),
        2,
    )


def test_shade_reads_the_texture_and_averages_samples() -> None:
    image = _shade(trust=1.0)
    assert image.shape == (8, 8, 4)
    # Output pixel k averages samples 2k and 2k + 1: columns 2k + 0.5.
    expected = 10 * (2 * np.arange(4) + 0.5)
    np.testing.assert_allclose(image[1, :4, 0], expected, atol=1e-3)
    np.testing.assert_allclose(image[1, :4, 2], expected / 2, atol=1e-3)
    np.testing.assert_allclose(image[:4, :4, 3], 255, atol=1e-3)
    assert (image[5:] == 0).all()


def test_shade_adds_the_highlight_after_the_light() -> None:
    dull, shiny = _shade(1.0, level=0.5), _shade(1.0, level=0.5, shine=30.0)
    np.testing.assert_allclose(shiny[1, :4, :3], dull[1, :4, :3] + 30, atol=1e-3)


def test_shade_mixes_fill_and_light() -> None:
    image = _shade(trust=0.25, level=0.5)
    expected = 0.5 * (0.25 * 10 * (2 * np.arange(4) + 0.5) + 0.75 * 200)
    np.testing.assert_allclose(image[1, :4, 1], expected, rtol=1e-4)


def test_normals_of_a_plane_face_the_camera() -> None:
    normals = vertex_normals(_square((0.0, 10.0, 0.0, 10.0)).astype(np.float64), SQUARE)
    np.testing.assert_allclose(normals, np.tile([1, 0, -1], (4, 1)) / np.sqrt(2), atol=1e-9)


def test_rotation_brings_the_nose_where_the_signs_say() -> None:
    nose = np.array([[0.0, 0.0, -1.0]])
    np.testing.assert_allclose(nose @ Camera(90.0).rotation().T, [[1, 0, 0]], atol=1e-12)
    assert (nose @ Camera(0.0, pitch=10.0).rotation().T)[0, 1] < 0  # up
    right = np.array([[1.0, 0.0, 0.0]])
    assert (right @ Camera(0.0, roll=10.0).rotation().T)[0, 1] > 0  # clockwise


def test_pose_angles_invert_the_camera() -> None:
    angles = pose_angles(Camera(20.0, -7.0, 3.0).rotation())
    np.testing.assert_allclose(angles, (20.0, -7.0, 3.0), atol=1e-9)


def test_perspective_keeps_the_plane_of_the_eyes() -> None:
    camera = Camera(0.0, distance=10.0)
    points = camera.project(np.array([[5.0, 6.0, 0.0], [5.0, 6.0, 960.0]]))
    np.testing.assert_allclose(points, [[5.0, 6.0, 0.0], [2.5, 3.0, 960.0]])


def test_weak_perspective_recovers_a_pose(rng: np.random.Generator) -> None:
    shape = rng.normal(size=(20, 3))
    rotation = Camera(12.0, -5.0, 4.0).rotation()
    target = 7.0 * (shape @ rotation.T)[:, :2] + (100.0, 90.0)
    found, scale, shift = fit_weak_perspective(shape, target, np.ones(20))
    np.testing.assert_allclose(found, rotation, atol=1e-9)
    assert scale == pytest.approx(7.0)
    np.testing.assert_allclose(shift, (100.0, 90.0, 0.0), atol=1e-9)


def test_colours_are_continued_beyond_the_mask() -> None:
    image = np.full((64, 64, 3), 255.0, np.float32)
    image[:, :32] = (10.0, 20.0, 30.0)
    trusted = np.zeros((64, 64), np.float32)
    trusted[:, :30] = 1
    result = extend_colours(image, trusted)
    np.testing.assert_allclose(result, np.broadcast_to((10.0, 20.0, 30.0), result.shape), atol=0.5)


def test_compose() -> None:
    image = np.array([[[50, 50, 50, 128], [0, 0, 0, 0]]], np.uint8)
    result = compose(image, (100.0, 0.0, 200.0))
    assert result.tolist() == [[[100, 50, 150], [100, 0, 200]]]
