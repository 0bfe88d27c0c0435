"""From frontal portraits to rendered profile views with exact landmarks.

    python -m train.data.render --portraits DIR --output DIR

Every portrait gives views with yaw from 0 to 90 degrees, alternately from itself and from its
mirror image, so that the occluded side is always on the right and both halves of a person are
seen. Portrait by portrait everything random comes from the seed and the file name: the same seed
gives the same bytes, however many workers there are.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from tpgan_sdk.errors import GeometryError, TPGANError, TrainingError
from tpgan_sdk.geometry import OFFICIAL
from tpgan_sdk.resample import UInt8Array

from .camera import render_view
from .plan import (
    Person,
    RenderConfig,
    find_portraits,
    plan_people,
    plan_views,
    portrait_generator,
)
from .shards import write_shard
from .views import PortraitError, Renderer, frontal_target

SHARD_PORTRAITS: Final = 64
# Part of the second portrait in somebody made from two, and how far the shape moves besides, in
# standard deviations of the head model's first modes.
SHARE: Final = (0.3, 0.7)
SHAPE_MODES: Final = 20
SHAPE_SPREAD: Final = 0.4


@dataclass(slots=True)
class ShardJob:
    """What one shard is made of, and what became of it."""

    folder: Path
    people: list[Person]
    config: RenderConfig
    views: int = 0
    rejected: dict[str, str] = field(default_factory=dict)
    """Reason by file name."""


def portrait_of(renderer: Renderer, person: Person, rng: np.random.Generator) -> UInt8Array:
    """(H, W, 3) uint8 BGR: the photo, or the picture of somebody made from two.

    Raises:
        PortraitError: a file is no picture, or shows no face.
    """
    image = _read(person.portrait)
    if person.partner is None:
        return image
    partner = _read(person.partner)
    share = float(rng.uniform(*SHARE))
    shape = rng.normal(0.0, SHAPE_SPREAD, SHAPE_MODES)
    return renderer.new_person(image, partner, share, shape)


def _read(path: Path) -> UInt8Array:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise PortraitError("unreadable: not a picture")
    return np.asarray(image, dtype=np.uint8)


def render_portrait(
    renderer: Renderer, image: UInt8Array, config: RenderConfig, rng: np.random.Generator
) -> tuple[list[UInt8Array], list[UInt8Array], list[tuple[Any, ...]]]:
    """Views, the two targets and, for each view, `shards.LABELS` without the identity.

    Args:
        renderer: open.
        image: (H, W, 3) uint8 BGR portrait.
        config: which views.
        rng: decides what the configuration leaves open.

    Raises:
        PortraitError, GeometryError: the portrait cannot be used.
    """
    # The mirror image is analysed anew: MediaPipe is not exactly symmetric.
    meshes = [renderer.mesh(image), renderer.mesh(np.ascontiguousarray(image[:, ::-1]))]
    views, labels = [], []
    for camera, light, mirrored in plan_views(config, rng, meshes[0].smiles):
        view = render_view(meshes[mirrored], camera, light)
        views.append(view.image)
        pose = (camera.yaw, camera.pitch, camera.roll)
        labels.append((int(mirrored), mirrored, *pose, light.direction, view.landmarks))
    return views, [frontal_target(mesh) for mesh in meshes], labels


# Each worker keeps its own renderer: loading the models takes seconds.
_renderer: Renderer | None = None


def _start_worker(head: Path | None) -> None:
    global _renderer
    _renderer = Renderer(head)


def _render_in_worker(job: ShardJob) -> ShardJob:
    if _renderer is None:
        raise RuntimeError("the worker has no renderer")
    return render_shard(_renderer, job)


def render_shard(renderer: Renderer, job: ShardJob) -> ShardJob:
    """Render and write one shard; unusable portraits are noted in the job that is returned."""
    views: list[UInt8Array] = []
    targets: list[UInt8Array] = []
    labels: list[tuple[Any, ...]] = []
    names: dict[str, str] = {}
    for person in job.people:
        rng = portrait_generator(job.config.seed, person.name)
        try:
            image = portrait_of(renderer, person, rng)
            result = render_portrait(renderer, image, job.config, rng)
        except (PortraitError, GeometryError) as error:
            job.rejected[person.name] = str(error)
            continue
        base = len(targets)
        views += result[0]
        targets += result[1]
        labels += [(base + target, person.identity, *rest) for target, *rest in result[2]]
        names[str(person.identity)] = person.name
    job.views = len(views)
    if views:
        config = asdict(job.config)
        meta = {"template": OFFICIAL.name, "seed": job.config.seed, "portraits": names}
        write_shard(job.folder, views, targets, labels, {**meta, "config": config})
    return job


def render_shards(jobs: list[ShardJob], head: Path | None, workers: int) -> Iterator[ShardJob]:
    """Render all shards, yielding each when it is written, in any order."""
    if workers <= 1:
        with Renderer(head) as renderer:
            yield from (render_shard(renderer, job) for job in jobs)
        return
    # MediaPipe does not survive a fork.
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _start_worker, (head,)) as pool:
        yield from pool.imap_unordered(_render_in_worker, jobs)


def plan_shards(
    folders: Sequence[Path],
    output: Path,
    splits: Sequence[str],
    config: RenderConfig,
    limit: int | None = None,
) -> list[ShardJob]:
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
            jobs.append(ShardJob(folder, people[k : k + SHARD_PORTRAITS], new))
    if not jobs:
        raise TrainingError(
            f"no portrait of the split {' or '.join(splits)} in these folders; the split goes by "
            "file name (see train/data/split.py), so a few portraits may all lie in the other one"
        )
    return jobs


def _run(arguments: argparse.Namespace) -> None:
    try:
        yaws = tuple(float(yaw) for yaw in arguments.yaws.split(",") if yaw)
    except ValueError as error:
        raise TrainingError(f"--yaws {arguments.yaws!r} ({error}); expected 0,15,30") from error
    config = RenderConfig(
        arguments.views,
        yaws,
        arguments.pitch,
        arguments.roll,
        arguments.new_people,
        arguments.seed,
    )
    splits = ("train", "heldout") if arguments.split == "all" else (arguments.split,)
    jobs = plan_shards(arguments.portraits, arguments.output, splits, config, arguments.limit)
    total = sum(len(job.people) for job in jobs)
    print(f"{total} people, up to {config.views_each} views each, {len(jobs)} shards")
    if arguments.dry_run:
        return
    start = time.perf_counter()
    done: list[ShardJob] = []
    for job in render_shards(jobs, arguments.head, arguments.workers):
        done.append(job)
        people, views = sum(len(j.people) for j in done), sum(j.views for j in done)
        rate = views / (time.perf_counter() - start)
        print(f"{people}/{total} people, {rate:.0f} views a second", flush=True)
    _report(arguments.output / "report.json", config, done, time.perf_counter() - start)


def _report(path: Path, config: RenderConfig, jobs: list[ShardJob], seconds: float) -> None:
    rejected = {name: reason for job in jobs for name, reason in job.rejected.items()}
    reasons = Counter(reason.split(":")[0] for reason in rejected.values())
    views = sum(job.views for job in jobs)
    report = {
        "accepted": sum(len(job.people) for job in jobs) - len(rejected),
        "rejected": dict(sorted(rejected.items())),
        "reasons": dict(sorted(reasons.items())),
        "views": views,
        "views_per_second": round(views / seconds, 1),
        "config": asdict(config),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "none"
    print(f"{report['accepted']} people used; rejected: {why} (see {path})")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m train.data.render", description="Render profile views of portraits."
    )
    defaults = RenderConfig()
    add = parser.add_argument
    add("--portraits", type=Path, nargs="+", action="extend", required=True, metavar="DIR")
    add("--output", type=Path, required=True, metavar="DIR")
    add("--views", type=int, default=defaults.views, help="views a portrait (%(default)s)")
    add("--yaws", default="", help="exact yaws instead, both sides: 0,15,30,45,60,75,90")
    add("--pitch", type=float, default=defaults.pitch, help="largest, degrees (%(default)s)")
    add("--roll", type=float, default=defaults.roll, help="largest, degrees (%(default)s)")
    add(
        "--new-people",
        type=float,
        default=defaults.new_people,
        help="people made from two portraits, for each one to train on (%(default)s)",
    )
    add("--limit", type=int, help="portraits of each split")
    add("--seed", type=int, default=defaults.seed)
    add("--split", choices=("train", "heldout", "all"), default="all")
    add("--workers", type=int, default=1)
    add("--head", type=Path, help="folder of the ICT head model (default: the shared folder)")
    add("--dry-run", action="store_true", help="say what would be rendered")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    try:
        _run(_parser().parse_args(argv))
    except TPGANError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
