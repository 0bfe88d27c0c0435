"""Pairs of photos, a turned face and the same person from the front, from a CSV.

=================== ==============================================================================
``profile``         the turned face; paths are relative to the CSV's folder
``frontal``         the same person from the front
``identity``        optional, any text; without it every frontal photo is a person of its own
``yaw``             optional, degrees, positive: looks towards the right edge of the picture;
                    without it estimated from the points
``profile_points``  optional, ten numbers ``x y x y ...`` in px of the photo, as in `points`
``frontal_points``  the same; without them a detector looks once, and ``FILE.points.json`` keeps it
=================== ==============================================================================
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tpgan_sdk.detectors import Detector
from tpgan_sdk.errors import DetectorError, TPGANError, TrainingError
from tpgan_sdk.geometry import FloatArray, estimate_yaw

from .points import FoundPoints, parse_points

REQUIRED: Final = ("profile", "frontal")
COLUMNS: Final = (*REQUIRED, "identity", "yaw", "profile_points", "frontal_points")
MAX_YAW: Final = 90.0
SHOWN: Final = 10
"""Problems that a message lists."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A file and the face in it."""

    path: Path
    points: FloatArray
    """(5, 2) px of the photo, order of `tpgan_sdk.geometry.LANDMARK_NAMES`."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One person, turned and from the front."""

    profile: Photo
    frontal: Photo
    identity: str
    yaw: float
    """Degrees of the profile; positive: looks towards the right edge of its picture."""


def read_pairs(path: Path, detector: str | Detector = "auto") -> list[Pair]:
    """The pairs of a CSV, in its order.

    Args:
        path: UTF-8 with a header line; columns as above.
        detector: looks for the points that the CSV lacks.

    Raises:
        TrainingError: the file cannot be read, has other columns or no rows, or rows that cannot
            be used: these are named with their line.
        DetectorError: points are missing and the detector does not work here.
    """
    found = FoundPoints(path.with_name(path.name + ".points.json"), detector)
    pairs, bad = [], []
    for line, row in _rows(path):
        try:
            pairs.append(_pair(row, path.parent, found))
        except DetectorError:
            raise
        except TPGANError as error:
            bad.append(f"line {line}: {error}")
    found.save()
    if bad:
        raise TrainingError(f"{path}: {summary(bad, 'rows cannot be used')}")
    if not pairs:
        raise TrainingError(f"{path} has no rows; expected a pair of photos in each")
    return pairs


def summary(problems: Sequence[str], what: str) -> str:
    """How many, and the first of them."""
    rest = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    return "\n  ".join([f"{len(problems)} {what}:", *problems[:SHOWN], *rest])


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Line numbers and the cells by column."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", restval="")
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            _check_header(path, header)
            return [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{path} cannot be read ({error}); expected a CSV in UTF-8") from error


def _check_header(path: Path, header: Sequence[str]) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in header]
    if unknown or missing:
        raise TrainingError(
            f"{path} begins with the columns {', '.join(header) or '(none)'}; expected "
            f"{', '.join(REQUIRED)} and any of {', '.join(COLUMNS[2:])}"
        )


def _pair(row: dict[str, str], folder: Path, found: FoundPoints) -> Pair:
    if "" in row:
        raise TrainingError("more cells than columns; put points and texts with commas in quotes")
    profile, frontal = (_photo(row, name, folder, found) for name in REQUIRED)
    identity = row.get("identity", "").strip() or str(frontal.path)
    return Pair(profile, frontal, identity, _yaw(row.get("yaw", ""), profile.points))


def _photo(row: dict[str, str], name: str, folder: Path, found: FoundPoints) -> Photo:
    if not row[name].strip():
        raise TrainingError(f"no {name} photo")
    path = folder / row[name].strip()
    if not path.is_file():
        raise TrainingError(f"{name} photo {path} does not exist")
    points = row.get(f"{name}_points", "")
    if not points.strip():
        return Photo(path, found.find(path))
    try:
        return Photo(path, parse_points(points))
    except TrainingError as error:
        raise TrainingError(f"{name}_points: {error}") from error


def _yaw(text: str, points: FloatArray) -> float:
    if not text.strip():
        return estimate_yaw(points)
    try:
        yaw = float(text)
    except ValueError:
        yaw = math.nan
    if not abs(yaw) <= MAX_YAW:
        raise TrainingError(f"yaw is {text!r}; expected degrees from -{MAX_YAW:g} to {MAX_YAW:g}")
    return yaw
