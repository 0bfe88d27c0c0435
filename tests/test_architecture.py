"""The map of the project shows the project: picture, rooms and paths."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from .conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "architecture.md").read_text()
SCRIPT = REPOSITORY / "scripts" / "draw_architecture.py"


def test_the_picture_is_drawn_from_the_imports(tmp_path: Path) -> None:
    output = tmp_path / "fresh.svg"
    subprocess.run([sys.executable, str(SCRIPT), str(output)], check=True)
    kept = REPOSITORY / "docs" / "images" / "architecture.svg"
    assert output.read_text() == kept.read_text(), "run scripts/draw_architecture.py"


def test_no_text_leaves_its_box() -> None:
    picture = (REPOSITORY / "docs" / "images" / "architecture.svg").read_text()
    texts = re.findall(r">([^<>\n]+)</text>", picture)
    assert len(texts) > 20
    assert max(len(text) for text in texts) * 7.5 < 190  # px of a letter of size 15, of a box


def test_every_room_is_on_the_map() -> None:
    rooms = {
        f"{package}/{folder.name}/"
        for package in ("tpgan_sdk", "train")
        for folder in (REPOSITORY / package).iterdir()
        if (folder / "__init__.py").is_file()
    }
    assert len(rooms) > 15
    assert {room for room in rooms if f"`{room}`" not in PAGE} == set()


def test_every_path_on_the_map_is_there() -> None:
    table = PAGE.partition("## To change something")[2]
    paths = re.findall(r"`((?:tpgan_sdk|train|export|tests|docs)/[\w/.]+)`", table)
    assert len(paths) > 25
    assert [path for path in paths if not (REPOSITORY / path).exists()] == []
