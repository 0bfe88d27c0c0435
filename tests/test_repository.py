"""The repository itself: links, sizes and versions."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import tpgan_sdk.version

from .conftest import REPOSITORY

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
MAX_BYTES = 16 * 2**20


def tracked_files() -> list[Path]:
    """Files that git knows, or would take in: not the ignored ones."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    paths = (REPOSITORY / name for name in run.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def anchors(page: Path) -> set[str]:
    """The names that headings of a Markdown page get."""
    headings = re.findall(r"^#+ +(.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def test_links_between_pages_resolve() -> None:
    broken = []
    for page in (path for path in tracked_files() if path.suffix == ".md"):
        for link in LINK.findall(FENCE.sub("", page.read_text())):
            if "://" in link or link.startswith("mailto:"):
                continue
            name, _, anchor = link.partition("#")
            target = page.parent / name if name else page
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append(f"{page.relative_to(REPOSITORY)}: {link}")
    assert broken == []


def test_no_file_is_large() -> None:
    large = [str(path) for path in tracked_files() if path.stat().st_size > MAX_BYTES]
    assert large == []


def test_the_changelog_opens_with_this_version() -> None:
    first = re.search(r"^## (\S+)", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] == tpgan_sdk.version.__version__


def test_the_version_is_written_once() -> None:
    pattern = re.compile(rf"""["']{re.escape(tpgan_sdk.version.__version__)}["']""")
    code = (path for path in tracked_files() if path.suffix in {".py", ".toml", ".txt"})
    places = [path.relative_to(REPOSITORY) for path in code if pattern.search(path.read_text())]
    assert places == [Path("tpgan_sdk/version.py")]


def test_everything_is_pinned() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    loose = [line for line in lines if line and not line.startswith("#") and "==" not in line]
    assert loose == []
    assert "torch==2.13.0" in lines
