"""Build an engine of TensorRT or TensorRT-RTX from an ONNX or a checkpoint.

--dry-run prints the whole plan and what this machine lacks for it, and needs neither torch nor
TensorRT nor onnx.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

from engines import PRECISIONS, profile_names
from tpgan_sdk.errors import TPGANError

from .engines.features import HARDWARE, Features
from .engines.plan import RUNTIMES, make_plan
from .engines.preflight import run_checks

INTERRUPTED = 130


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
    parser.add_argument("--recogniser", type=Path, help="the parity gate compares identities too")
    parser.add_argument("--version-compatible", action="store_true", help="for later TensorRT too")
    parser.add_argument("--hardware", choices=tuple(HARDWARE), help="runs on more than this GPU")
    parser.add_argument("--strip", action="store_true", help="no weights inside: the ONNX has them")
    parser.add_argument("--refittable", action="store_true", help="can take other weights later")
    parser.add_argument("--refit-from", type=Path, metavar="ENGINE", help="give it this ONNX's")
    parser.add_argument("--dla", type=int, metavar="CORE", help="Orin's accelerator; not measured")
    parser.add_argument("--output", type=Path, help="file to write; default: in the cache")
    parser.add_argument("--dry-run", action="store_true", help="print plan and checks, then stop")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 built, or dry run of a sound plan; 1 no engine, or dry run without a usable
    model; 2 bad usage; 130 interrupted."""
    options = vars(_parser().parse_args(argv))
    dry_run = options.pop("dry_run")
    features = {name: options.pop(name) for name in ("version_compatible", "hardware", "strip")}
    features |= {"refit": options.pop("refittable"), "dla": options.pop("dla")}
    try:
        options["features"] = Features(**features)
        plan = make_plan(**options)
    except TPGANError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("\n".join(plan.lines()))
    problems = run_checks(plan)
    for name, problem in problems.items():
        print(f"check {name:10} {problem or 'ok'}")
    if dry_run:
        return 1 if problems["model"] else 0  # what the machine lacks, another one may have
    lacking = [f"{problem}" for problem in problems.values() if problem]
    if lacking:
        print(f"error: no engine was built: {'; '.join(lacking)}", file=sys.stderr)
        return 1
    from .engines.build import build_engine  # loads what the checks found to be there

    words = sys.argv[1:] if argv is None else argv
    try:
        info = build_engine(plan, shlex.join(["tpgan", "build-engine", *words]), _Progress())
    except (TPGANError, OSError) as error:
        print(f"error: no engine was built: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: no engine was built and nothing was left behind", file=sys.stderr)
        return INTERRUPTED
    parity = info.parity if isinstance(info.parity, str) else f"{info.parity['psnr']:.1f} dB"
    print(
        f"{plan.output} ({info.size / 1e6:.1f} MB, {info.precision}, SM "
        f"{', '.join(map(str, info.sm))}, {info.build_seconds:.1f} s), parity: {parity}"
    )
    return 0


class _Progress:
    """One line on a terminal, redrawn; elsewhere a line every ten seconds."""

    def __init__(self) -> None:
        self._begun: float | None = None  # of the first report: what comes before has no share
        self._drawn = 0.0
        self._live = sys.stderr.isatty()

    def __call__(self, phase: str, share: float) -> None:
        now = time.monotonic()
        if self._begun is None:
            self._begun = self._drawn = now
        if now - self._drawn < (0.2 if self._live else 10):
            return
        self._drawn = now
        spent = now - self._begun
        left = f"about {spent / share * (1 - share):.0f} s left" if share > 0.02 else ""
        begin, end = ("\r", "\x1b[K") if self._live else ("", "\n")
        sys.stderr.write(f"{begin}{share:4.0%} after {spent:.0f} s, {left} {phase[:50]}{end}")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
