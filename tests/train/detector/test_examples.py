"""Training pictures: always the same ones, with sound labels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tpgan_sdk.detectors.multiscale import BORDER_GREY
from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import OFFICIAL
from train.data.shards import ShardReader, find_shards
from train.detector import examples, photos
from train.detector.examples import DetectionExamples, batches
from train.detector.scene import NUMBERS, SIZE


@pytest.fixture(scope="module")
def pictures(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> DetectionExamples:
    """Of cartoons and one blank portrait."""
    path = tmp_path_factory.mktemp("portraits") / "p.png"
    cv2.imwrite(str(path), np.full((200, 240, 3), 120, np.uint8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examples, "BACKGROUNDS", 4)
        known = [(path, np.array(OFFICIAL.points) + 50)]
        made = DetectionExamples([ShardReader(p) for p in find_shards(shards)], known, seed=3)
    made._backgrounds *= examples.BACKGROUNDS // 4
    return made


def test_an_example_is_a_function_of_its_number(pictures: DetectionExamples) -> None:
    for number in range(6):
        image, faces = pictures[number]
        again, same = pictures[number]
        assert image.shape == (3, SIZE, SIZE)
        assert image.dtype == torch.uint8
        assert torch.equal(image, again)
        np.testing.assert_array_equal(faces, same)
    assert not torch.equal(pictures[0][0], pictures[1][0])


def test_labels_are_sound(pictures: DetectionExamples) -> None:
    counts = []
    for number in range(40):
        _, faces = pictures[number]
        counts.append(len(faces))
        assert np.isfinite(faces).all()
        box, points = faces[:, :4], faces[:, 4:].reshape(-1, 5, 2)
        assert (box[:, 2:] > box[:, :2]).all()
        slack = 0.1 * (box[:, 2:] - box[:, :2])[:, None]
        assert (points > box[:, None, :2] - slack).all()
        assert (points < box[:, None, 2:] + slack).all()
    assert min(counts) >= 1
    assert max(counts) > 2


def test_batches_fill_with_nan(pictures: DetectionExamples) -> None:
    images, faces = next(batches(pictures, 6, 0))
    assert images.shape == (6, 3, SIZE, SIZE)
    assert faces.dtype == torch.float32
    for number in range(6):
        expected = torch.from_numpy(pictures[number][1]).float()
        known = faces[number][~faces[number][:, 0].isnan()]
        torch.testing.assert_close(known, expected)
    assert faces.shape[2] == NUMBERS


def test_a_grey_border_spares_the_faces(rng: np.random.Generator) -> None:
    faces = np.array([[100.0, 50, 140, 90, *[0] * 10], [180, 200, 220, 240, *[0] * 10]])
    for _ in range(10):
        picture = np.zeros((SIZE, SIZE, 3), np.uint8)
        examples._grey_border(rng, picture, faces)
        grey = (picture == BORDER_GREY).all(axis=(0, 2))
        assert grey.any()
        assert not grey[100:220].any()


def test_beside_the_face_is_no_face() -> None:
    photo = np.zeros((200, 300, 3), np.uint8)
    points = np.array(OFFICIAL.points) + [120, 30]
    photo[30:158, 136:232] = 255  # where the face's box is
    strip = photos.strip_beside_face(photo, points)
    assert strip.shape == (200, 135, 3)
    assert strip.max() == 0


def test_parts_of_photos(rng: np.random.Generator) -> None:
    for shape in ((40, 30, 3), (700, 1000, 3)):
        part = photos.part_of(rng, rng.integers(0, 255, shape).astype(np.uint8))
        assert part.shape == (SIZE, SIZE, 3)
        assert part.dtype == np.float32


def test_pictures_without_a_face_are_read(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no pictures in .*expected photos without any face"):
        photos.read_empty(tmp_path)
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((100, 2048, 3), 7, np.uint8))
    (picture,) = photos.read_empty(tmp_path)
    assert picture.shape == (50, 1024, 3)
