"""Progress lines of a command that measures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

Say = Callable[[str], None]

aloud: Final[Say] = partial(print, flush=True)
"""At once, wherever it goes."""
