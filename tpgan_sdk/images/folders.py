"""Folders searched for images, through links, with a count of what is left out."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path


def search_folder(
    folder: Path, suffixes: Collection[str], leave_out: Path | None, skipped: Counter[str]
) -> Iterator[Path]:
    """The files below a folder that end in one of the suffixes, in no order, without hidden ones.

    Links to folders are followed after all that lies here itself, so that a folder is found under
    its own name. No folder is searched twice: links may lead back up. A folder that cannot be
    listed is given itself: reading it tells why.

    Args:
        suffixes: in lower case.
        leave_out: a folder that is not searched, nor is what links lead to below it.
        skipped: counts the other files by ending, and what is no regular file as "not a file".
    """
    hidden = os.path.realpath(leave_out) if leave_out else None
    if _within(os.path.realpath(folder), hidden):
        hidden = None  # whoever names a folder wants it searched
    seen: set[tuple[int, int]] = set()
    waiting = [str(folder)]
    unlisted: list[OSError] = []
    for top in waiting:
        for root, folders, names in os.walk(top, onerror=unlisted.append):
            if _seen_before(root, seen):
                folders[:] = []
                continue
            inner = [name for name in folders if not name.startswith(".")]
            links = {name for name in inner if os.path.islink(os.path.join(root, name))}
            folders[:] = [
                name
                for name in inner
                if name not in links and os.path.realpath(os.path.join(root, name)) != hidden
            ]
            waiting += [
                path
                for path in (os.path.join(root, name) for name in sorted(links))
                if not _within(os.path.realpath(path), hidden)
            ]
            for name in names:
                path = Path(root, name)
                if name.startswith("."):
                    continue
                if path.suffix.lower() not in suffixes:
                    skipped[path.suffix.lower() or "no ending"] += 1
                elif not _is_regular(path):
                    skipped["not a file"] += 1
                else:
                    yield path
    yield from (Path(error.filename or folder) for error in unlisted)


def in_words(skipped: Counter[str]) -> str:
    """Such as ".heic 12, .txt 3", the most frequent first."""
    ordered = sorted(skipped.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{ending} {count}" for ending, count in ordered)


def _seen_before(folder: str, seen: set[tuple[int, int]]) -> bool:
    try:
        status = os.stat(folder)
    except OSError:  # deleted meanwhile
        return True
    key = status.st_dev, status.st_ino
    if key in seen:
        return True
    seen.add(key)
    return False


def _within(path: str, folder: str | None) -> bool:
    return folder is not None and os.path.commonpath([path, folder]) == folder


def _is_regular(path: Path) -> bool:
    """A pipe or device would keep its reader waiting; reading what is missing tells that."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True
