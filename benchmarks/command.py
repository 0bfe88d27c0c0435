"""What the commands of all benchmarks share: two flags, and how they end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tpgan_sdk.errors import TPGANError

from .reporting.results import FOLDER, Result, write


def command(name: str, doc: str | None, quick: str) -> argparse.ArgumentParser:
    """A benchmark's parser with the flags that `python -m benchmarks` gives to each.

    Args:
        name: of the benchmark.
        doc: its module's.
        quick: what `--quick` leaves out.
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument(
        "--output", type=Path, default=FOLDER, metavar="DIR", help="folder for the JSON"
    )
    return parser


def conclude(
    name: str,
    output: Path,
    measure: Callable[[], Result],
    told: Callable[[Result], Iterable[str]] = lambda _: (),
) -> int:
    """Measures and writes; the exit code: 0, or 1 after a line that says what was refused.

    Args:
        name: of the benchmark.
        output: folder for the JSON.
        measure: the benchmark.
        told: lines about its result for the screen.
    """
    try:
        result = measure()
        for line in told(result):
            print(line)
        print(write(result, output))
    except TPGANError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0
