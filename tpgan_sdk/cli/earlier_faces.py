"""Numbered faces of earlier runs, which a run that finds fewer must not leave among its own."""

from __future__ import annotations

import json
import logging
import os
import re
from collections import defaultdict
from functools import cache
from pathlib import Path, PurePath
from typing import Final

from .output_paths import Results
from .report_file import FILE_NAME

log = logging.getLogger("tpgan_sdk")

_NUMBERED: Final = re.compile(r"(.+)_(0|[1-9][0-9]*)\.png")


class EarlierFaces:
    """What earlier runs with --all-faces wrote, by their report: no other file is ever removed.

    Make it before this run writes into the report.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self._numbers: dict[Path, set[int]] = defaultdict(set)
        """By the path below the output folder, without number."""
        if results.all_faces:
            self._read(results.folder / FILE_NAME)

    def remove_beyond(self, name: Path, count: int) -> None:
        """Removes the faces of an input that are numbered from `count` on.

        Args:
            name: of its results, as `find_images` gives it.
        """
        for number in sorted(self._numbers.get(name, ())):
            if number >= count:
                path = self._results.face(name, number)
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    log.warning("%s, of an earlier run, cannot be removed: %s", path, error)

    def _read(self, report: Path) -> None:
        try:
            lines = report.read_bytes().splitlines()
        except OSError:  # no earlier run
            return
        folder, resolved = os.path.realpath(self._results.folder), cache(os.path.realpath)
        for line in lines:
            try:
                told = json.loads(line)
                output, source = PurePath(told["output"]), PurePath(told["input"])
            except (ValueError, TypeError, KeyError):  # without a face, or cut off
                continue
            match = _NUMBERED.fullmatch(output.name)
            # Without --all-faces `a_1.jpg` gives `a_1.png`, which is no face of `a.jpg`.
            if match is None or output.stem in (source.stem, source.name):
                continue
            parent = Path(resolved(output.parent))
            if parent.is_relative_to(folder):  # not so of a run elsewhere, with a relative path
                name = parent.relative_to(folder) / match[1]
                self._numbers[name].add(int(match[2]))
