"""New people: what moves, what stays, and how it is planned."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from train.data.split import held_out
from train.rendering import morph
from train.rendering.head import HeadModel
from train.rendering.landmarks import FIVE_POINTS, OVAL, PortraitAnalyser
from train.rendering.plan import Person, RenderConfig, plan_people

Found = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def two(shared_dir: Path) -> list[Found]:
    """Two portraits and their landmarks."""
    pytest.importorskip("mediapipe", reason="rendering needs mediapipe")
    folder = shared_dir / "data" / "portraits" / "generated"
    if not folder.is_dir():
        pytest.skip(f"no portraits in {folder}")
    chosen = [p for p in sorted(folder.glob("*.jpg")) if not held_out(p.name)][3:5]
    found: list[Found] = []
    with PortraitAnalyser() as analyser:
        for path in chosen:
            image = np.asarray(cv2.imread(str(path)), dtype=np.uint8)
            points = analyser.landmarks(image)
            assert points is not None
            found.append((image, points))
    return found


def dots(points: np.ndarray, size: int) -> np.ndarray:
    """A black picture with a white dot at each of some points."""
    image = np.zeros((size, size, 3), np.uint8)
    for x, y in np.rint(points).astype(int):
        cv2.circle(image, (int(x), int(y)), 4, (255, 255, 255), -1)
    return image


def test_the_skin_moves_with_the_landmarks(two: list[Found]) -> None:
    points = two[0][1]
    chosen = [4, 33, 263, 61, 291]
    goal = points.copy()
    goal[:, :2] = (points[:, :2] - points[4, :2]) * (1.08, 0.94) + points[4, :2]
    moved = morph.deform(dots(points[chosen, :2], 384), points, goal)[..., 0]
    for index in chosen:
        x, y = np.rint(goal[index, :2]).astype(int)
        ys, xs = np.mgrid[y - 6 : y + 7, x - 6 : x + 7]
        weight = moved[y - 6 : y + 7, x - 6 : x + 7]
        centre = np.array([(xs * weight).sum(), (ys * weight).sum()]) / weight.sum()
        np.testing.assert_allclose(centre, goal[index, :2], atol=0.6)


def test_a_share_of_nothing_changes_nothing(two: list[Found]) -> None:
    (first, points), (second, others) = two
    same = morph.morph(first, points, second, others, 0.0)
    assert np.abs(same.astype(int) - first).max() <= 1


def test_half_of_each_lies_between_them(two: list[Found]) -> None:
    """Mouth and nose are closer to both people than the two are to each other."""
    (first, points), (second, others) = two
    half = morph.morph(first, points, second, others, 0.5).astype(float)
    whole = morph.morph(first, points, second, others, 1.0).astype(float)
    x0, y0 = points[list(OVAL), :2].min(axis=0).astype(int) + 40
    x1, y1 = points[list(OVAL), :2].max(axis=0).astype(int) - 40
    face = np.s_[y0:y1, x0:x1]

    def apart(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.abs(a[face] - b[face]).mean())

    assert apart(half, first) < apart(whole, first)
    assert apart(half, whole) < apart(whole, first)
    # The second person's hair and background do not show through.
    np.testing.assert_allclose(half[[0, -1]], first[[0, -1]], atol=1)
    np.testing.assert_allclose(whole[[0, -1]], first[[0, -1]], atol=1)


def test_modes_of_zero_keep_the_shape_and_others_keep_the_place(two: list[Found]) -> None:
    image, points = two[0]
    head = HeadModel()
    same = morph.reshape(image, points, head, np.zeros(20))
    assert np.abs(same.astype(int) - image).max() <= 1
    other = morph.reshape(image, points, head, np.full(20, 0.8))
    assert np.abs(other.astype(int) - image).mean() > 1
    with PortraitAnalyser() as analyser:
        found = analyser.landmarks(other)
    assert found is not None
    five = list(FIVE_POINTS)
    np.testing.assert_allclose(
        found[five, :2].mean(axis=0), points[five, :2].mean(axis=0), atol=2.0
    )


def test_new_people_come_from_all_folders_and_never_from_one_portrait() -> None:
    large = [Path(f"large/{k}.jpg") for k in range(90)]
    small = [Path(f"small/{k}.jpg") for k in range(10)]
    people = plan_people([*large, *small], RenderConfig(new_people=2.0))
    assert len(people) == 300
    assert sorted(person.identity for person in people) == list(range(300))
    new = [person for person in people if person.partner is not None]
    assert all(person.partner != person.portrait for person in new)
    share = sum(str(person.partner).startswith("small") for person in new) / len(new)
    assert share == pytest.approx(0.5, abs=0.1)
    assert people == plan_people([*large, *small], RenderConfig(new_people=2.0))
    assert people != plan_people([*large, *small], RenderConfig(new_people=2.0, seed=1))


def test_two_portraits_make_one_person_at_most() -> None:
    portraits = [Path(f"few/{k}.jpg") for k in range(4)]
    people = plan_people(portraits, RenderConfig(new_people=5.0))
    pairs = {(person.portrait, person.partner) for person in people}
    assert len(people) == len(pairs) == 4 + 4 * 3


def test_a_person_s_name_has_the_folder_and_its_random_numbers_do_not() -> None:
    made = Person(0, Path("x/b/1.jpg"), Path("x/c/1.jpg"))
    assert (made.name, made.key) == ("b/1.jpg+c/1.jpg", "1.jpg+1.jpg")
    assert Person(0, Path("x/b/1.jpg")).name == "b/1.jpg"


def test_one_portrait_alone_makes_nobody_new() -> None:
    assert len(plan_people([Path("a.jpg")], RenderConfig(new_people=3.0))) == 1
