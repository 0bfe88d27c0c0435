"""Atomic folders: complete or absent; and what is kept of the earlier ones."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path


def fresh(folder: Path) -> Path:
    """An empty folder beside `folder` to write into, for `put`."""
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    return new


def put(new: Path, folder: Path, earlier: str, keep: int) -> None:
    """Moves the finished folder `new` to `folder`.

    What was there becomes ``FOLDER-EARLIER``; the last `keep` of these stay. An interruption at any
    moment leaves either folder whole, and `latest` finds it.

    Args:
        earlier: digits, so many that the names sort by age.
    """
    for path in (*new.iterdir(), new):
        _flush(path)
    if folder.exists():
        aside = folder.with_name(f"{folder.name}-{earlier}")
        _discard(aside)
        os.replace(folder, aside)
    os.replace(new, folder)
    _flush(folder.parent)
    kept = _kept(folder)
    for old in kept[: max(0, len(kept) - keep)]:
        _discard(old)


def latest(folder: Path) -> Path:
    """`folder`, or the last one kept beside it if an interruption came between two moves."""
    kept = [] if folder.exists() else _kept(folder)
    return kept[-1] if kept else folder


def duplicate(folder: Path, to: Path) -> Path:
    """A copy of a folder whose files are never changed: hard links, where the disk has them."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to, copy_function=_link)
    return to


def _kept(folder: Path) -> list[Path]:
    name = re.compile(re.escape(folder.name) + r"-\d+")
    return sorted(p for p in folder.parent.glob(f"{folder.name}-*") if name.fullmatch(p.name))


def _discard(folder: Path) -> None:
    # Under another name first: half of a folder never bears a whole one's name.
    trash = folder.with_name(folder.name + ".trash")
    shutil.rmtree(trash, ignore_errors=True)
    if folder.exists():
        os.replace(folder, trash)
        shutil.rmtree(trash)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _flush(path: Path) -> None:
    # Or a power cut could leave the name on the disk without the content.
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
