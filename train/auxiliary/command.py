"""Command-line flags and exit codes that detector and refiner share."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import Field
from pathlib import Path
from typing import Any

from tpgan_sdk.errors import TPGANError


def add_flags(parser: argparse.ArgumentParser, fields: Iterable[Field[Any]]) -> None:
    """One flag for each field of a configuration, all of them numbers."""
    for field in fields:
        kind = int if isinstance(field.default, int) else float
        flag = "--" + field.name.replace("_", "-")
        parser.add_argument(flag, type=kind, default=field.default)


def exit_code(work: Callable[[], object]) -> int:
    """Does a command's work: 0, or 1 after a line that says what was wrong."""
    try:
        work()
    except TPGANError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def show_report(report: dict[str, Any], output: Path | None) -> None:
    """Prints an evaluation's figures, and writes them where a file is given."""
    text = json.dumps(report, indent=1)
    print(text)
    if output:
        output.write_text(text + "\n")


def export_command(
    package: str,
    export: Callable[[Path, Path, dict[str, Any] | None], dict[str, Any]],
    shown: Sequence[str],
    argv: Sequence[str] | None,
) -> int:
    """The command ``PACKAGE.export``; returns its exit code.

    Args:
        package: whose `evaluate` makes the figures.
        export: takes weights, output and figures; gives the sidecar.
        shown: what is printed of it.
        argv: of the command.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {package}.export")
    parser.add_argument("--weights", type=Path, required=True, metavar="FILE")
    parser.add_argument("--output", type=Path, required=True, metavar="ONNX")
    parser.add_argument("--figures", type=Path, help=f"JSON of {package}.evaluate to keep")
    arguments = parser.parse_args(argv)

    def work() -> None:
        figures = json.loads(arguments.figures.read_text()) if arguments.figures else None
        info = export(arguments.weights, arguments.output, figures)
        print(json.dumps({key: info[key] for key in shown}))

    return exit_code(work)
