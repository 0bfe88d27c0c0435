"""Pictures as training examples. Every one is a function of seed and number alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from tpgan_sdk.detectors.multiscale import BORDER_GREY
from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.files import read_image
from tpgan_sdk.images.resample import Float32Array, UInt8Array, to_uint8
from train.data.shards import ShardReader

from .photos import make_background, strip_beside_face
from .scene import SIZE, Scene, pad_faces
from .sprites import Sprite, portrait, rendered

# How many things a picture holds, and how probable that is.
COUNTS: Final = (1, 2, 3, 4, 6)
SHARES: Final = (0.45, 0.2, 0.13, 0.11, 0.11)
# Share of things that are portraits as they are.
PORTRAITS: Final = 0.35
# Share of pictures with a grey border, as the SDK puts it around pictures that end at the face.
BORDERED: Final = 0.1
BACKGROUNDS: Final = 600
EDGES: Final = 150
"""Portraits whose edges serve as backgrounds."""


class DetectionExamples(Dataset[tuple[Tensor, FloatArray]]):
    """Pictures made of rendered views, portraits and backgrounds.

    Args:
        shards: of `train.data.render`.
        portraits: photos with their (5, 2) points; may be none.
        seed: decides everything.
    """

    def __init__(
        self,
        shards: Sequence[ShardReader],
        portraits: Sequence[tuple[Path, FloatArray]],
        seed: int = 0,
    ) -> None:
        self._shards, self._portraits, self._seed = shards, portraits, seed
        self.views, self.photos = sum(len(shard) for shard in shards), len(portraits)
        self._first = np.cumsum([0, *(len(shard) for shard in shards)])
        edges = [strip_beside_face(read_image(p), points) for p, points in portraits[:EDGES]]
        self._backgrounds = _make_backgrounds([edge for edge in edges if edge.shape[1] > 24])

    def picture(self, rng: np.random.Generator) -> tuple[UInt8Array, FloatArray]:
        """(320, 320, 3) BGR and (F, 14) box and points of its faces, px."""
        scene = Scene(self._background(rng))
        for _ in range(int(rng.choice(COUNTS, p=SHARES))):
            scene.add(self._thing(rng), rng)
        picture = scene.photographed(rng)
        if rng.random() < BORDERED:
            _grey_border(rng, picture, scene.faces)
        return picture, scene.faces

    def _thing(self, rng: np.random.Generator) -> Sprite:
        if self._portraits and rng.random() < PORTRAITS:
            path, points = self._portraits[int(rng.integers(len(self._portraits)))]
            return portrait(read_image(path), points)
        number = int(rng.integers(self.views))
        file = int(np.searchsorted(self._first, number, side="right")) - 1
        shard, row = self._shards[file], number - self._first[file]
        label = shard.labels[row]
        points = label["landmarks"].astype(np.float64)
        return rendered(shard.views[row], points, float(label["yaw"]), rng)

    def _background(self, rng: np.random.Generator) -> Float32Array:
        picture = self._backgrounds[int(rng.integers(BACKGROUNDS))]
        return picture[:, :: int(rng.choice([-1, 1]))].astype(np.float32)

    def __getitem__(self, number: int) -> tuple[Tensor, FloatArray]:
        """The number-th example: (3, 320, 320) BGR in [0, 255], and (F, 14) faces."""
        picture, faces = self.picture(np.random.default_rng((self._seed, number)))
        return torch.from_numpy(picture.transpose(2, 0, 1).copy()), faces


def _make_backgrounds(photos: Sequence[UInt8Array]) -> list[UInt8Array]:
    """Made once: drawing one takes longer than all the rest of a picture."""
    rng = np.random.default_rng(0)
    photos = photos or [np.full((64, 64, 3), BORDER_GREY, np.uint8)]
    return [to_uint8(make_background(rng, photos)) for _ in range(BACKGROUNDS)]


def _grey_border(rng: np.random.Generator, picture: UInt8Array, faces: FloatArray) -> None:
    """Covers what lies beyond a line beside all faces, in place."""
    low, high = (SIZE / 2, SIZE / 2) if not len(faces) else (faces[:, 0].min(), faces[:, 2].max())
    if rng.random() < 0.5 and low > 0:
        picture[:, : int(rng.uniform(0, low))] = BORDER_GREY
    elif high < SIZE:
        picture[:, int(rng.uniform(high, SIZE)) :] = BORDER_GREY


def batches(
    pictures: DetectionExamples, size: int, workers: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """(N, 3, 320, 320) uint8 BGR and (N, F, 14) float32 faces, NaN where there are fewer."""
    loader = DataLoader(
        pictures,
        size,
        sampler=_Count(),
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=_single_thread,
    )
    return iter(loader)


def _collate(rows: Sequence[tuple[Tensor, FloatArray]]) -> tuple[Tensor, Tensor]:
    images, faces = zip(*rows, strict=True)
    return torch.stack(images), torch.from_numpy(pad_faces(faces)).float()


class _Count(Sampler[int]):
    def __iter__(self) -> Iterator[int]:
        return count()


def _single_thread(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
