"""The map of the project shows the project: picture, rooms and paths."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from .conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "scripts"))
from draw_architecture import DOWN, HEIGHT, WIDTH, layout, levels, links, room_imports

PAGE = (REPOSITORY / "docs" / "architecture.md").read_text()
SCRIPT = REPOSITORY / "scripts" / "draw_architecture.py"


def test_the_picture_is_drawn_from_the_imports(tmp_path: Path) -> None:
    output = tmp_path / "fresh.svg"
    subprocess.run([sys.executable, str(SCRIPT), str(output)], check=True)
    kept = REPOSITORY / "docs" / "images" / "architecture.svg"
    assert output.read_bytes() == kept.read_bytes(), "run scripts/draw_architecture.py"


def test_no_text_leaves_its_box() -> None:
    picture = (REPOSITORY / "docs" / "images" / "architecture.svg").read_text()
    texts = re.findall(r">([^<>\n]+)</text>", picture)
    assert len(texts) > 20
    assert max(len(text) for text in texts) * 8.5 < WIDTH  # px of a letter of size 15


def test_boxes_and_passages_stand_apart() -> None:
    place, (width, height) = layout(room_imports())
    for node, (x, y) in place.items():
        right = x + (WIDTH if len(node) == 1 else 0)
        assert 0 < x <= right < width
        assert 0 < y < y + HEIGHT < height
        others = [other for n, (other, row) in place.items() if row == y and n != node]
        assert all(other < x or other > right for other in others)


def test_every_arrow_runs_down_one_row_at_a_time() -> None:
    graph = room_imports()
    place, _ = layout(graph)
    pieces = links(graph, levels(graph))
    assert {place[lower][1] - place[upper][1] for upper, lower in pieces} == {HEIGHT + DOWN}


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
    named = re.findall(r"`([\w.-]+/[\w/.-]*)`", PAGE)
    assert len(named) > 60
    assert [path for path in named if not (REPOSITORY / path).exists()] == []


def test_every_name_of_code_in_the_recipes_is_in_the_files_beside_it() -> None:
    rows = [
        row.split("|")[2]
        for row in PAGE.partition("## To change something")[2].splitlines()
        if row.startswith("| ")
    ][1:]
    assert len(rows) >= 10
    missing = []
    for row in rows:
        words = re.findall(r"`([^`]+)`", row)
        files = [word for word in words if "/" in word]
        text = "".join((REPOSITORY / file).read_text() for file in files)
        missing += [word for word in words if "/" not in word and word not in text]
        assert files
    assert missing == []
