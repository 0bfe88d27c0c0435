"""The command `tpgan`. Each subcommand is loaded when it is called, and no other.

Imported by nothing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from ..version import __version__

USAGE_ERROR = 2
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class _Command:
    module: str
    """Holds `main(arguments) -> int | None`."""
    summary: str
    extra: str
    """The extra of the package that installs what it needs; empty: the core."""


_COMMANDS = {
    "frontalize": _Command("tpgan_sdk.cli.frontalize", "photos in, frontal faces out", "cpu"),
    "doctor": _Command("tpgan_sdk.cli.doctor", "what works here, and what mends the rest", ""),
    "export": _Command("export.to_onnx", "a training checkpoint to ONNX", "export"),
    "build-engine": _Command("export.build_engine", "an ONNX to a TensorRT engine", "tensorrt"),
    "engines": _Command("tpgan_sdk.cli.engines", "engines in the cache: list, verify, prune", ""),
    "train": _Command("train.__main__", "train a network", "train"),
}
# A module of ours that is missing is a fault of ours, which no extra mends.
_OWN = ("tpgan_sdk", "train", "export", "engines")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `tpgan` with these arguments (default: of the command line).

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage or set-up, 3 done in part, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help", "help"):
        print(_usage())
        return 0 if words else USAGE_ERROR
    if words[0] == "--version":
        print(f"tpgan-sdk {__version__}")
        return 0
    command = _COMMANDS.get(words[0])
    if command is None:
        return _fail(f"unknown command {words[0]!r}; expected {', '.join(_COMMANDS)}")
    try:
        run = importlib.import_module(command.module).main
        return int(run(words[1:]) or 0)
    except ModuleNotFoundError as error:  # some commands import what they need when they need it
        if (error.name or "").partition(".")[0] in _OWN:
            raise
        mend = f'pip install "tpgan-sdk[{command.extra}]"' if command.extra else "reinstall it"
        return _fail(f"`tpgan {words[0]}` needs {error.name}, which is not installed: {mend}")
    except KeyboardInterrupt:
        print("interrupted; what was written so far is kept", file=sys.stderr)
        return INTERRUPTED


def _usage() -> str:
    width = max(map(len, _COMMANDS))
    lines = [f"  {name:{width}}  {command.summary}" for name, command in _COMMANDS.items()]
    return "\n".join(
        [
            "usage: tpgan COMMAND ... | --version",
            "",
            *lines,
            "",
            "`tpgan COMMAND --help` tells more",
        ]
    )


def _fail(message: str) -> int:
    print(f"tpgan: {message}", file=sys.stderr)
    return USAGE_ERROR
