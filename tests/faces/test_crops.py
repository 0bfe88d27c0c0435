"""Crops and patches: positions, borders and the mirror."""

from __future__ import annotations

import numpy as np
import pytest

from tpgan_sdk import geometry
from tpgan_sdk.errors import GeometryError
from tpgan_sdk.faces import crops
from tpgan_sdk.images.resample import warp
from tpgan_sdk.models.inputs import margin_of

POINTS = np.asarray(geometry.OFFICIAL.points)


def turned(yaw_sign: int) -> np.ndarray:
    """Template points with the nose moved towards one side."""
    points = POINTS.copy()
    points[2, 0] = 64 + yaw_sign * 9
    return points


def test_patches_are_slices_of_the_aligned_crop(rng: np.random.Generator) -> None:
    crop = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    cut = crops.crop_aligned(crop, None)
    np.testing.assert_array_equal(cut.face, crop)
    for patch, (x, y), spec in zip(
        cut.patches, geometry.OFFICIAL.paste_boxes(), geometry.PATCHES, strict=True
    ):
        np.testing.assert_array_equal(patch, crop[y : y + spec.height, x : x + spec.width])


def test_patches_beyond_the_crop_come_from_the_frame(rng: np.random.Generator) -> None:
    frame = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)
    points = turned(1) + 80
    points[2, 0] = 80 + 118  # the nose patch ends 10 px right of the crop
    cut = crops.crop_face(frame, points, mirrored=False)
    transform = cut.transform
    np.testing.assert_allclose(transform[:, :2], np.eye(2), atol=0.01)
    x, y = geometry.patch_origins(cut.landmarks)[2]
    assert x + 40 > 128
    expected = warp(frame, transform, 40, 32, x, y)
    np.testing.assert_allclose(cut.patches[2], expected, atol=0.02)


def test_patches_beyond_an_aligned_crop_replicate_its_edge(rng: np.random.Generator) -> None:
    crop = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    points = turned(1)
    points[2, 0] = 118
    nose = crops.crop_aligned(crop, points).patches[2]
    x, y = geometry.patch_origins(points)[2]
    np.testing.assert_array_equal(
        nose[:, 128 - x :],
        np.repeat(crop[y : y + 32, 127:128].astype(np.float32), x + 40 - 128, axis=1),
    )


@pytest.mark.parametrize("width", [301, 500])
@pytest.mark.parametrize("scale", [0.8, 3.7])
def test_a_mirrored_photo_gives_the_same_network_input(
    rng: np.random.Generator, width: int, scale: float
) -> None:
    """Bit for bit, also where the crop shrinks and the width is no multiple of the box."""
    frame = rng.integers(0, 256, (500, width, 3), dtype=np.uint8)
    points = turned(1) * scale * 0.6 + 11
    straight = crops.crop_face(frame, points)
    mirrored = crops.crop_face(frame[:, ::-1], geometry.mirror_landmarks(points, width))
    assert (straight.mirrored, mirrored.mirrored) == (False, True)
    np.testing.assert_array_equal(straight.face, mirrored.face)
    for one, other in zip(straight.patches, mirrored.patches, strict=True):
        np.testing.assert_array_equal(one, other)


def test_network_inputs_are_named_normalised_and_in_the_networks_order() -> None:
    crop = np.zeros((128, 128, 3), np.uint8)
    crop[..., 0] = 255  # blue in BGR
    inputs = crops.network_inputs([crops.crop_aligned(crop, None)] * 2, reverse_channels=True)
    assert {n: v.shape for n, v in inputs.items()} == {
        "face": (2, 3, 128, 128),
        "left_eye": (2, 3, 40, 40),
        "right_eye": (2, 3, 40, 40),
        "nose": (2, 3, 32, 40),
        "mouth": (2, 3, 32, 48),
    }
    for values in inputs.values():
        assert values.dtype == np.float32
        np.testing.assert_allclose(values[:, 2], 1.0, atol=1e-6)
        np.testing.assert_allclose(values[:, :2], -1.0)


def test_landmarks_outside_the_image_are_refused() -> None:
    frame = np.zeros((100, 120, 3), np.uint8)
    with pytest.raises(GeometryError, match="outside the 120x100 image"):
        crops.crop_face(frame, POINTS + 300)


def test_nan_landmarks_are_refused() -> None:
    with pytest.raises(GeometryError, match="NaN or infinity"):
        crops.crop_face(np.zeros((100, 120, 3), np.uint8), np.full((5, 2), np.nan))


@pytest.mark.parametrize("margin", [16, 40])
def test_a_margin_only_adds_what_lies_around(rng: np.random.Generator, margin: int) -> None:
    frame = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)
    points = turned(1) + 80
    bare = crops.crop_face(frame, points)
    wide = crops.crop_face(frame, points, margin=margin)
    assert wide.face.shape == (128 + 2 * margin,) * 2 + (3,)
    # Sampled from another corner on: the last bits of a position differ.
    np.testing.assert_allclose(wide.crop, bare.face, atol=0.01)
    np.testing.assert_array_equal(wide.landmarks, bare.landmarks)
    for one, other in zip(bare.patches, wide.patches, strict=True):
        np.testing.assert_allclose(one, other, atol=0.01)
    moved = warp(frame, wide.transform, *wide.face.shape[:2], -margin, -margin)
    np.testing.assert_array_equal(wide.face, moved)


def test_a_mirrored_photo_has_a_mirrored_margin(rng: np.random.Generator) -> None:
    frame = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8)
    points = turned(1) + 80
    one = crops.crop_face(frame, points, margin=16)
    other = crops.crop_face(
        np.ascontiguousarray(frame[:, ::-1]), geometry.mirror_landmarks(points, 300), margin=16
    )
    assert (one.mirrored, other.mirrored) == (False, True)
    np.testing.assert_allclose(one.face, other.face, atol=1e-2)


def test_the_margin_of_an_aligned_crop_repeats_its_border(rng: np.random.Generator) -> None:
    crop = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    wide = crops.crop_aligned(crop, None, margin=16)
    np.testing.assert_array_equal(wide.face, np.pad(crop, ((16, 16), (16, 16), (0, 0)), "edge"))


def test_only_the_inputs_of_the_model_are_made(rng: np.random.Generator) -> None:
    crop = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    cut = crops.crop_aligned(crop, None, margin=16)
    shapes = {"face": [3, 160, 160], "mouth": [3, 32, 48]}
    made = crops.network_inputs([cut], True, shapes)
    assert {name: list(value.shape[1:]) for name, value in made.items()} == shapes
    np.testing.assert_allclose((made["face"][0, 2] + 1) * 127.5, cut.face[..., 0], atol=1e-3)
    assert margin_of(shapes) == 16
