"""Where frontal faces come from: all sources give the same face, the right way round."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tpgan_sdk import Frontalizer
from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import OFFICIAL, mirror_landmarks
from tpgan_sdk.images.files import write_image
from tpgan_sdk.images.resample import Float32Array
from tpgan_sdk.types import Detection
from train.evaluation.synthesis import FolderSynthesis, NetworkSynthesis, from_onnx
from train.evaluation.views import View

POINTS = np.asarray(OFFICIAL.points) + np.array([[8.0, 0], [-8, 0], [20, 4], [8, 0], [-8, 0]])


def copy_face(inputs: Mapping[str, Float32Array]) -> Float32Array:
    return inputs["face"]


def view(picture: np.ndarray, points: np.ndarray | None, key: str = "a") -> View:
    return View(key, "p", picture, points, 40.0)


def picture(rng: np.random.Generator) -> np.ndarray:
    small = rng.integers(0, 256, (10, 10, 3)).astype(np.float32)
    return np.kron(small, np.ones((16, 16, 1))).astype(np.uint8)


def test_a_face_that_looks_left_is_turned_and_turned_back(rng: np.random.Generator) -> None:
    copy = NetworkSynthesis("copy", OFFICIAL, copy_face)
    photo = picture(rng)
    right, left = copy.frontalize(
        [view(photo, POINTS), view(photo[:, ::-1], mirror_landmarks(POINTS, photo.shape[1]))]
    )
    assert right is not None
    assert left is not None
    np.testing.assert_array_equal(left, right[:, ::-1])


def test_views_without_a_face_have_no_result(rng: np.random.Generator) -> None:
    copy = NetworkSynthesis("copy", OFFICIAL, copy_face)
    nowhere = np.full((5, 2), 64.0)
    photo = picture(rng)
    found = copy.frontalize([view(photo, None), view(photo, POINTS), view(photo, nowhere)])
    assert [one is None for one in found] == [True, False, True]
    assert copy.frontalize([view(photo, None)]) == [None]


def test_the_packaged_model_gives_what_the_sdk_gives(rng: np.random.Generator) -> None:
    photo = picture(rng)
    (made,) = from_onnx("edge").frontalize([view(photo[..., ::-1], POINTS)])
    with Frontalizer() as sdk:
        (expected,) = sdk.frontalize(photo, faces=[Detection((0, 0, 128, 128), POINTS, 1.0)])
    assert made is not None
    np.testing.assert_allclose(made[..., ::-1].astype(int), expected.image.astype(int), atol=1)


def test_a_folder_of_results_is_read_by_key(tmp_path: Path, rng: np.random.Generator) -> None:
    face = rng.integers(0, 256, (128, 128, 3)).astype(np.uint8)
    write_image(tmp_path / "001" / "profile" / "a.png", face[..., ::-1])
    write_image(tmp_path / "b.png", face[:64])
    folder = FolderSynthesis(tmp_path)
    found, missing = folder.frontalize(
        [view(face, POINTS, "001/profile/a"), view(face, POINTS, "001/profile/z")]
    )
    assert found is not None
    np.testing.assert_array_equal(found, face)
    assert missing is None
    with pytest.raises(TrainingError, match=r"b\.png is 128x64; expected 128x128"):
        folder.frontalize([view(face, POINTS, "b")])
    with pytest.raises(TrainingError, match="no folder of results"):
        FolderSynthesis(tmp_path / "nowhere")
