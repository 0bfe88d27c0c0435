"""Report entries of one input, whatever became of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import TPGANError
from ..frontalizer import Frontalizer
from .process_input import Options, frontalize_one
from .report_file import face_fields

log = logging.getLogger("tpgan_sdk")

NO_FACE: Final = (
    "no face found that can be aligned; expected eyes, nose and mouth in sight. Try another "
    "--detector, or --aligned where this is an aligned crop"
)
LEFT_OUT: Final = "a detected face is left out: "
"""How the SDK's warning begins."""


@dataclass(frozen=True, slots=True)
class InputReport:
    """Of one input; its pictures are written."""

    faces: int
    lines: Sequence[dict[str, Any]]
    """Of the report: one for each face, or one that says why there is none."""
    left_out: Sequence[str]
    """Why detected faces were not used."""
    looked_at: bool
    """Whether its faces were looked for, and those found were written: no error came between."""


def report_input(frontalizer: Frontalizer, path: Path, name: Path, options: Options) -> InputReport:
    """Works on one input. No fault of it is raised: the run goes on.

    Args:
        name: of the results, as `find_images` gives it.
    """
    lines: list[dict[str, Any]] = []
    reason, looked_at = NO_FACE, False
    with _faces_left_out() as left_out:
        try:
            done = frontalize_one(frontalizer, path, name, options)
            looked_at = True
            common = done.fields | _field(left_out)
            lines = [
                {"output": str(output), **(face_fields(face) | common)}
                for face, output in zip(done.faces, done.outputs, strict=True)
            ]
            if left_out:
                reason = f"no detected face can be used: {'; '.join(left_out)}"
        except TPGANError as error:
            reason = str(error)
        except Exception as error:  # one bad file never ends the run
            log.debug("%s", path, exc_info=True)
            reason = f"unexpected {type(error).__name__}: {error}"
    told = lines or [{"reason": reason, **_field(left_out)}]
    return InputReport(len(lines), told, left_out, looked_at)


def _field(left_out: list[str]) -> dict[str, Any]:
    return {"left_out": left_out} if left_out else {}


@contextmanager
def _faces_left_out() -> Iterator[list[str]]:
    """Takes the SDK's warnings of faces that it leaves out from its log: they name no file."""
    reasons: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if not text.startswith(LEFT_OUT):
            return True
        reasons.append(text.removeprefix(LEFT_OUT))
        return False

    log.addFilter(keep)
    try:
        yield reasons
    finally:
        log.removeFilter(keep)
