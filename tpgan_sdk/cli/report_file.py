"""`report.jsonl`: one line for each face, and one for each input without a result.

Runs are appended to what is there, so that no earlier result is lost; the field `run` tells them
apart. Every line is on disk before the next input is read.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from ..errors import TPGANError
from ..types import Face

FILE_NAME: Final = "report.jsonl"


class Report:
    """An open report.

    Args:
        folder: is made where it is missing.
        common: fields that every line of this run gets, for example the backend.

    Raises:
        TPGANError: the folder or the file cannot be written.
    """

    def __init__(self, folder: Path, common: dict[str, Any]) -> None:
        self.path = folder / FILE_NAME
        run = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        self._common = {"run": run, **common}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
        except OSError as error:
            raise self._unwritable(error) from error
        self._end_broken_line()

    def add(self, source: Path, **fields: Any) -> None:
        """One line about one input.

        Raises:
            TPGANError: it cannot be written.
        """
        line = json.dumps({"input": str(source), **fields, **self._common}, allow_nan=False)
        try:
            self._file.write(line.encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Report:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _unwritable(self, error: OSError) -> TPGANError:
        return TPGANError(
            f"{self.path} cannot be written ({error.strerror or error}); expected the output to be "
            "a writable folder with space left"
        )

    def _end_broken_line(self) -> None:
        """A run that was killed may have left half a line, which must not spoil the next."""
        if self._file.seek(0, os.SEEK_END):
            self._file.seek(-1, os.SEEK_END)
            if self._file.read(1) != b"\n":
                self._file.write(b"\n")


def face_fields(face: Face) -> dict[str, Any]:
    """The fields of one face: px of the input picture, degrees, score in 0..1."""
    return {
        "box": [round(value, 2) for value in face.box],
        "landmarks": [[round(float(x), 2), round(float(y), 2)] for x, y in face.landmarks],
        "yaw": round(face.yaw, 2),
        "roll": round(face.roll, 2),
        "score": round(face.score, 4),
        "mirrored": face.mirrored,
    }
