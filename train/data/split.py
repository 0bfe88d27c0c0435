"""The split into training and held-out portraits: by file name, for every model ever shipped."""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import Final

HELD_OUT_PERCENT: Final = 10


def name_hash(filename: str) -> int:
    """The first 64 bits of the SHA-256 of the file's base name, as an unsigned number."""
    # Backslashes count as separators too, or a Windows path would give another split.
    base = PurePath(filename.replace("\\", "/")).name
    return int.from_bytes(hashlib.sha256(base.encode("utf-8")).digest()[:8], "big")


def held_out(filename: str) -> bool:
    """Whether this portrait is kept from training, for evaluation. Only the base name counts."""
    return name_hash(filename) % 100 < HELD_OUT_PERCENT
