"""Our packages beside `tpgan_sdk` have common names: `train`, `export`, `engines`.

A user's own `train.py` on the path must not be taken for ours.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Final

OWN: Final = ("tpgan_sdk", "train", "export", "engines")
ROOT: Final = Path(__file__).resolve().parents[2]


class _OwnFirst:
    """Finds our packages where this one lies, before the path is searched."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in OWN:
            return None
        spec = PathFinder.find_spec(name, [str(ROOT)])
        return spec if spec and spec.origin else None  # without origin: a folder, no package


def prefer_own() -> None:
    """From now on in this process `train` and the others are ours."""
    if _OwnFirst not in sys.meta_path:
        sys.meta_path.insert(0, _OwnFirst)


def shadow_of(name: str) -> str | None:
    """The file that was imported in place of the package that `name` begins with; None: none."""
    top, _, inner = name.partition(".")
    module = sys.modules.get(top)
    file = getattr(module, "__file__", None)
    if module is None or file is None:
        return None
    ours = top in OWN
    # A package that lacks a part is no shadow, a file in its place is.
    foreign = not Path(file).resolve().is_relative_to(ROOT) if ours else not _is_package(module)
    return str(file) if foreign and (ours or inner) else None


def _is_package(module: ModuleType) -> bool:
    return hasattr(module, "__path__")
