"""Training of the detector in the package.

    python -m train.detector --shards DIR --portraits DIR --yunet ONNX --output DIR

It begins with YuNet, which has learned from real photos what a face is; that stays. Rendered heads
and portraits teach it where the points are, hidden ones too. The learning rate falls to zero when
the time is over; averaged weights and a log lie in the output.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import cv2
import torch

from train.auxiliary.command import add_flags, exit_code
from train.data.shards import ShardReader, find_shards

from .examples import DetectionExamples
from .photos import known_portraits
from .trainer import Config, train

POINTS = "points.json"


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m train.detector")
    add = parser.add_argument
    add("--shards", type=Path, required=True, metavar="DIR", help="OUTPUT/train of the renderer")
    add("--portraits", type=Path, nargs="*", default=[], metavar="DIR", help="photos of one face")
    add("--output", type=Path, required=True, metavar="DIR")
    add("--yunet", type=Path, required=True, metavar="ONNX", help="weights to begin with")
    add_flags(parser, fields(Config))
    arguments = parser.parse_args(argv)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    return exit_code(lambda: _train(arguments))


def _train(arguments: argparse.Namespace) -> None:
    config = Config(**{field.name: getattr(arguments, field.name) for field in fields(Config)})
    output: Path = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    shards = [ShardReader(folder) for folder in find_shards(arguments.shards)]
    folders = arguments.portraits
    portraits = known_portraits(folders, output / POINTS) if folders else []
    train(DetectionExamples(shards, portraits, config.seed), arguments.yunet, output, config)


if __name__ == "__main__":
    sys.exit(main())
