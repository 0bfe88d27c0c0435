"""Folders of people's photos: NAME/*.jpg, and the layout of LFW with its pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.images.files import SUFFIXES


@dataclass(frozen=True, slots=True)
class Photo:
    """One file."""

    key: str
    """Path below the root, without the ending: what `tpgan frontalize ROOT` calls its result."""
    person: str
    path: Path


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos to be told apart. The probe is frontalized, the other one never."""

    probe: Photo
    gallery: Photo
    fold: int

    @property
    def same(self) -> bool:
        """Whether both show one person."""
        return self.probe.person == self.gallery.person


def read_people(root: Path) -> list[Photo]:
    """All photos of a folder with one folder for each person.

    Raises:
        TrainingError: fewer than two people with photos.
    """
    photos = [
        Photo(f"{folder.name}/{path.stem}", folder.name, path)
        for folder in _folders(root)
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]
    if len({photo.person for photo in photos}) < 2:
        raise TrainingError(
            f"{root} holds photos of fewer than two people; expected a folder for each person, "
            "NAME/*.jpg"
        )
    return photos


def read_lfw(root: Path) -> list[Pair]:
    """The pairs of ``pairs.txt`` over ``NAME/NAME_0001.jpg``.

    The first line gives folds and pairs of each kind in a fold; then, fold by fold, lines
    ``NAME i j`` of one person and ``NAME i NAME j`` of two.

    Raises:
        TrainingError: no such file, a line that is none of these, or a photo that is missing.
    """
    path = root / "pairs.txt"
    lines = _lines(path, "LFW's list of pairs, beside the folders of people")
    try:
        folds, each = (int(value) for value in lines[0].split())
    except ValueError:
        raise TrainingError(
            f"{path} begins with {lines[0]!r}; expected two numbers: folds, and pairs of a kind"
        ) from None
    if len(lines) - 1 != folds * each * 2:
        raise TrainingError(
            f"{path} has {len(lines) - 1} pairs; its first line promises {folds * each * 2}: copy "
            "it again"
        )
    return [_lfw_pair(root, line, index // (2 * each)) for index, line in enumerate(lines[1:])]


def _lfw_pair(root: Path, line: str, fold: int) -> Pair:
    words = line.split()
    try:
        if len(words) not in (3, 4):
            raise ValueError
        first = _lfw_photo(root, words[0], int(words[1]))
        second = _lfw_photo(root, words[-2] if len(words) == 4 else words[0], int(words[-1]))
    except ValueError:
        raise TrainingError(
            f"a pair of {root / 'pairs.txt'} is {line!r}; expected NAME i j, or NAME i NAME j"
        ) from None
    return Pair(first, second, fold)


def _lfw_photo(root: Path, name: str, number: int) -> Photo:
    stem = f"{name}/{name}_{number:04}"
    return existing(Photo(stem, name, root / f"{stem}.jpg"))


def first_photos(photos: Sequence[Photo], people: int) -> list[Photo]:
    """Those of the first so many people by name."""
    kept = sorted({photo.person for photo in photos})[:people]
    return [photo for photo in photos if photo.person in kept]


def first_pairs(pairs: Sequence[Pair], people: int) -> list[Pair]:
    """Those among the first so many people by name."""
    names = {photo.person for pair in pairs for photo in (pair.probe, pair.gallery)}
    kept = set(sorted(names)[:people])
    return [pair for pair in pairs if {pair.probe.person, pair.gallery.person} <= kept]


def existing(photo: Photo) -> Photo:
    """
    Raises:
        TrainingError: the file is not there.
    """
    if not photo.path.is_file():
        raise TrainingError(f"{photo.path} is missing, but a pair names it; copy the set again")
    return photo


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        raise TrainingError(f"{root} is no folder; expected one with a folder for each person")
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != ".")


def _lines(path: Path, what: str) -> list[str]:
    try:
        lines = [line for line in path.read_text().splitlines() if line.strip()]
    except OSError as error:
        raise TrainingError(f"{path} cannot be read ({error.strerror}); expected {what}") from None
    if not lines:
        raise TrainingError(f"{path} is empty; expected {what}")
    return lines
