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
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tpgan_sdk.errors import TPGANError, TrainingError

from .plan import RenderConfig
from .shard_rendering import ShardPlan, plan_shards, render_shards


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
    done: list[ShardPlan] = []
    for job in render_shards(jobs, arguments.head, arguments.workers):
        done.append(job)
        people, views = sum(len(j.people) for j in done), sum(j.views for j in done)
        rate = views / (time.perf_counter() - start)
        print(f"{people}/{total} people, {rate:.0f} views a second", flush=True)
    _report(arguments.output / "report.json", config, done, time.perf_counter() - start)


def _report(path: Path, config: RenderConfig, jobs: list[ShardPlan], seconds: float) -> None:
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
