"""Scaling, padding, mirroring and mapping back, with finders whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from tpgan_sdk.detectors.multiscale import BORDER_GREY, MultiscaleDetector, SearchScales

# A "face" is a grey block with five squares in colours that no blend of two others looks like.
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255))


class Blobs:
    """Finds the centres of the five squares by their colours."""

    name = "blobs"

    def __init__(self, looks: SearchScales, needs_border: bool = False) -> None:
        self.looks = looks
        self.needs_border = needs_border
        self.seen: list[np.ndarray] = []

    def find(self, image: np.ndarray) -> np.ndarray:
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        self.seen.append(image)
        border = (image == BORDER_GREY).all(axis=2)
        ys, xs = np.nonzero((image.max(axis=2) > 60) & ~border)
        if not len(xs) or (self.needs_border and xs.min() == 0):
            return np.empty((0, 15))
        points = []
        for colour in COLOURS:
            bright = np.array(colour) > 0
            y, x = np.nonzero(((image > 178) == bright).all(axis=2) & (image.min(axis=2) < 50))
            if not len(x):
                return np.empty((0, 15))
            points += [x.mean(), y.mean()]
        row = [xs.min(), ys.min(), xs.max(), ys.max(), 0.9, *points]
        # A mirrored face has its left and right swapped, as a real detector would say.
        if points[0] > points[2]:
            row[5:] = [*row[7:9], *row[5:7], *row[9:11], *row[13:15], *row[11:13]]
        return np.array([row], dtype=float)


CENTERS = np.array([(120, 100), (200, 104), (164, 150), (130, 190), (196, 194)], float)


def scene(width: int = 400, height: int = 320, background: int = 20) -> np.ndarray:
    image = np.full((height, width, 3), background, np.uint8)
    image[60:240, 80:240] = 100
    for colour, (x, y) in zip(COLOURS, CENTERS.astype(int), strict=True):
        image[y - 10 : y + 11, x - 10 : x + 11] = colour
    return image


def test_coordinates_come_back_to_the_frame() -> None:
    finder = Blobs(SearchScales(first=200, second=448, span=2.0))
    (face,) = MultiscaleDetector(finder).detect(scene())
    assert max(finder.seen[0].shape) == 200  # 400 px scaled down by two
    assert [view.shape[:2] for view in finder.seen[1:]] == [(448, 448)] * 2
    np.testing.assert_allclose(face.landmarks, CENTERS, atol=0.3)
    np.testing.assert_allclose(face.box, (80, 60, 239, 239), atol=2.5)
    assert face.score == 0.9


def test_the_second_look_is_finer_than_the_first() -> None:
    """Whole pixels at a quarter of the size would be off by two; the mean of two views is not."""

    class Rounded(Blobs):
        def find(self, image: np.ndarray) -> np.ndarray:
            found: np.ndarray = np.rint(super().find(image))
            return found

    (face,) = MultiscaleDetector(Rounded(SearchScales(first=100, second=448, span=2.0))).detect(
        scene()
    )
    np.testing.assert_allclose(face.landmarks, CENTERS, atol=0.6)


def test_mirrored_photo_mirrored_landmarks() -> None:
    search = MultiscaleDetector(Blobs(SearchScales(first=400, second=448, span=2.0)))
    (face,) = search.detect(scene())
    (mirrored,) = search.detect(scene()[:, ::-1])
    back = mirrored.landmarks[[1, 0, 2, 4, 3]] * [-1, 1] + [399, 0]
    np.testing.assert_allclose(back, face.landmarks, atol=0.5)


def test_small_pictures_are_not_scaled_up_at_first() -> None:
    finder = Blobs(SearchScales(first=640, second=448, span=2.0))
    MultiscaleDetector(finder).detect(scene())
    assert finder.seen[0].shape == (320, 400, 3)


def test_tight_crops_are_padded_with_grey_and_tried_again() -> None:
    finder = Blobs(SearchScales(first=640, second=320, span=2.0), needs_border=True)
    crop = np.ascontiguousarray(scene()[60:240, 80:240])
    (face,) = MultiscaleDetector(finder).detect(crop)
    assert finder.seen[0].shape == (180, 160, 3)
    padded = finder.seen[1]  # 45 px on each side: 270x250, scaled so that 270 are 320
    assert abs(padded.shape[0] - 320) <= 1
    assert abs(padded.shape[1] - 296) <= 1
    assert padded[0, 0].tolist() == [BORDER_GREY] * 3
    np.testing.assert_allclose(face.landmarks, CENTERS - [80, 60], atol=0.5)


def test_nothing_found_is_an_empty_list() -> None:
    assert (
        MultiscaleDetector(Blobs(SearchScales(640, 448, 2.0))).detect(
            np.zeros((50, 40, 3), np.uint8)
        )
        == []
    )


class Rows:
    """Answers the first look with given rows and later ones with none."""

    name = "rows"
    looks = SearchScales(640, 448, 2.0)

    def __init__(self, rows: list[list[float]]) -> None:
        self.rows = rows

    def find(self, image: np.ndarray) -> np.ndarray:
        answer, self.rows = self.rows, []
        return np.array(answer, dtype=float).reshape(-1, 15)


def row(score: float) -> list[float]:
    return [10, 10, 50, 50, score, 20, 25, 40, 25, 30, 33, 22, 42, 38, 42]


def test_sorted_by_score_without_nan() -> None:
    broken = row(0.99)
    broken[7] = float("nan")
    found = MultiscaleDetector(Rows([row(0.5), broken, row(0.8), row(1.2)])).detect(
        np.zeros((100, 100, 3), np.uint8)
    )
    assert [face.score for face in found] == [1.0, 0.8, 0.5]


def test_the_first_look_stands_where_the_second_finds_nothing() -> None:
    (face,) = MultiscaleDetector(Rows([row(0.7)])).detect(np.zeros((100, 100, 3), np.uint8))
    np.testing.assert_allclose(face.landmarks.ravel(), row(0.7)[5:])


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 2)])
def test_odd_shapes(shape: tuple[int, int]) -> None:
    search = MultiscaleDetector(Blobs(SearchScales(640, 448, 2.0)))
    assert search.detect(np.zeros((*shape, 3), np.uint8)) == []
