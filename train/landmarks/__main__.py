"""Training of the landmark refiner.

    python -m train.landmarks.refiner --data DIR --output DIR --max-minutes 40

Folders of `--data` hold the files of `train.landmarks.views`, or shards of `train.data.render`.
The learning rate falls to zero when the time is over; the averaged weights and a log lie in the
output.
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

from .trainer import Config, train


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m train.landmarks.refiner")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="DIR")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--start", type=Path, metavar="FILE", help="weights to begin with")
    parser.add_argument("--yunet", type=Path, metavar="ONNX", help="or its backbone to begin with")
    add_flags(parser, fields(Config))
    arguments = vars(parser.parse_args(argv))
    paths = {name: arguments.pop(name) for name in ("data", "output", "start", "yunet")}
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    return exit_code(lambda: train(**paths, config=Config(**arguments)))


if __name__ == "__main__":
    sys.exit(main())
