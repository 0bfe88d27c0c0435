"""`tpgan engines`: lists, checks and removes the engines of the cache."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..backends.tensorrt.cache import CachedEngine, cache_dir, cached_engines, remove
from ..backends.tensorrt.engine_file import check_fits
from ..backends.tensorrt.runtime import load_runtime, version_of
from ..errors import BackendError
from ..gpu.cuda import Gpu, find_gpu


def main(arguments: Sequence[str]) -> int:
    """Runs the command. Exit code 1: an engine does not verify; 2: wrong usage."""
    parser = argparse.ArgumentParser(
        prog="tpgan engines",
        description="Engines that `tpgan build-engine` wrote into the cache.",
    )
    parser.add_argument("--dir", type=Path, help="another folder than the user's cache")
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|verify|prune")
    listing = actions.add_parser("list", help="what there is")
    listing.add_argument("--json", action="store_true", help="one JSON array on stdout")
    actions.add_parser("verify", help="is each sound, and does it fit the GPU and TensorRT here?")
    prune = actions.add_parser("prune", help="delete what is damaged")
    prune.add_argument("--unfit", action="store_true", help="also what does not fit this machine")
    prune.add_argument("--all", action="store_true", help="every engine")
    prune.add_argument("--dry-run", action="store_true", help="say it and delete nothing")
    args = parser.parse_args(arguments)
    folder: Path = args.dir or cache_dir()
    engines = list(cached_engines(folder))
    if args.action == "list":
        return _list(engines, folder, args.json)
    if args.action == "verify":
        return _verify(engines, folder)
    return _prune(engines, folder, args)


def why_incompatible(engine: CachedEngine) -> str | None:
    """Why the engine cannot run on this machine; None where it can."""
    if engine.info is None:
        return engine.problem
    gpu = find_gpu()
    if not isinstance(gpu, Gpu):
        return gpu
    try:
        runtime = engine.info.runtime, version_of(load_runtime(engine.info.runtime))
        check_fits(engine.path, engine.info, sm=gpu.sm, runtime=runtime)
    except BackendError as error:
        return str(error)
    return None


def _list(engines: Sequence[CachedEngine], folder: Path, as_json: bool) -> int:
    if as_json:
        rows = [
            {
                "path": str(engine.path),
                "bytes": engine.size,
                "problem": engine.problem,
                "info": asdict(engine.info) if engine.info else None,
            }
            for engine in engines
        ]
        print(json.dumps(rows, indent=2))
        return 0
    for engine in engines:
        print(f"{engine.path.name}  {engine.size / 1e6:.1f} MB  {_words(engine)}")
    print(f"{len(engines)} engines in {folder}, {sum(e.size for e in engines) / 1e6:.1f} MB")
    return 0


def _verify(engines: Sequence[CachedEngine], folder: Path) -> int:
    problems = [(engine, why_incompatible(engine)) for engine in engines]
    for engine, problem in problems:
        print(
            f"{'ok  ' if problem is None else 'FAIL'}  {engine.path.name}  {problem or ''}".rstrip()
        )
    failed = sum(problem is not None for _, problem in problems)
    print(f"{len(engines) - failed} of {len(engines)} engines in {folder} run here")
    return 1 if failed else 0


def _prune(engines: Sequence[CachedEngine], folder: Path, args: argparse.Namespace) -> int:
    freed = count = 0
    for engine in engines:
        reason = "all" if args.all else why_incompatible(engine) if args.unfit else engine.problem
        if reason is None:
            continue
        count += 1
        print(f"{engine.path.name}: {reason}")
        if args.dry_run:
            freed += engine.size
            continue
        try:
            freed += remove(engine.path)
        except OSError as error:
            print(f"engines: {engine.path} cannot be deleted: {error}", file=sys.stderr)
            return 1
    verb = "would be deleted" if args.dry_run else "deleted"
    print(f"{count} of {len(engines)} engines {verb} from {folder}, {freed / 1e6:.1f} MB")
    return 0


def _words(engine: CachedEngine) -> str:
    info = engine.info
    if info is None:
        return f"unusable: {engine.problem}"
    state = "verified" if info.verified else str(info.parity)
    return (
        f"{info.model} {info.precision}, {info.runtime} {info.runtime_version}, SM "
        f"{', '.join(map(str, info.sm))}, batch {':'.join(map(str, info.batch))}, {state}"
    )
