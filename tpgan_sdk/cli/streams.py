"""Standard streams whose messages may get lost without harm to the work."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast


class ForgivingStream:
    """Passes text on; what cannot be written is dropped, what the encoding lacks is escaped."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream or io.StringIO()
        self.lost = None if stream else "it is closed"
        """Why what is written gets lost; None: it does not."""

    def write(self, text: str) -> int:
        if self.lost is None:
            try:
                self._stream.write(self._encodable(text))
            except (OSError, ValueError) as error:  # ValueError: it was closed
                self._lose(error)
        return len(text)

    def flush(self) -> None:
        if self.lost is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._lose(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _encodable(self, text: str) -> str:
        encoding, errors = self._stream.encoding or "utf-8", self._stream.errors or "strict"
        try:
            text.encode(encoding, errors)
        except UnicodeEncodeError:
            return text.encode(encoding, "backslashreplace").decode(encoding)
        return text

    def _lose(self, error: Exception) -> None:
        self.lost = str(getattr(error, "strerror", None) or error)
        # What it still holds would be written when Python ends, which would then fail with 120.
        with suppress(OSError, ValueError):
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, self._stream.fileno())
            os.close(sink)


@contextmanager
def forgiving_streams() -> Iterator[ForgivingStream]:
    """While the command runs, stdout and stderr take every message. Gives stdout."""
    _open_missing()
    before = sys.stdout, sys.stderr
    out, err = map(ForgivingStream, before)
    sys.stdout, sys.stderr = cast(TextIO, out), cast(TextIO, err)
    try:
        yield out
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def _open_missing() -> None:
    """Where the caller closed 0, 1 or 2, the next file would get that number, and decoders that
    print would write into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number
