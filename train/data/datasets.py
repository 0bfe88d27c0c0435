"""Data sets: rendered shards, Multi-PIE, or any CSV of pairs of photos."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from tpgan_sdk import geometry
from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import CROP_SIZE, TEMPLATES, FloatArray, Template
from tpgan_sdk.images.files import read_image
from tpgan_sdk.images.resample import Float32Array, UInt8Array, warp

from .background import background
from .example import Example, ExampleSet, Sample, make_example
from .multipie import Picture, scan
from .multipie_settings import SETTINGS, training_pairs
from .pairs import Pair, Photo, read_pairs, summary
from .points import read_points
from .shard_examples import Position, ShardExamples
from .shards import VIEW_MARGIN, VIEW_SIZE

DATASETS: Final = ("rendered", "multipie", "multipie-1", "csv")
"""Multi-PIE by itself is setting 2."""


class PairExamples(ExampleSet):
    """ShardExamples from pairs of photos, as `ShardExamples` makes them from shards.

    A photo whose face looks to the left is mirrored together with its frontal photo, so that the
    occluded side is on the right. The first view is cut by the photo's own landmarks.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        template: str = "official",
        augmented: bool = True,
        margin: int = 0,
    ) -> None:
        self.pairs = list(pairs)
        people = sorted({pair.identity for pair in pairs})
        self._number = {identity: number for number, identity in enumerate(people)}
        self.classes = len(people)
        self.augmented = augmented
        self.margin = margin
        self.template: Template = TEMPLATES[template]

    def index(self) -> str:
        """Of people, yaws, landmarks and file names; the folders may move."""
        digest = hashlib.sha256()
        for pair in self.pairs:
            digest.update(f"{pair.identity} {pair.yaw}".encode())
            for photo in (pair.profile, pair.frontal):
                digest.update(f" {photo.path.name} {photo.points.tolist()}\n".encode())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, item: Position | int) -> Example:
        position = item if isinstance(item, Position) else Position(item, (0, item))
        pair = self.pairs[position.view]
        mirrored = pair.yaw < 0
        view, landmarks = cut(pair.profile, self.template, mirrored, VIEW_MARGIN)
        target, _ = cut(pair.frontal, self.template, mirrored, 0)
        number = self._number[pair.identity]
        sample = Sample(view, landmarks, target, abs(pair.yaw), number, rendered=False)
        if not self.augmented:
            return make_example(sample, self.template, face_margin=self.margin)
        rng = np.random.default_rng(position.seed)
        behind = background(rng, VIEW_SIZE)
        return make_example(sample, self.template, rng, behind, self.margin)


def cut(
    photo: Photo, template: Template, mirrored: bool, margin: int
) -> tuple[Float32Array, FloatArray]:
    """The aligned face of a photo, or of its mirror image.

    Args:
        photo: is read.
        template: gives the alignment.
        mirrored: whether the photo is mirrored before.
        margin: px around the 128x128 crop.

    Returns:
        (128 + 2 margin, same, 3) float32 BGR in [0, 255], and the (5, 2) landmarks in crop px.

    Raises:
        ImageError: the photo cannot be read.
        TrainingError: the landmarks are not of this photo.
    """
    frame: UInt8Array = read_image(photo.path)
    height, width = frame.shape[:2]
    points = photo.points
    x, y = points.mean(axis=0)
    if not (0 <= x <= width - 1 and 0 <= y <= height - 1):
        raise TrainingError(
            f"the landmarks of {photo.path} have their middle at ({x:.0f}, {y:.0f}), outside its "
            f"{width}x{height} pixels; expected pixels of this picture (was it resized later?)"
        )
    if mirrored:
        frame, points = frame[:, ::-1], geometry.mirror_landmarks(points, width)
    transform = geometry.alignment_transform(points, template)
    size = CROP_SIZE + 2 * margin
    picture = warp(frame, transform, size, size, -margin, -margin)
    return picture, geometry.apply_transform(transform, points)


def open_examples(
    dataset: str,
    root: Path,
    template: str = "official",
    augmented: bool = True,
    margin: int = 0,
    say: Callable[[str], None] | None = None,
) -> ShardExamples | PairExamples:
    """ShardExamples for training.

    Args:
        dataset: one of `DATASETS`.
        root: folder of shards, folder of Multi-PIE (its ``session01`` lies there), or a CSV.
        template: name of the network's template.
        augmented: False leaves pictures and landmarks as they are.
        margin: crop px that the face input shows around the crop.
        say: takes messages about files that are left out; None prints them to stderr.

    Raises:
        TrainingError: unknown dataset, or nothing in it that can be used.
        DetectorError: a CSV lacks points and the default detector does not work here.
    """
    if dataset == "rendered":
        return ShardExamples(root, augmented, template, margin)
    if dataset == "csv":
        return PairExamples(read_pairs(root), template, augmented, margin)
    if dataset not in DATASETS:
        raise TrainingError(f"dataset is {dataset!r}; expected {', '.join(DATASETS)}")
    pairs, left_out = multipie_pairs(root, 1 if dataset == "multipie-1" else 2)
    if left_out:
        warn = say or (lambda line: print(line, file=sys.stderr))
        warn(summary(left_out, "pictures of Multi-PIE are left out"))
    return PairExamples(pairs, template, augmented, margin)


def multipie_pairs(root: Path, setting: int) -> tuple[list[Pair], list[str]]:
    """The training pairs of a setting of Multi-PIE, and a message for every picture left out.

    Raises:
        TrainingError: no pair can be used.
    """
    pictures, left_out = scan(root)
    found, lacking = training_pairs(pictures, SETTINGS[setting])
    left_out += lacking
    known: dict[Path, FloatArray] = {}
    pairs = []
    for profile, frontal in found:
        try:
            photos = [_with_points(picture, known) for picture in (profile, frontal)]
        except TrainingError as error:
            left_out.append(str(error))
            continue
        pairs.append(Pair(photos[0], photos[1], f"{profile.subject:03d}", float(profile.yaw)))
    if not pairs:
        raise TrainingError(
            f"no training pair of setting {setting} in {root}; "
            + summary(left_out or ["no neutral picture of its subjects"], "faults")
        )
    return pairs, list(dict.fromkeys(left_out))  # a frontal picture can lack for many


def _with_points(picture: Picture, known: dict[Path, FloatArray]) -> Photo:
    """The picture with its landmarks, every file being read once."""
    file = picture.points_file()
    if file is None:
        raise TrainingError(
            f"{picture.path} has no landmarks; expected {picture.path.stem}.5pt beside it, or one "
            "file for all lights"
        )
    if file not in known:
        known[file] = read_points(file)
    return Photo(picture.path, known[file])
