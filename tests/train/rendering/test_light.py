"""Light against closed forms: Lambert, harmonics by quadrature, shadows and corners."""

from __future__ import annotations

import numpy as np
import pytest

from train.rendering.light import Light, Shading, illuminate, irradiance
from train.rendering.shadow import ambient_occlusion, lamp_visibility

OPAQUE = np.ones((1, 1), np.float32)


def grid(
    origin: tuple[float, ...], right: tuple[float, ...], down: tuple[float, ...], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and triangles of a square sheet of count x count cells that faces right x down."""
    steps = np.arange(count + 1)
    a, b = (np.asarray(axis, float) for axis in (right, down))
    points = np.asarray(origin) + steps[:, None, None] * b + steps[None, :, None] * a
    corner = (np.arange(count)[:, None] * (count + 1) + np.arange(count)).ravel()
    one, two, three = corner, corner + 1, corner + count + 1
    triangles = np.concatenate(
        [np.column_stack([one, three, two]), np.column_stack([two, three, three + 1])]
    )
    return points.reshape(-1, 3).astype(np.float32), triangles.astype(np.int32)


def lit(light: Light, normals: np.ndarray) -> Shading:
    """Light on single points that nothing can shade."""
    points = np.zeros((len(normals), 3), np.float32)
    none = np.zeros((0, 3), np.int32)
    uv = np.zeros((len(normals), 2), np.float32)
    return illuminate(light, points, normals.astype(np.float32), none, 0, uv, OPAQUE)


TOWARDS, AWAY = np.array([[0.0, 0.0, -1.0]]), np.array([[0.0, 0.0, 1.0]])


def test_a_lamp_follows_lambert() -> None:
    light = Light((0.0, 0.0, -0.5), ambient=0.5)
    # Half the photo's light stays; of the other half, ambient / mean and one / mean arrive.
    np.testing.assert_allclose(lit(light, AWAY).factor, 0.5 + 0.5 * 0.5 / 0.8, rtol=1e-6)
    np.testing.assert_allclose(lit(light, TOWARDS).factor, 0.5 + 0.5 * 1.0 / 0.8, rtol=1e-6)


def test_no_light_leaves_the_photo_as_it_is() -> None:
    result = lit(Light(gain=(1.1, 1.0, 0.9)), TOWARDS)
    np.testing.assert_allclose(result.factor, [[1.1, 1.0, 0.9]], rtol=1e-6)
    assert result.highlight.tolist() == [0.0]


def test_the_lamp_has_a_colour_and_a_highlight() -> None:
    light = Light((0.0, 0.0, -1.0), ambient=0.0, lamp=(1.0, 0.5, 0.25), gloss=40.0)
    result = lit(light, np.concatenate([TOWARDS, AWAY]))
    np.testing.assert_allclose(result.factor[0], np.array([1.0, 0.5, 0.25]) / 0.6, rtol=1e-5)
    np.testing.assert_allclose(result.highlight, [40.0, 0.0], atol=1e-4)


def test_irradiance_is_the_integral_over_the_sphere() -> None:
    rng = np.random.default_rng(0)
    environment = tuple(rng.normal(0, 0.2, 8))
    z = np.linspace(-1, 1, 401)[:-1] + 1 / 400
    angle = np.linspace(0, 2 * np.pi, 800, endpoint=False)
    z, angle = (v.ravel() for v in np.meshgrid(z, angle))
    x, y = np.sqrt(1 - z * z) * np.cos(angle), np.sqrt(1 - z * z) * np.sin(angle)
    three, five, fifteen = np.sqrt([3, 5, 15])
    basis = [three * y, three * z, three * x, fifteen * x * y, fifteen * y * z]
    basis += [five / 2 * (3 * z * z - 1), fifteen * x * z, fifteen / 2 * (x * x - y * y)]
    radiance = 1 + sum(c * b for c, b in zip(environment, basis, strict=True))
    for normal in ((0.0, 0.0, -1.0), (0.6, 0.0, -0.8), (0.0, -1.0, 0.0)):
        cosine = np.maximum(np.column_stack([x, y, z]) @ normal, 0)
        expected = (radiance * cosine).mean() * 4  # 4 pi of sphere over pi
        found = irradiance(environment, np.array([normal]))[0]
        assert found == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("tilt", [(0.0, 0.0, -1.0), (0.6, 0.0, -0.8), (0.0, -0.6, -0.8)])
def test_a_square_shades_what_lies_behind_it(tilt: tuple[float, float, float]) -> None:
    """A wall at depth 0, a square of side 20 at depth -40; the shadow moves with the lamp."""
    wall, wall_triangles = grid((-100, -100, 0), (4, 0, 0), (0, 4, 0), 50)
    square, square_triangles = grid((-10, -10, -40), (4, 0, 0), (0, 4, 0), 5)
    points = np.concatenate([wall, square])
    triangles = np.concatenate([wall_triangles, square_triangles + len(wall)])
    uv = np.zeros((len(points), 2), np.float32)
    toward = np.asarray(tilt, np.float32)
    light = lamp_visibility(points, toward, triangles, len(triangles), uv, OPAQUE)[: len(wall)]
    middle = -40 * toward[:2] / toward[2] * np.float32(-1)
    offset = np.abs(wall[:, :2] - middle).max(axis=1)
    assert light[offset < 6].max() == 0
    assert light[offset > 16].min() == 1


def test_openness_of_a_plane_and_of_a_corner() -> None:
    flat, triangles = grid((-50, -50, 0), (4, 0, 0), (0, 4, 0), 25)
    normals = np.tile((0.0, 0.0, -1.0), (len(flat), 1))
    assert ambient_occlusion(flat, normals, triangles).min() > 0.99
    # Against a wall at a right angle, a point of the floor sees half of the sky.
    floor, first = grid((-400, 0, 0), (10, 0, 0), (0, 10, 0), 80)
    wall, second = grid((-400, 0, -800), (10, 0, 0), (0, 0, 10), 80)
    points = np.concatenate([floor, wall])
    normals = np.concatenate(
        [np.tile((0.0, 0.0, -1.0), (len(floor), 1)), np.tile((0.0, 1.0, 0.0), (len(wall), 1))]
    )
    triangles = np.concatenate([first, second[:, ::-1] + len(floor)]).astype(np.int32)
    found = ambient_occlusion(points, normals, triangles, directions=400)
    near = int(np.argmin(np.linalg.norm(points[: len(floor)] - (0, 40, 0), axis=1)))
    far = int(np.argmin(np.linalg.norm(points[: len(floor)] - (0, 700, 0), axis=1)))
    assert found[near] == pytest.approx(0.5, abs=0.06)
    assert found[far] > 0.8
