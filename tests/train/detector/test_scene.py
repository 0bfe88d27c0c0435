"""Things in pictures: where their faces are, and that labels follow the pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tpgan_sdk import geometry
from tpgan_sdk.geometry import OFFICIAL
from train.detector.scene import NUMBERS, SIZE, Scene, pad_faces, random_place
from train.detector.sprites import Place, Sprite, face_box, portrait, rendered

POINTS = np.array(OFFICIAL.points)
EXACT = np.array([[1.0, 0, 0], [0, 1, 0]])
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255))


def cartoon(size: int = 192, margin: int = 32) -> np.ndarray:
    """(S, S, 4) opaque black with a disc of its own colour at every landmark."""
    image = np.zeros((size, size, 4), np.uint8)
    image[..., 3] = 255
    for point, colour in zip(POINTS, COLOURS, strict=True):
        x, y = (round(v) for v in (point + margin))
        cv2.circle(image, (x, y), 5, (*colour, 255), -1)
    return image


def discs(picture: np.ndarray) -> np.ndarray:
    """(5, 2) middles of the discs of each colour."""
    found = []
    for colour in COLOURS:
        bright = np.array(colour) > 0
        mask = ((picture > 120) == bright).all(axis=2)
        y, x = np.nonzero(mask)
        found.append((x.mean(), y.mean()))
    return np.array(found)


@pytest.fixture
def thing() -> Sprite:
    return rendered(cartoon(), POINTS, 40.0)


def test_the_box_of_a_face() -> None:
    frontal = face_box(0.0, EXACT)
    assert frontal[0] + frontal[2] == pytest.approx(127)  # the crop is symmetrical
    x0, y0, x1, y1 = face_box(60.0, EXACT)
    # Twice as large, moved, and seen from the other side.
    mirrored = face_box(60.0, np.array([[-2.0, 0, 300], [0, 2, 10]]))
    np.testing.assert_allclose(mirrored, [300 - 2 * x1, 10 + 2 * y0, 300 - 2 * x0, 10 + 2 * y1])
    # Upside down it is as large; lying, its sides are exchanged.
    turned = face_box(60.0, np.array([[0.0, -1, 0], [1, 0, 0]]))
    np.testing.assert_allclose(turned, [-y1, x0, -y0, x1], atol=1e-9)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("roll", [0.0, 35.0])
@pytest.mark.parametrize("size", [60.0, 200.0])
def test_points_follow_the_pixels(thing: Sprite, size: float, roll: float, mirrored: bool) -> None:
    scene = Scene(np.full((SIZE, SIZE, 3), 90, np.float32))
    assert scene.put(thing, Place((150.0, 170.0), size, roll, mirrored))
    (face,) = scene.faces
    expected = discs(scene.image)
    order = list(geometry.MIRROR_ORDER) if mirrored else list(range(5))
    np.testing.assert_allclose(face[4:].reshape(5, 2), expected[order], atol=0.02 * size)
    box = face[:4]
    np.testing.assert_allclose((box[:2] + box[2:]) / 2, (150, 170), atol=1e-6)
    if roll == 0:
        assert (box[2:] - box[:2]).max() == pytest.approx(size)


def test_a_mirrored_place_gives_a_mirrored_picture(thing: Sprite) -> None:
    pictures = []
    for x, mirrored, roll in ((120.0, False, 10.0), (SIZE - 1 - 120.0, True, -10.0)):
        scene = Scene(np.full((SIZE, SIZE, 3), 90, np.float32))
        scene.put(thing, Place((x, 150.0), 110.0, roll, mirrored))
        pictures.append(scene)
    np.testing.assert_allclose(pictures[0].image, pictures[1].image[:, ::-1], atol=0.5)
    (first,), (second,) = (scene.faces for scene in pictures)
    points = geometry.mirror_landmarks(second[4:].reshape(5, 2), SIZE)
    np.testing.assert_allclose(first[4:].reshape(5, 2), points, atol=1e-6)
    np.testing.assert_allclose(first[[0, 2]], SIZE - 1 - second[[2, 0]])


def test_nothing_hides_an_earlier_face(thing: Sprite) -> None:
    scene = Scene(np.zeros((SIZE, SIZE, 3), np.float32))
    assert scene.put(thing, Place((90.0, 150.0), 100.0, 0, False))
    before = scene.image.copy()
    assert not scene.put(thing, Place((110.0, 150.0), 100.0, 0, False))
    assert not scene.put(thing, Place((90.0, 150.0), 20.0, 0, False))
    np.testing.assert_array_equal(scene.image, before)
    assert scene.put(thing, Place((240.0, 150.0), 80.0, 0, False))
    assert scene.faces.shape == (2, NUMBERS)


def test_small_things_leave_nothing_beside_them() -> None:
    """A portrait of 60 px in the middle: all pixels beyond it are the background."""
    photo = np.full((300, 300, 3), 255, np.uint8)
    points = POINTS * 2 + 20
    scene = Scene(np.zeros((SIZE, SIZE, 3), np.float32))
    scene.put(portrait(photo, points), Place((160.0, 160.0), 30.0, 0, False))
    ys, xs = np.nonzero(scene.image.max(axis=2) > 0)
    longest = 300 * 30 / (2 * 131.6)
    assert xs.max() - xs.min() <= longest + 4
    assert ys.max() - ys.min() <= longest + 4


def test_faces_are_mostly_inside(rng: np.random.Generator) -> None:
    sizes = []
    for _ in range(300):
        place = random_place(rng)
        low, high = np.array(place.middle) - place.size / 2, np.array(place.middle) + place.size / 2
        inside = np.clip(high, 0, SIZE) - np.clip(low, 0, SIZE)
        assert (inside > 0.8 * place.size).all()
        sizes.append(place.size)
    assert min(sizes) < 20
    assert max(sizes) > 200


def test_pictures_without_faces_are_padded() -> None:
    faces = pad_faces([np.zeros((0, NUMBERS)), np.ones((2, NUMBERS))])
    assert faces.shape == (2, 2, NUMBERS)
    assert np.isnan(faces[0]).all()
    assert (faces[1] == 1).all()
    assert pad_faces([np.zeros((0, NUMBERS))]).shape == (1, 1, NUMBERS)
