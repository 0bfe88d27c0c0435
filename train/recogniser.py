"""`python -m train.recogniser`: trains or fine-tunes a recogniser on the people at hand."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from tpgan_sdk.errors import TPGANError

from .recogniser_training.heads import LOSSES
from .recogniser_training.trainer import LearningConfig, learn
from .recognisers.weights import NETWORKS
from .training.device import DEVICES


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    default = LearningConfig()
    p = argparse.ArgumentParser(prog="python -m train.recogniser", description=__doc__)
    p.add_argument(
        "--data", type=Path, required=True, help="people as FOLDER/NAME/*.jpg, or rendered shards"
    )
    p.add_argument("--output", type=Path, required=True, help="folder for the weights")
    p.add_argument("--init", type=Path, help="weights to go on from")
    p.add_argument("--architecture", choices=[*NETWORKS], default=default.architecture)
    p.add_argument("--loss", choices=LOSSES, default=default.loss)
    p.add_argument("--margin", type=float, default=default.margin, help="ArcFace's, in radians")
    p.add_argument("--scale", type=float, default=default.scale, help="of ArcFace's logits")
    p.add_argument("--steps", type=int, default=default.steps)
    p.add_argument("--batch", type=int, default=default.batch, help="faces a step")
    p.add_argument("--learning-rate", type=float, default=default.learning_rate)
    p.add_argument("--seed", type=int, default=default.seed)
    p.add_argument("--max-minutes", type=float, help="end cleanly after this time")
    p.add_argument("--device", choices=DEVICES, default="auto")
    p.add_argument("--workers", type=int, default=0, help="processes that prepare batches")
    return p


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        config = LearningConfig(**{f.name: getattr(args, f.name) for f in fields(LearningConfig)})
        path = learn(
            config,
            args.data,
            args.output,
            args.init,
            args.max_minutes,
            args.device,
            args.workers,
            say=lambda line: print(line, flush=True),
        )
    except TPGANError as error:
        print(f"recogniser: {error}", file=sys.stderr)
        return 1
    print(f"recogniser: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
