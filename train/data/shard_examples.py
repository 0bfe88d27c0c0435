"""Rendered views as training examples: a map-style dataset over shards.

Every example is a function of (seed, position) alone, so a run can be repeated and resumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from tpgan_sdk.geometry import CROP_SIZE, TEMPLATES, Template

from .alpha_blend import blend
from .background import background, soften
from .example import Correspondence, Example, ExampleSet, Sample, make_example
from .shards import FLOW_UNIT, ShardReader, find_shards


@dataclass(frozen=True, slots=True)
class Position:
    """One view in the order of training: which view, and the seed of what happens to it."""

    view: int
    seed: tuple[int, ...]


class ShardExamples(ExampleSet):
    """ShardExamples from a folder of shards.

    Each example is an `Example`.
    """

    def __init__(
        self, folder: Path, augmented: bool = True, template: str = "official", margin: int = 0
    ) -> None:
        self.shards = [ShardReader(path) for path in find_shards(folder)]
        self.starts = np.cumsum([0, *(len(shard) for shard in self.shards)])
        self.classes = max(int(s.labels["identity"].max()) + 1 for s in self.shards)
        self.augmented = augmented
        self.margin = margin
        self.template: Template = TEMPLATES[template]

    def index(self) -> str:
        """Of the labels of all shards, in order."""
        digest = hashlib.sha256()
        for shard in self.shards:
            digest.update(shard.labels.tobytes())
        return digest.hexdigest()

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
        flow = shard.flow[row] / np.float32(FLOW_UNIT)
        sample = Sample(
            frame,
            landmarks,
            truth,
            float(label["yaw"]),
            int(label["identity"]),
            correspondence=Correspondence(flow, shard.visibility[row], view[..., 3]),
        )
        rng_or_none = rng if self.augmented else None
        return make_example(sample, self.template, rng_or_none, behind, self.margin)


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
    examples: ExampleSet,
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


def in_order(examples: ExampleSet, batch: int) -> Iterator[Example]:
    """Every view once, in batches."""
    yield from DataLoader(examples, batch_size=batch)


def _single_thread(_: int) -> None:
    # Workers run beside the trainer: threads of their own would fight it for the cores.
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
