"""Shard rendering: what each shard is made of, and processes that render them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from tpgan_sdk.errors import GeometryError, TrainingError
from tpgan_sdk.geometry import OFFICIAL
from tpgan_sdk.images.resample import UInt8Array

from ..data.shards import write_shard
from .correspondence import Correspondence
from .person import portrait_of, render_portrait
from .plan import Person, RenderConfig, find_portraits, plan_people, portrait_generator
from .views import PortraitError, Renderer

SHARD_PORTRAITS: Final = 64


@dataclass(slots=True)
class ShardPlan:
    """What one shard is made of, and what became of it."""

    folder: Path
    people: list[Person]
    config: RenderConfig
    views: int = 0
    rejected: dict[str, str] = field(default_factory=dict)
    """Reason by name of the person."""


def plan_shards(
    folders: Sequence[Path],
    output: Path,
    splits: Sequence[str],
    config: RenderConfig,
    limit: int | None = None,
) -> list[ShardPlan]:
    """The shards that these portraits make.

    Raises:
        TrainingError: there is nothing to render, or the output holds shards already.
    """
    jobs = []
    for split in splits:
        if list((output / split).glob("shard-*")):
            raise TrainingError(
                f"{output / split} holds shards already, which would mix with the new ones; "
                "remove them or give another --output"
            )
        portraits = find_portraits(folders, split)[:limit]
        # Held-out people are real portraits: what is measured on others says less.
        new = config if split == "train" else replace(config, new_people=0.0)
        people = plan_people(portraits, new)
        for k in range(0, len(people), SHARD_PORTRAITS):
            folder = output / split / f"shard-{k // SHARD_PORTRAITS:05d}"
            jobs.append(ShardPlan(folder, people[k : k + SHARD_PORTRAITS], new))
    if not jobs:
        raise TrainingError(
            f"no portrait of the split {' or '.join(splits)} in these folders; the split goes by "
            "file name (see train/data/split.py), so a few portraits may all lie in the other one"
        )
    return jobs


# Of a worker: its models, loading which takes seconds.
_head: Path | None = None
_renderer: Renderer | None = None


def _start_worker(head: Path | None) -> None:
    global _head
    _head = head


def _render_in_worker(job: ShardPlan) -> ShardPlan:
    # Not when the worker starts: what is raised there, a pool answers with new workers for ever.
    global _renderer
    if _renderer is None:
        _renderer = Renderer(_head)
    return render_shard(_renderer, job)


def render_shard(renderer: Renderer, job: ShardPlan) -> ShardPlan:
    """Render and write one shard; unusable portraits are noted in the job that is returned."""
    views: list[UInt8Array] = []
    correspondences: list[Correspondence] = []
    targets: list[UInt8Array] = []
    labels: list[tuple[Any, ...]] = []
    names: dict[str, str] = {}
    for person in job.people:
        rng = portrait_generator(job.config.seed, person.key)
        try:
            image = portrait_of(renderer, person, rng)
            result = render_portrait(renderer, image, job.config, rng)
        except (PortraitError, GeometryError) as error:
            job.rejected[person.name] = str(error)
            continue
        base = len(targets)
        views += result[0]
        correspondences += result[1]
        targets += result[2]
        labels += [(base + target, person.identity, *rest) for target, *rest in result[3]]
        names[str(person.identity)] = person.name
    job.views = len(views)
    if views:
        meta: dict[str, Any] = {
            "template": OFFICIAL.name,
            "seed": job.config.seed,
            "portraits": names,
        }
        flows = [c.flow for c in correspondences]
        visibility = [c.visibility for c in correspondences]
        meta["config"] = asdict(job.config)
        write_shard(job.folder, views, flows, visibility, targets, labels, meta)
    return job


def render_shards(jobs: list[ShardPlan], head: Path | None, workers: int) -> Iterator[ShardPlan]:
    """Render all shards, yielding each when it is written, in any order.

    Raises:
        TrainingError: the head model or MediaPipe is missing.
    """
    if workers <= 1:
        with Renderer(head) as renderer:
            yield from (render_shard(renderer, job) for job in jobs)
        return
    # MediaPipe does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _start_worker, (head,)) as pool:
        yield from pool.imap_unordered(_render_in_worker, jobs)
