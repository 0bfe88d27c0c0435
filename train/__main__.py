"""`python -m train`: from shards of views to a checkpoint that `export` takes."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tpgan_sdk.errors import TPGANError

from .training.ablation import WITHOUT, without
from .training.config import TrainConfig, load_config
from .training.run_settings import RunSettings


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    p.add_argument("--config", default="edge", help="name in train/configs, or a JSON file")
    p.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    p.add_argument("--ablate", metavar="NAME", help=f"leave out one of {', '.join(WITHOUT)}")
    p.add_argument("--dataset", default="rendered", metavar="NAME", help="what --root holds")
    p.add_argument("--root", "--data", type=Path, required=True, help="its folder, or CSV of pairs")
    p.add_argument("--output", type=Path, required=True, help="folder for checkpoint and log")
    p.add_argument("--recogniser", type=Path, help="weights for the identity loss")
    p.add_argument("--teacher", type=Path, help="checkpoint to learn from (--set distill=1)")
    p.add_argument("--heldout", type=Path, help="shards or CSV to choose the best one on")
    p.add_argument(
        "--init", type=Path, help="checkpoint or exported model to start from, as a new run"
    )
    p.add_argument("--resume", action="store_true", help="go on from the checkpoint in --output")
    p.add_argument("--max-minutes", type=float, help="end cleanly after this time")
    p.add_argument("--save-every", type=_count, default=500, help="steps between checkpoints")
    p.add_argument("--keep", type=_count, default=1, help="checkpoints to keep, besides the best")
    p.add_argument("--workers", type=_count, default=1, help="processes that prepare batches")
    p.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    p.add_argument("--dry-run", action="store_true", help="open all, print what would run")
    return p


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _job(args: argparse.Namespace) -> RunSettings:
    return RunSettings(
        data=args.root,
        dataset=args.dataset,
        output=args.output,
        recogniser=args.recogniser,
        teacher=args.teacher,
        heldout=args.heldout,
        init=args.init,
        resume=args.resume,
        max_minutes=args.max_minutes,
        workers=args.workers,
        save_every=args.save_every,
        keep=args.keep,
    )


def _run(config: TrainConfig, settings: RunSettings, device: str) -> Path:
    from .training.distributed import ranks
    from .training.loop import train

    with ranks(device) as among:
        return train(config, settings, say=lambda line: print(line, flush=True), among=among)


def _plan(config: TrainConfig, settings: RunSettings, device: str) -> str:
    from .training.distributed import ranks
    from .training.loop import plan

    with ranks(device) as among:
        shown = {"config": asdict(config), "run": plan(config, settings, among)}
    return json.dumps(shown, indent=2)


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        config, settings = load_config(args.config, args.settings), _job(args)
        if args.ablate is not None:
            config = without(config, args.ablate)
        if args.dry_run:
            print(_plan(config, settings, args.device))
            return 0
        folder = _run(config, settings, args.device)
    except TPGANError as error:
        print(f"train: {error}", file=sys.stderr)
        return 1
    print(f"checkpoint: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
