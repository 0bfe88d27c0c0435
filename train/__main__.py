"""`python -m train`: from shards of views to a checkpoint that `export` takes."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tpgan_sdk.errors import TPGANError

from .config import load_config


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    p.add_argument("--config", default="edge", help="name in train/configs, or a JSON file")
    p.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    p.add_argument("--data", type=Path, required=True, help="folder of shards (train.data.render)")
    p.add_argument("--output", type=Path, required=True, help="folder for checkpoint and log")
    p.add_argument("--recogniser", type=Path, help="MobileFaceNet weights for the identity loss")
    p.add_argument("--max-minutes", type=float, help="end cleanly after this time")
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint in --output")
    p.add_argument("--workers", type=_count, default=1, help="processes that prepare batches")
    p.add_argument("--dry-run", action="store_true", help="print what would run")
    return p


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        config = load_config(args.config, args.settings)
        if args.dry_run:
            print(json.dumps(asdict(config), indent=2))
            return 0
        from .loop import train
        from .parallel import ranks

        with ranks() as among:
            folder = train(
                config,
                args.data,
                args.output,
                args.recogniser,
                args.max_minutes,
                args.resume,
                args.workers,
                say=lambda line: print(line, flush=True),
                among=among,
            )
    except TPGANError as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    print(f"checkpoint: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
