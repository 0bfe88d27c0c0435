"""Rendered views as training examples: a map-style dataset over shards.

Every example is a function of (seed, position) alone, so a run can be repeated and resumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from tpgan_sdk.crops import INPUT_NAMES, crop_face, network_inputs
from tpgan_sdk.errors import GeometryError
from tpgan_sdk.geometry import CROP_SIZE, TEMPLATES, Template
from tpgan_sdk.resample import to_uint8

from . import augment
from .background import background, soften
from .compose import blend
from .shards import ShardReader, find_shards

Example = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Position:
    """One view in the order of training: which view, and the seed of what happens to it."""

    view: int
    seed: tuple[int, ...]


class Examples(Dataset[Example]):
    """Examples from a folder of shards.

    Each example: the five inputs and ``target`` as float32 RGB in [-1, 1], (3, H, W);
    ``yaw`` in degrees; ``identity``.
    """

    def __init__(self, folder: Path, augmented: bool = True, template: str = "official") -> None:
        self.shards = [ShardReader(path) for path in find_shards(folder)]
        self.starts = np.cumsum([0, *(len(shard) for shard in self.shards)])
        self.classes = max(int(s.labels["identity"].max()) + 1 for s in self.shards)
        self.augmented = augmented
        self.template: Template = TEMPLATES[template]

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, item: Position | int) -> Example:
        position = item if isinstance(item, Position) else Position(item, (0, item))
        rng = np.random.default_rng(position.seed)
        which = int(np.searchsorted(self.starts, position.view, side="right")) - 1
        shard, row = self.shards[which], position.view - int(self.starts[which])
        label = shard.labels[row]
        view, target = shard.views[row], shard.targets[label["target"]]
        margin = (view.shape[0] - CROP_SIZE) // 2
        other = shard.views[int(rng.integers(len(shard)))] if self.augmented else None
        behind = background(rng, view.shape[0], other)
        inner = soften(behind)[margin : margin + CROP_SIZE, margin : margin + CROP_SIZE]
        frame, truth = blend(view, behind), blend(target, inner)
        landmarks = label["landmarks"].astype(np.float64)
        if self.augmented:
            exposure = augment.colour_map(rng)
            frame = augment.occlude(rng, frame, behind)
            frame, truth = (augment.recolour(picture, exposure) for picture in (frame, truth))
            frame, truth = augment.grey(rng, frame, truth)
            pixels = augment.damage(rng, frame)
            detected = augment.misplace(rng, landmarks, float(label["yaw"]))
        else:
            pixels, detected = to_uint8(frame), landmarks
        exact, detected = landmarks + margin, detected + margin
        if self.augmented:
            pixels, shifted = augment.end_of_photo(rng, pixels, exact)
            detected, exact = detected + (shifted - exact), shifted
        try:
            crops = crop_face(pixels, detected, self.template, mirrored=False)
        except GeometryError:  # misplaced beyond what a face can be: take the exact points
            crops = crop_face(pixels, exact, self.template, mirrored=False)
        inputs = network_inputs([crops], reverse_channels=True)  # shards are BGR
        example = {name: torch.from_numpy(inputs[name][0]) for name in INPUT_NAMES}
        rgb = truth[..., ::-1] / np.float32(127.5) - 1
        example["target"] = torch.from_numpy(rgb).permute(2, 0, 1)
        example["yaw"] = torch.tensor(float(label["yaw"]))
        example["identity"] = torch.tensor(int(label["identity"]))
        return example


class Shuffle(Sampler[Position]):
    """All views in a new order every epoch, without end, from any position on.

    `share` is (rank, processes): each process takes its own positions of the one order.
    """

    def __init__(
        self, count: int, seed: int, start: int = 0, share: tuple[int, int] = (0, 1)
    ) -> None:
        self.count, self.seed, self.start, self.share = count, seed, start, share

    def __iter__(self) -> Iterator[Position]:
        return islice(self._all(), self.share[0], None, self.share[1])

    def _all(self) -> Iterator[Position]:
        epoch, offset = divmod(self.start, self.count)
        while True:
            order = np.random.default_rng((self.seed, epoch)).permutation(self.count)
            for view in order[offset:]:
                yield Position(int(view), (self.seed, epoch, int(view)))
            epoch, offset = epoch + 1, 0


def training_batches(
    examples: Examples,
    batch: int,
    seed: int,
    start: int,
    workers: int,
    share: tuple[int, int] = (0, 1),
) -> Iterator[Example]:
    """Batches without end, from the `start`-th view on; `batch` is this process's share."""
    loader = DataLoader(
        examples,
        batch_size=batch,
        sampler=Shuffle(len(examples), seed, start, share),
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=_single_thread,
        drop_last=True,
        # Its own, or starting it would move the random numbers of the training on.
        generator=torch.Generator(),
    )
    return iter(loader)


def in_order(examples: Examples, batch: int) -> Iterator[Example]:
    """Every view once, in batches."""
    yield from DataLoader(examples, batch_size=batch)


def _single_thread(_: int) -> None:
    # Workers run beside the trainer: threads of their own would fight it for the cores.
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
