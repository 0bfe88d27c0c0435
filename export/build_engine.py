"""Plan a TensorRT engine and check this machine for it. The build itself is not there yet.

--dry-run prints the whole plan and what this machine lacks for it, and needs neither torch nor
TensorRT nor onnx.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engines import PRECISIONS, profile_names
from tpgan_sdk.errors import TPGANError

from .build_plan import RUNTIMES, make_plan
from .preflight import run_checks


def parse_batch(text: str) -> tuple[int, int, int]:
    """``min:opt:max`` in faces."""
    parts = text.split(":")
    if len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts):
        low, best, high = map(int, parts)
        if 1 <= low <= best <= high:
            return low, best, high
    raise argparse.ArgumentTypeError(f"{text!r}; expected MIN:OPT:MAX, rising from 1, as 1:8:32")


def parse_sm(text: str) -> tuple[int, ...]:
    """Compute capabilities times ten, separated by commas."""
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and 50 <= int(part) < 1000 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r}; expected architectures, as 86,89")
    return tuple(map(int, parts))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m export.build_engine", description=__doc__)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--onnx", type=Path, help="ONNX of export.to_onnx (default: the package's)")
    source.add_argument("--checkpoint", type=Path, help="export this first (needs torch)")
    parser.add_argument("--profile", metavar="NAME", help=", ".join(profile_names()))
    parser.add_argument("--runtime", choices=tuple(RUNTIMES), default="tensorrt")
    parser.add_argument("--sm", type=parse_sm, default=(), help="as 86,89 (default: the profile's)")
    parser.add_argument("--precision", choices=PRECISIONS, help="default: the profile's, or fp16")
    parser.add_argument("--batch", type=parse_batch, metavar="MIN:OPT:MAX", help="in faces")
    parser.add_argument("--output", type=Path, default=Path("tpgan.engine"), help="file to write")
    parser.add_argument("--dry-run", action="store_true", help="print plan and checks, then stop")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 for a dry run of a sound plan, 1 where no engine came out, 2 for bad usage."""
    options = vars(_parser().parse_args(argv))
    dry_run = options.pop("dry_run")
    try:
        plan = make_plan(**options)
    except TPGANError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(plan.lines()))
    problems = run_checks(plan)
    for name, problem in problems.items():
        print(f"check {name:10} {problem or 'ok'}")
    if dry_run:
        return 0
    lacking = [name for name, problem in problems.items() if problem]
    print(
        "error: no engine was built: this version plans and checks, it does not build yet"
        + (f" (this machine also fails: {', '.join(lacking)})" if lacking else ""),
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
