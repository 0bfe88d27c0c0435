"""A progress bar on stderr; where that is no terminal, a line a minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Final, Protocol, TextIO, TypeVar

_WIDTH: Final = 30
_REDRAW_S: Final = 0.1
_LINE_S: Final = 60.0

T_co = TypeVar("T_co", covariant=True)


class _SizedIterable(Sized, Iterable[T_co], Protocol[T_co]):
    """What has a length and can be gone through."""


def progress(items: _SizedIterable[T_co], stream: TextIO | None = None) -> Iterator[T_co]:
    """Passes the items on and shows how many are done and how long the rest will take."""
    out = sys.stderr if stream is None else stream
    begun = drawn = time.monotonic()
    if not out.isatty():
        for done, item in enumerate(items):
            now = time.monotonic()
            if now - drawn >= _LINE_S:
                out.write(f"{_words(done, len(items), now - begun)}\n")
                out.flush()
                drawn = now
            yield item
        return
    try:
        for done, item in enumerate(items):
            now = time.monotonic()
            if done == 0 or now - drawn > _REDRAW_S:
                _draw(out, done, len(items), now - begun)
                drawn = now
            yield item
        _draw(out, len(items), len(items), time.monotonic() - begun)
    finally:
        out.write("\n")


def _draw(out: TextIO, done: int, total: int, seconds: float) -> None:
    filled = _WIDTH * done // max(1, total)
    bar = "#" * filled + "-" * (_WIDTH - filled)
    # \x1b[K clears what a longer line before this one left.
    out.write(f"\r[{bar}] {_words(done, total, seconds)}\x1b[K")
    out.flush()


def _words(done: int, total: int, seconds: float) -> str:
    left = f"{seconds / done * (total - done):.0f} s left" if done else ""
    return f"{done}/{total} {left}"
