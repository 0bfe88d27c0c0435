"""Folders with links, loops, pipes and files that are no images."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tpgan_sdk.images.files import find_images
from tpgan_sdk.images.folders import in_words


def found(folder: Path, leave_out: Path | None = None) -> tuple[list[str], Counter[str]]:
    skipped: Counter[str] = Counter()
    paths = [path for path, _ in find_images([folder], leave_out, skipped)]
    return [path.relative_to(folder).as_posix() for path in paths], skipped


@pytest.fixture
def album(tmp_path: Path) -> Path:
    for name in ("album/1.jpg", "album/z/2.PNG", "elsewhere/3.jpg", "elsewhere/in/4.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path / "album"


def test_links_are_followed(album: Path) -> None:
    (album / "linked").symlink_to("../elsewhere")
    (album / "one.jpg").symlink_to("../elsewhere/3.jpg")
    paths, _ = found(album)
    assert paths == ["1.jpg", "linked/3.jpg", "linked/in/4.jpg", "one.jpg", "z/2.PNG"]


def test_no_folder_is_searched_twice(album: Path) -> None:
    """Under its own name, not that of a link, which would change the names of the results."""
    (album / "a").symlink_to("z")
    (album / "z" / "up").symlink_to("..")
    (album / "z" / "itself").symlink_to("itself")
    (album / "b").symlink_to("../elsewhere")
    (album / "c").symlink_to("../elsewhere/in")
    (album.parent / "elsewhere" / "back").symlink_to(album)
    paths, skipped = found(album)
    assert paths == ["1.jpg", "b/3.jpg", "b/in/4.jpg", "z/2.PNG"]
    assert skipped == {"no ending": 1}


def test_the_results_are_not_searched_through_a_link(album: Path) -> None:
    out = album.parent / "out"
    (out / "sub").mkdir(parents=True)
    (out / "sub" / "r.png").touch()
    for name, target in (("o", "../out"), ("s", "../out/sub"), ("e", "../elsewhere")):
        (album / name).symlink_to(target)
    assert found(album, out)[0] == ["1.jpg", "e/3.jpg", "e/in/4.jpg", "z/2.PNG"]
    # Here all lies below the results, and was asked for.
    assert "o/sub/r.png" in found(album, album.parent)[0]


def test_what_is_left_out_is_counted(album: Path) -> None:
    for name in ("a.heic", "z/b.HEIC", "c.txt", "plain", ".hidden.heic", ".d/e.heic"):
        (album / name).parent.mkdir(exist_ok=True)
        (album / name).touch()
    os.mkfifo(album / "pipe.jpg")
    (album / "gone.jpg").symlink_to("nowhere")
    paths, skipped = found(album)
    assert paths == ["1.jpg", "gone.jpg", "z/2.PNG"]  # reading the missing one tells of it
    assert in_words(skipped) == ".heic 2, .txt 1, no ending 1, not a file 1"
