"""What a benchmark found, as a JSON file that tables and plots are made from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from tpgan_sdk.system.atomic_write import replace_file
from tpgan_sdk.version import __version__

from ..errors import BenchmarkError
from ..hardware.machine import Machine

FORMAT: Final = 1
"""Version of the file."""
FOLDER: Final = Path(__file__).parent.parent / "results"
"""The results that the docs show."""
_FOLDERS: Final = re.compile(r"(?<![\w:/.])/(?:[^/\s'\":;,]+/)+")


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one benchmark."""

    benchmark: str
    """Module of `benchmarks`."""
    machine: Machine
    settings: Mapping[str, Any]
    """What the run was asked for."""
    rows: Sequence[Mapping[str, Any]]
    """JSON values; names of figures end in their unit (`median_ms`, `peak_mb`)."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """What this machine cannot run, with the reason in a sentence."""
    date: str = field(default_factory=_now)
    """UTC, ISO 8601."""
    sdk: str = __version__
    format: int = FORMAT


def result_path(benchmark: str, machine: Machine, folder: Path) -> Path:
    """`BENCHMARK-MACHINE.json`: a later run on the same kind of machine takes its place."""
    return folder / f"{benchmark}-{machine.label}.json"


def write(result: Result, folder: Path) -> Path:
    """Writes a result, and gives the file's path. Of paths in reasons only the last part is kept.

    Raises:
        BenchmarkError: a value is NaN, infinite or no JSON, or the file cannot be written.
    """
    path = result_path(result.benchmark, result.machine, folder)
    reasons = {what: _FOLDERS.sub("", why) for what, why in result.left_out.items()}
    try:
        text = json.dumps(
            {**asdict(result), "left_out": reasons}, indent=1, allow_nan=False, ensure_ascii=False
        )
    except (TypeError, ValueError) as error:
        raise BenchmarkError(
            f"the result of {result.benchmark} is no JSON: {error}; give None for what is unknown"
        ) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(path, f"{text}\n".encode())
    except OSError as error:
        raise BenchmarkError(f"cannot write {path}: {error.strerror}") from None
    return path


def read(path: Path) -> Result:
    """A result from its file.

    Raises:
        BenchmarkError: missing, no result, or of another format.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.get("format") != FORMAT:
            raise BenchmarkError(
                f"{path} has format {values.get('format')!r}, this version reads {FORMAT}; measure "
                "again with `python -m benchmarks`"
            )
        machine = Machine(**_known(values.pop("machine"), Machine))
        return Result(machine=machine, **_known(values, Result))
    except OSError as error:
        raise BenchmarkError(f"cannot read {path}: {error.strerror}") from None
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, KeyError, TypeError) as error:
        raise BenchmarkError(f"{path} is no result of a benchmark: {error}") from None


def read_all(folder: Path = FOLDER, benchmark: str | None = None) -> list[Result]:
    """The results of a folder, of one benchmark or of all, in the order of their names.

    Raises:
        BenchmarkError: as `read`.
    """
    found = [read(path) for path in sorted(folder.glob("*.json"))]
    return [result for result in found if benchmark in (None, result.benchmark)]


def _known(values: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    names = {entry.name for entry in fields(kind)}
    if unknown := set(values) - names:
        raise TypeError(f"unknown entries {', '.join(sorted(unknown))}")
    return dict(values)
