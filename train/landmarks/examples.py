"""Views as training examples: a rough crop, as a detector gives it, and what it should become.

Every example is a function of seed and number alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Final

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from tpgan_sdk import geometry
from tpgan_sdk.faces.refiner import INPUT_SIZE, WINDOW, input_transform, to_input
from tpgan_sdk.geometry import CROP_SIZE, FloatArray
from tpgan_sdk.images.resample import Float32Array, UInt8Array, to_uint8, warp
from train.data import augment
from train.data.background import background

from .views import ViewSet

# Standard deviations of a crop's error: shift in crop px along x and y, logarithm of the scale,
# roll in degrees. The default detector errs by 1.8, 1.1, 0.05, 3.9 below 30 degrees of yaw and by
# 7.2, 5.1, 0.19, 11.6 at 60 to 75 degrees, where it is worst; the fine error is more than that of
# a second look at the refiner's own result.
COARSE: Final = (6.0, 4.5, 0.10, 8.0)
FINE: Final = (1.5, 1.5, 0.025, 2.0)
FINE_SHARE: Final = 0.35
# Nobody knows on which side a nearly frontal face hides more: share of mirrored examples at yaw 0
# and how fast it falls, in degrees; and at all yaws, for detectors that take one side for another.
SIDE_FALL: Final = 15.0
WRONG_SIDE: Final = 0.04
BACKGROUNDS: Final = 1500


def rough_transform(rng: np.random.Generator) -> FloatArray:
    """(2, 3) from the exact crop to one that is off as a detector's."""
    x, y, scale, roll = rng.normal(0, FINE if rng.random() < FINE_SHARE else COARSE)
    angle, factor = math.radians(roll), math.exp(scale)
    cos, sin = factor * math.cos(angle), factor * math.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    middle = np.full(2, (CROP_SIZE - 1) / 2)
    return np.column_stack([linear, middle + (x, y) - linear @ middle])


class Examples(Dataset[tuple[Tensor, Tensor]]):
    """Examples from the views of several files, whose photos serve as backgrounds too."""

    def __init__(self, files: Sequence[ViewSet], seed: int = 0) -> None:
        self._seed = seed
        self._files = files
        self._rows = [(f, r) for f, views in enumerate(files) for r in range(len(views.images))]
        photos = [v.images[r] for v in files for r in np.flatnonzero(v.photo)]
        photos = photos or [v.images[0] for v in files]
        rng = np.random.default_rng(0)
        # Made once: drawing one takes longer than all the rest of an example.
        self._backgrounds = [
            to_uint8(background(rng, INPUT_SIZE, photos[int(rng.integers(len(photos)))]))
            for _ in range(BACKGROUNDS)
        ]

    def __len__(self) -> int:
        return len(self._rows)

    def example(self, view: int, rng: np.random.Generator) -> tuple[Float32Array, Float32Array]:
        """Input (1, 3, 96, 96) and the 13 numbers that the network should return."""
        file, row = self._rows[view]
        views = self._files[file]
        image, points, pose = views.images[row], views.landmarks[row], views.poses[row].copy()
        side = 0.5 * math.exp(-abs(pose[0]) / SIDE_FALL) + WRONG_SIDE
        if rng.random() < side or (pose[0] < 0 and rng.random() > side):
            image = image[:, ::-1]
            points = geometry.mirror_landmarks(points, CROP_SIZE)
            pose *= (-1.0, 1.0, -1.0)
        rough = rough_transform(rng)
        pixels = self._pixels(rng, np.ascontiguousarray(image), rough)
        points = geometry.apply_transform(rough, points)
        pose[2] += math.degrees(math.atan2(rough[1, 0], rough[0, 0]))
        truth = [((points - (CROP_SIZE - 1) / 2) / (WINDOW / 2)).ravel(), pose / 90.0]
        return to_input(pixels), np.concatenate(truth).astype(np.float32)

    def _pixels(
        self, rng: np.random.Generator, image: UInt8Array, rough: FloatArray
    ) -> Float32Array:
        """(96, 96, 3) of the view in its rough crop, before some background, as a photo."""
        transform = input_transform(rough)
        margin = (image.shape[0] - CROP_SIZE) / 2
        transform[:, 2] -= transform[:, :2] @ (margin, margin)
        view = warp(image, transform, INPUT_SIZE, INPUT_SIZE)
        rest = 1 - view[..., 3:] * np.float32(1 / 255)
        behind = self._background(rng)
        pixels = augment.occlude(rng, view[..., :3] + behind * rest, behind)
        pixels = augment.recolour(pixels, augment.colour_map(rng))
        (pixels,) = augment.grey(rng, pixels)
        return augment.damage(rng, pixels).astype(np.float32)

    def _background(self, rng: np.random.Generator) -> Float32Array:
        picture = np.rot90(self._backgrounds[int(rng.integers(BACKGROUNDS))], int(rng.integers(4)))
        return picture[:, :: int(rng.choice([-1, 1]))].astype(np.float32)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        """The number-th example of training: input (3, 96, 96) and truth (13,)."""
        rng = np.random.default_rng((self._seed, number))
        image, truth = self.example(int(rng.integers(len(self))), rng)
        return torch.from_numpy(image[0]), torch.from_numpy(truth)


def batches(examples: Examples, size: int, workers: int) -> Iterator[list[Tensor]]:
    """Inputs (N, 3, 96, 96) and truths (N, 13), without end."""
    loader = DataLoader(
        examples, size, sampler=_Count(), num_workers=workers, worker_init_fn=_single_thread
    )
    return iter(loader)


class _Count(Sampler[int]):
    def __iter__(self) -> Iterator[int]:
        return count()


def _single_thread(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
