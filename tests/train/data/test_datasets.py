"""Training from photos: the same examples as from shards, whichever way a face looks."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from tpgan_sdk.errors import ImageError, TrainingError
from tpgan_sdk.faces.crops import crop_face
from tpgan_sdk.geometry import mirror_landmarks
from tpgan_sdk.images.files import write_image
from train.data.datasets import PairExamples, multipie_pairs, open_examples
from train.data.pairs import Pair, Photo
from train.data.shard_examples import Position, ShardExamples, Shuffle

from ..photos import WIDTH, face_photo, face_points, points_text, write_multipie


def _pair(folder: Path, yaw: float, mirrored: bool = False, person: int = 1) -> Pair:
    """One person's two photos, or the mirror images of both."""
    photos = []
    for name, turn in (("side", yaw), ("front", 0.0)):
        image, points = face_photo(person, turn), face_points(turn)
        if mirrored:
            image, points = image[:, ::-1], mirror_landmarks(points, WIDTH)
        path = folder / f"{person}_{name}_{mirrored}.png"
        write_image(path, np.ascontiguousarray(image))
        photos.append(Photo(path, points))
    return Pair(photos[0], photos[1], f"person {person}", -yaw if mirrored else yaw)


def test_examples_look_as_those_of_shards(shards: Path, tmp_path: Path) -> None:
    rendered = ShardExamples(shards, augmented=False)[1]
    photographed = PairExamples([_pair(tmp_path, 40)], augmented=False)[0]
    assert photographed.keys() == rendered.keys()
    for name, value in photographed.items():
        assert (value.shape, value.dtype) == (rendered[name].shape, rendered[name].dtype)
    assert photographed["yaw"] == 40


def test_a_face_that_looks_left_gives_the_example_of_its_mirror_image(tmp_path: Path) -> None:
    pairs = [_pair(tmp_path, 50), _pair(tmp_path, 50, mirrored=True)]
    examples = PairExamples(pairs, augmented=False)
    right, left = examples[0], examples[1]
    for name, value in right.items():
        torch.testing.assert_close(left[name], value, atol=1e-4, rtol=0)
    assert right["yaw"] == 50


def test_unaugmented_crop_and_target_are_those_of_the_sdk(tmp_path: Path) -> None:
    """Cut by way of the view, the face is sampled twice: smooth pictures agree to a few levels."""
    pair = _pair(tmp_path, 50)
    example = PairExamples([pair], augmented=False)[0]
    for name, turn, worst in (("face", 50.0, 6.0), ("target", 0.0, 0.01)):
        crop = crop_face(face_photo(1, turn), face_points(turn), mirrored=False).face
        crop = crop[..., ::-1]
        levels = (example[name].permute(1, 2, 0).numpy() + 1) * 127.5
        assert np.abs(levels - crop).max() < worst
        assert np.abs(levels - crop).mean() < worst / 10


def test_augmented_examples_are_a_function_of_their_position(tmp_path: Path) -> None:
    examples = PairExamples([_pair(tmp_path, 60), _pair(tmp_path, 20)])
    one, two = (examples[Position(0, (0, 1, 0))] for _ in range(2))
    other = examples[Position(0, (0, 2, 0))]
    for name, value in one.items():
        assert torch.equal(value, two[name])
    assert not torch.equal(one["face"], other["face"])


def test_people_are_numbered_without_gaps(tmp_path: Path) -> None:
    pairs = [_pair(tmp_path, 30, person=person) for person in (7, 2, 7, 5)]
    examples = PairExamples(pairs, augmented=False)
    assert (len(examples), examples.classes) == (4, 3)
    assert [int(examples[k]["identity"]) for k in range(4)] == [2, 0, 2, 1]


def test_batches_are_drawn_by_position(tmp_path: Path) -> None:
    examples = PairExamples([_pair(tmp_path, yaw) for yaw in (0, 45)])
    batch = next(islice(DataLoader(examples, 2, sampler=Shuffle(2, seed=0)), 1))
    assert batch["face"].shape == (2, 3, 128, 128)
    assert sorted(batch["yaw"].tolist()) == [0, 45]


def test_landmarks_of_another_size_are_refused(tmp_path: Path) -> None:
    pair = _pair(tmp_path, 30)
    wrong = Pair(Photo(pair.profile.path, pair.profile.points * 4), pair.frontal, "a", 30)
    with pytest.raises(
        TrainingError, match=r"side_False\.png have their middle at .* 150x130 pixels"
    ):
        PairExamples([wrong])[0]


def test_a_damaged_photo_is_named(tmp_path: Path) -> None:
    pair = _pair(tmp_path, 30)
    pair.frontal.path.write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"1_front_False\.png"):
        PairExamples([pair])[0]


def test_rendered_views_are_opened(shards: Path) -> None:
    examples = open_examples("rendered", shards, "official", augmented=False)
    assert isinstance(examples, ShardExamples)
    assert (len(examples), examples.classes, examples.augmented) == (12, 4, False)


def test_a_csv_is_opened(tmp_path: Path) -> None:
    pair = _pair(tmp_path, 30)
    names = [photo.path.name for photo in (pair.profile, pair.frontal)]
    points = [points_text(p.points).replace("\n", " ") for p in (pair.profile, pair.frontal)]
    header = "profile,frontal,profile_points,frontal_points"
    (tmp_path / "pairs.csv").write_text(f"{header}\n{','.join(names + points)}\n")
    examples = open_examples("csv", tmp_path / "pairs.csv", "seed")
    assert len(examples) == 1
    assert examples.template.name == "seed"
    assert examples[0]["face"].shape == (3, 128, 128)


def test_multipie_is_opened(tmp_path: Path) -> None:
    write_multipie(tmp_path, [1, 200, 201], sessions=[1, 2], lights=[7, 8])
    said: list[str] = []
    examples = open_examples("multipie", tmp_path, augmented=False, say=said.append)
    assert (len(examples), examples.classes) == (2 * 2 * 2 * 13, 2)
    assert said == []
    yaws = {float(examples[k]["yaw"]) for k in range(0, len(examples), 2)}
    assert yaws == {0, 15, 30, 45, 60, 75, 90}
    first = open_examples("multipie-1", tmp_path, augmented=False, say=said.append)
    assert (len(first), first.classes) == (2 * 13, 1)  # session 1 of subject 1


def test_cameras_of_the_left_are_mirrored_and_their_landmarks_swapped(tmp_path: Path) -> None:
    """The cartoon's dots lose 30 levels of red from one landmark to the next."""
    write_multipie(tmp_path, [3], cameras=["051", "090", "200"])
    pairs, _ = multipie_pairs(tmp_path, 2)
    examples = PairExamples(pairs, augmented=False)
    by_camera = {pair.profile.path.stem[10:13]: examples[k] for k, pair in enumerate(pairs)}
    for camera, eyes in (("200", (150, 120)), ("090", (120, 150))):
        example = by_camera[camera]
        assert example["yaw"] == 60
        for name, red in zip(("left_eye", "right_eye"), eyes, strict=True):
            assert (example[name][0, 20, 20] + 1) * 127.5 == pytest.approx(red, abs=8)
        target = (example["target"][0, 40, [43, 85]] + 1) * 127.5
        np.testing.assert_allclose(target, eyes, atol=8)


def test_what_multipie_lacks_is_said_once(tmp_path: Path) -> None:
    write_multipie(tmp_path, [1, 2], cameras=["051", "110", "240"], lights=[7])
    folder = tmp_path / "session01/multiview"
    (folder / "001/01/11_0/001_01_01_110.5pt").unlink()
    (folder / "002/01/05_1/002_01_01_051.5pt").unlink()
    (folder / "001/01/24_0/001_01_01_240_7.png").touch()
    said: list[str] = []
    examples = open_examples("multipie", tmp_path, say=said.append)
    assert len(examples) == 2
    (text,) = said
    assert text.startswith("3 pictures of Multi-PIE are left out:")
    assert "001_01_01_240_7.png is not named" in text
    assert "001_01_01_110_07.png has no landmarks; expected 001_01_01_110_07.5pt" in text
    assert text.count("002_01_01_051_07.png has no landmarks") == 1


def test_multipie_without_any_pair_is_refused(tmp_path: Path) -> None:
    write_multipie(tmp_path, [1], cameras=["110"])
    with pytest.raises(
        TrainingError, match=r"no training pair of setting 2 .*\n.*no frontal picture"
    ):
        open_examples("multipie", tmp_path)
    write_multipie(tmp_path / "test", [250], cameras=["051"])
    with pytest.raises(TrainingError, match="no neutral picture of its subjects"):
        open_examples("multipie-1", tmp_path / "test")


def test_an_unknown_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"'lfw'; expected rendered, multipie, multipie-1, csv"):
        open_examples("lfw", tmp_path)
