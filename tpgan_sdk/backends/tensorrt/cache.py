"""Engine cache: one folder in the user's cache, file names keyed by what decides an engine."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .engine_file import EngineError, EngineInfo, check_file, digest, sidecar_path


def cache_dir() -> Path:
    """`$XDG_CACHE_HOME/tpgan-sdk/engines`, by default below `~/.cache`. May not exist yet."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rules: a relative path there is to be ignored.
    home = Path(base) if os.path.isabs(base) else Path.home() / ".cache"
    return home / "tpgan-sdk" / "engines"


def cache_name(model: str, runtime: str, precision: str, **facts: object) -> str:
    """File name of an engine: readable words, then a hash of them and of everything in `facts`."""
    text = json.dumps([model, runtime, precision, facts], sort_keys=True, default=str)
    return f"{model}-{runtime}-{precision}-{digest(text.encode())[:16]}.engine"


@dataclass(frozen=True, slots=True)
class CachedEngine:
    """One file of the cache."""

    path: Path
    info: EngineInfo | None
    problem: str | None
    """Why it is unusable anywhere; None where the file is sound."""

    @property
    def size(self) -> int:
        """Bytes, 0 where the file is gone."""
        return self.path.stat().st_size if self.path.is_file() else 0


def cached_engines(folder: Path | None = None) -> Iterator[CachedEngine]:
    """The engines of the cache, each checked against its sidecar, by name."""
    for path in sorted((folder or cache_dir()).glob("*.engine")):
        try:
            yield CachedEngine(path, check_file(path), None)
        except EngineError as error:
            yield CachedEngine(path, None, str(error))


def remove(engine: Path) -> int:
    """Deletes an engine and its sidecar; gives the bytes freed."""
    freed = 0
    for path in (engine, sidecar_path(engine)):
        if path.is_file():
            freed += path.stat().st_size
            path.unlink()
    return freed
