"""`python -m benchmarks`: every benchmark that this machine can run, or those that are named.

What this machine cannot run (no GPU, a missing package, a board that tells no energy) is left out,
with the reason in one sentence, on the screen and in the file.

Each runs in a process of its own and writes one JSON file; `python -m benchmarks.NAME --help` tells
its other flags.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tpgan_sdk.errors import TPGANError

from .hardware.machine import describe
from .measuring.progress import aloud
from .reporting.results import FOLDER, read, result_path

BENCHMARKS: Final = {
    "latency": "this SDK, cold and warm, and where the time of a photo goes",
    "peers": "every runtime of this machine with the same network",
    "overhead": "what the SDK does besides the network",
    "limit": "how near the network's time is to what the machine allows",
    "scaling": "faces, frames, threads, processes and batches",
    "folder": "a folder of photos against detection and network alone",
    "projection": "what other devices would take, from their data sheets",
    "fleet": "faces a second for each watt, and devices for a million faces an hour",
    "soak": "an hour of faces: does the memory stay flat?",
}
NEEDS: Final = {
    "peers": ("torch", "onnx"),
    "limit": ("torch", "onnx"),
    "projection": ("torch",),
    "fleet": ("torch",),
}
"""Modules without which a benchmark cannot begin."""
_ROOT: Final = Path(__file__).parent.parent


def run(names: Sequence[str], quick: bool, output: Path) -> list[str]:
    """Runs benchmarks one after the other; returns the names of those that failed."""
    failed = []
    for name in names:
        if missing := [need for need in NEEDS.get(name, ()) if not _installed(need)]:
            aloud(f"left out: {name}: no {', '.join(missing)} here; pip install '.[export]'")
            continue
        aloud(f"{name}: {BENCHMARKS[name]}")
        command = [sys.executable, "-m", f"benchmarks.{name}", "--output", str(output.absolute())]
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        code = subprocess.call(
            command + ["--quick"] * quick, env={**os.environ, "PYTHONPATH": path}
        )
        if code:
            failed.append(name)
            continue
        for line in _left_out(result_path(name, describe(), output)):
            aloud(line)
    return failed


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _left_out(path: Path) -> Iterator[str]:
    """What a benchmark could not do here, a sentence each."""
    for what, reason in read(path).left_out.items():
        yield f"left out: {what}: {reason}"


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    listed = "\n".join(f"  {name:11} {what}" for name, what in BENCHMARKS.items())
    p = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=f"{__doc__}\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("names", nargs="*", metavar="NAME", help="default: all of them")
    p.add_argument("--quick", action="store_true", help="a look in seconds, no figures to publish")
    p.add_argument("--output", type=Path, default=FOLDER, metavar="DIR", help="for the JSON files")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0: all ran; 1: one failed, or there is none of that name."""
    args = parser().parse_args(argv)
    if unknown := [name for name in args.names if name not in BENCHMARKS]:
        known = ", ".join(BENCHMARKS)
        print(f"benchmarks: no benchmark {', '.join(unknown)}; there are: {known}", file=sys.stderr)
        return 1
    try:
        failed = run(args.names or list(BENCHMARKS), args.quick, args.output)
    except TPGANError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    if failed:
        print(f"benchmarks: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
