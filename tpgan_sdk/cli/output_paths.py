"""Output paths: names of the results, none of which replaces an input."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import TPGANError
from ..images.files import PASTED

_NUMBERED: Final = re.compile(r"(.+)(_(?:0|[1-9][0-9]*)\.png)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Results:
    """Where the results go.

    `name` is always the relative name without ending that `find_images` gives.
    """

    folder: Path
    all_faces: bool = False
    paste_back: bool = False

    def face(self, name: Path, index: int) -> Path:
        """The PNG of one face; `index` counts the faces of its input."""
        return self.folder / f"{name}{f'_{index}' if self.all_faces else ''}.png"

    def pasted(self, name: Path) -> Path:
        """The PNG of the photo with its faces put back."""
        return self.folder / f"{name}{PASTED}.png"

    def spare_inputs(self, found: Sequence[tuple[Path, Path]]) -> None:
        """Checks that no result replaces an input, by whatever links either is reached.

        Args:
            found: what `find_images` gave: each input and its name.

        Raises:
            TPGANError: a result would replace an input.
        """
        # By device and inode: one photo has one however its path is spelt.
        inputs = {key: path for path, _ in found if (key := _identity(path))}
        endings: dict[str, set[str]] = defaultdict(set)
        if self.all_faces:
            # How many faces an input has is not known yet: every number that an input bears.
            for path, _ in found:
                for file in {path.name, os.path.basename(os.path.realpath(path))}:
                    if match := _NUMBERED.fullmatch(file):
                        endings[match[1].casefold()].add(match[2])
        for source, name in found:
            for output in self._planned(name, endings.get(name.name.casefold(), ())):
                if (key := _identity(output)) in inputs:
                    raise TPGANError(
                        f"{output}, the result of {source}, would replace the input {inputs[key]}; "
                        "nothing was written: expected --output to be a folder without these inputs"
                    )

    def _planned(self, name: Path, endings: Iterable[str]) -> Iterable[Path]:
        if self.all_faces:
            yield from (self.folder / f"{name}{ending}" for ending in endings)
        else:
            yield self.face(name, 0)
        if self.paste_back:
            yield self.pasted(name)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:  # most results do not exist yet; an input that is missing is reported later
        return None
    return status.st_dev, status.st_ino
