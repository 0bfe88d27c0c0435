"""The command `tpgan`. Each subcommand is loaded when it is called, and no other.

Imported by nothing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import OpenCVError
from ..system.opencv import opencv_fault
from ..version import __version__
from .own_packages import OWN, prefer_own, shadow_of
from .streams import forgiving_streams

FAILED = 1
USAGE_ERROR = 2
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class _Command:
    module: str
    """Holds `main(arguments) -> int | None`."""
    summary: str
    extra: str
    """The extra of the package that installs what it needs; empty: the core."""
    answers: bool = False
    """Whether what it prints is all that comes of it."""


_COMMANDS = {
    "frontalize": _Command("tpgan_sdk.cli.frontalize", "photos in, frontal faces out", "cpu"),
    "doctor": _Command(
        "tpgan_sdk.cli.doctor", "what works here, and what mends the rest", "", True
    ),
    "export": _Command("export.to_onnx", "a training checkpoint to ONNX", "export"),
    "build-engine": _Command("export.build_engine", "an ONNX to a TensorRT engine", "tensorrt"),
    "engines": _Command(
        "tpgan_sdk.cli.engines", "engines in the cache: list, verify, prune", "", True
    ),
    "train": _Command("train.__main__", "train a network", "train"),
}
# Here, because worker processes import this module too, and not in `main`, which they never call.
prefer_own()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `tpgan` with these arguments (default: of the command line).

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage or set-up, 3 done in part, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    with forgiving_streams() as out:
        code = _run(words)
        out.flush()
        if out.lost and code == 0 and words[0] in _COMMANDS and _COMMANDS[words[0]].answers:
            print(f"tpgan: the answer cannot be written ({out.lost})", file=sys.stderr)
            return FAILED
    return code


def _run(words: Sequence[str]) -> int:
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
    except ImportError as error:  # some commands import what they need when they need it
        if (message := _import_fault(error, words[0], command)) is None:
            raise
        return _fail(message)
    except KeyboardInterrupt:
        print("interrupted; what was written so far is kept", file=sys.stderr)
        return INTERRUPTED


def _import_fault(error: ImportError, name: str, command: _Command) -> str | None:
    """What to tell of it; None: a fault of ours, which no installation mends."""
    missing = error.name or ""
    if file := shadow_of(missing):
        return (
            f"`tpgan {name}` needs {missing}, but {file} is imported in its place: rename it, or "
            "take its folder off PYTHONPATH"
        )
    if missing.partition(".")[0] in OWN:
        return None
    if isinstance(error, ModuleNotFoundError):
        mend = f'pip install "tpgan-sdk[{command.extra}]"' if command.extra else "reinstall it"
        return f"`tpgan {name}` needs {missing}, which is not installed: {mend}"
    if missing == "cv2":  # imported by another package than ours
        return str(opencv_fault(error))
    return (
        str(error)
        if isinstance(error, OpenCVError)
        else (f"`tpgan {name}` needs {missing or 'a package'}, which does not load: {error}")
    )


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
