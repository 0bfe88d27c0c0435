"""Faces with identities to train a recogniser on: a folder of people, or rendered shards."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import CROP_SIZE
from tpgan_sdk.images.files import SUFFIXES

from ..data.example import Example, ExampleSet
from ..data.shard_examples import Position, ShardExamples


class PeopleFolder(ExampleSet):
    """``FOLDER/NAME/*.jpg``: 128x128 crops aligned by the SDK, one folder a person.

    Examples hold ``face``, (3, 128, 128) float32 RGB in [-1, 1], mirrored every other time, and
    ``identity``, the folder's place in alphabetical order.
    """

    def __init__(self, folder: Path) -> None:
        """
        Raises:
            TrainingError: no such folder, or fewer than two people with pictures.
        """
        if not folder.is_dir():
            raise TrainingError(f"no folder of people at {folder}; expected FOLDER/NAME/*.jpg")
        names = sorted(path for path in folder.iterdir() if path.is_dir())
        albums = [
            sorted(path for path in name.iterdir() if path.suffix.lower() in SUFFIXES)
            for name in names
        ]
        albums = [album for album in albums if album]
        if len(albums) < 2:
            raise TrainingError(
                f"{folder} holds pictures of {len(albums)} people; expected two or more folders "
                "NAME/*.jpg (or .png) of 128x128 crops, or shards of `python -m train.data.render`"
            )
        self.classes = len(albums)
        self.files = [(path, person) for person, album in enumerate(albums) for path in album]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, item: Position | int) -> Example:
        position = item if isinstance(item, Position) else Position(item, (0, item))
        path, person = self.files[position.view]
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if picture is None or picture.shape != (CROP_SIZE, CROP_SIZE, 3):
            found = "no picture" if picture is None else f"{picture.shape[1]}x{picture.shape[0]} px"
            raise TrainingError(
                f"{path} is {found}; expected a {CROP_SIZE}x{CROP_SIZE} crop aligned by the SDK"
            )
        if np.random.default_rng(position.seed).random() < 0.5:
            picture = picture[:, ::-1]
        face = torch.from_numpy(picture / np.float32(127.5) - 1).permute(2, 0, 1)
        return {"face": face, "identity": torch.tensor(person)}


def open_people(folder: Path) -> ExampleSet:
    """Rendered shards where there are any, else a `PeopleFolder`."""
    if any(folder.glob("shard-*")):
        return ShardExamples(folder)
    return PeopleFolder(folder)
