"""Putting a face back, against what can be said in closed form."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from tpgan_sdk.errors import ImageError
from tpgan_sdk.faces.pasting import FEATHER, paste_back
from tpgan_sdk.geometry import CROP_SIZE, invert_transform
from tpgan_sdk.images.resample import to_uint8, warp
from tpgan_sdk.types import Detection, Face


def face(image: np.ndarray, aligned: np.ndarray, transform: np.ndarray) -> Face:
    return Face(image, (0, 0, 1, 1), np.zeros((5, 2)), 1.0, 0.0, False, aligned, transform)


def similarity(scale: float, degrees: float, x: float, y: float) -> np.ndarray:
    c, s = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    return np.array([[c, -s, x], [s, c, y]])


def plain(level: int, size: int = CROP_SIZE) -> np.ndarray:
    return np.full((size, size, 3), level, np.uint8)


def test_other_things_than_a_picture_and_a_face() -> None:
    job = face(plain(1), plain(1), similarity(1, 0, 0, 0))
    for wrong in ([job], None, Detection((0, 0, 1, 1), np.zeros((5, 2)), 1.0)):
        message = rf"given a {type(wrong).__name__}; expected one Face: .*paste_into\(frame, faces"
        with pytest.raises(ImageError, match=message):
            paste_back(plain(1), wrong)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match=r"the path photo\.jpg; expected the picture itself"):
        paste_back("photo.jpg", job)  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
def test_a_constant_photo_stays_constant(scale: float) -> None:
    """The colour shift makes a face of any other constant colour that of the photo."""
    frame = plain(90, 400)
    job = face(plain(200), plain(90), similarity(scale, 20, -30, 10))
    np.testing.assert_array_equal(paste_back(frame, job), frame)


def test_identity_puts_every_pixel_where_it_was(rng: np.random.Generator) -> None:
    frame = plain(100, 140)
    image = plain(100)
    image[FEATHER:-FEATHER, FEATHER:-FEATHER] = rng.integers(0, 256, (96, 96, 3))
    move = np.array([[1.0, 0, -7], [0, 1, -5]])  # the crop begins at (7, 5) of the frame
    result = paste_back(frame, face(image, plain(100), move))
    expected = frame.copy()
    expected[5 : 5 + CROP_SIZE, 7 : 7 + CROP_SIZE] = image
    np.testing.assert_array_equal(result, expected)


def test_the_face_fades_in_over_the_feather() -> None:
    image = plain(100)
    image[16:-16, 16:-16] = 200
    image[60:68, :] = 200  # a bar across the border shows the weight along it
    shift = 100 - image[_border()].mean()
    row = paste_back(plain(100), face(image, plain(100), np.eye(2, 3)))[64, :, 0]
    assert row[0] == 100
    assert row[64] == round(200 + shift)
    assert (np.diff(row[: FEATHER + 1].astype(int)) >= 0).all()
    middle = 100 + (200 + shift - 100) / 2  # smoothstep is one half in its middle
    assert abs(int(row[FEATHER // 2]) - middle) <= 1


def _border() -> np.ndarray:
    border = np.ones((CROP_SIZE, CROP_SIZE), bool)
    border[16:-16, 16:-16] = False
    return border


def test_the_unchanged_crop_gives_the_photo_again() -> None:
    """Cut out and put back at another scale and angle: only the resampling is lost."""
    y, x = np.mgrid[:300, :300]
    frame = np.dstack([x * 0.8, y * 0.8, 255 - x * 0.4 - y * 0.4]).astype(np.uint8)
    move = similarity(0.7, -15, 10, 5)
    crop = to_uint8(warp(frame, move, CROP_SIZE, CROP_SIZE))
    result = paste_back(frame, face(crop, crop, move))
    assert np.abs(result.astype(int) - frame).max() <= 2


def test_beyond_the_crop_nothing_changes(rng: np.random.Generator) -> None:
    frame = rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    untouched = frame.copy()
    move = similarity(2.0, 30, -150, -120)
    result = paste_back(frame, face(plain(0), plain(255), move))
    np.testing.assert_array_equal(frame, untouched)  # the input is not written to
    y, x = np.nonzero((result != frame).any(axis=2))
    crop = np.column_stack([x, y]) @ move[:, :2].T + move[:, 2]
    assert len(x) > 1000
    assert (crop > 0).all()
    assert (crop < CROP_SIZE - 1).all()


@pytest.mark.parametrize("x", [-1000.0, 100.0, 1000.0])
def test_a_face_beyond_or_across_the_border(x: float) -> None:
    frame = plain(90, 150)
    move = invert_transform(np.array([[1.0, 0, x], [0, 1, -60]]))
    result = paste_back(frame, face(plain(30), plain(30), move))
    assert result.shape == frame.shape
    assert (result != frame).any() == (x == 100.0)


def test_bands_do_not_show(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worked on in single rows or as a whole, the picture is the same but for rounding."""
    frame = rng.integers(0, 256, (300, 260, 3), dtype=np.uint8)
    image, aligned = (rng.integers(0, 256, (128, 128, 3), dtype=np.uint8) for _ in range(2))
    job = face(image, aligned, similarity(0.55, 25, 20, -15))
    monkeypatch.setattr("tpgan_sdk.faces.pasting._BAND_PIXELS", 1)
    rows = paste_back(frame, job)
    monkeypatch.setattr("tpgan_sdk.faces.pasting._BAND_PIXELS", 1 << 30)
    whole = paste_back(frame, job)
    difference = np.abs(rows.astype(int) - whole)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01
    assert (whole != frame).mean() > 0.5


def test_a_face_that_fills_a_large_photo_needs_little_more_than_its_copy() -> None:
    size = 2000
    frame = plain(90, size)
    job = face(plain(200), plain(90), similarity(CROP_SIZE / size, 10, 0, 0))
    tracemalloc.start()  # NumPy's arrays; it does not see those of OpenCV
    try:
        paste_back(frame, job)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < frame.nbytes + 20e6


def test_a_frame_that_is_no_picture() -> None:
    with pytest.raises(ImageError, match="float64"):
        paste_back(np.zeros((9, 9, 3)), face(plain(0), plain(0), np.eye(2, 3)))  # type: ignore[arg-type]
