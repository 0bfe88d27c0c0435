"""Draws docs/images/architecture.svg from the imports: rooms as boxes, imports as lines.

    python scripts/draw_architecture.py [OUTPUT.svg]

A room stands above all that it imports, so every line runs down. What all rooms import (errors,
geometry, types, version) is left out; lines that a longer way also makes are, too.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
OUTPUT: Final = ROOT / "docs" / "images" / "architecture.svg"
PACKAGES: Final = ("tpgan_sdk", "train", "export", "benchmarks", "engines")
EVERYWHERE: Final = {f"tpgan_sdk.{name}" for name in ("errors", "geometry", "types", "version")} | {
    "benchmarks.errors"
}
FORWARDING: Final = {"train.data.render"}
"""Documented commands whose code lives in another room."""
COLOURS: Final = {
    "tpgan_sdk": "#dcebfa",
    "train": "#e3f3df",
    "export": "#fbe9d3",
    "engines": "#fbe9d3",
    "benchmarks": "#efe3f5",
}
WIDTH, HEIGHT, ACROSS, DOWN, EDGE = 190, 44, 22, 46, 24


def room_of(module: str) -> str:
    """The folder a module lives in; modules at the top of the SDK are rooms of their own."""
    parts = module.split(".")
    if module in EVERYWHERE:
        return module
    if (ROOT / Path(*parts[:2])).is_dir():
        return ".".join(parts[:2])
    return ".".join(parts[:2]) if parts[0] == "tpgan_sdk" and len(parts) > 1 else parts[0]


def module_imports() -> dict[str, set[str]]:
    """Every module and the modules of this project that it imports, late imports too."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    named = {}
    for path in paths:
        parts = path.relative_to(ROOT).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found: dict[str, set[str]] = {}
    for name, path in named.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        targets: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                above = package.split(".")
                above = above[: len(above) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                targets |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        found[name] = targets & set(named)
    return found


def room_imports() -> dict[str, set[str]]:
    """Every room and the rooms that it imports, without `EVERYWHERE` and forwarding modules."""
    graph: dict[str, set[str]] = {}
    for name, targets in module_imports().items():
        if name in FORWARDING:
            continue
        room = room_of(name)
        rooms = {room_of(target) for target in targets} - {room, "tpgan_sdk"} - EVERYWHERE
        graph.setdefault(room, set()).update(rooms)
    forwarding = {r for r in graph if r.startswith("tpgan_sdk.") and not _folder(r)} - {
        "tpgan_sdk.frontalizer"
    }
    hidden = EVERYWHERE | forwarding | {"tpgan_sdk"}
    return {r: t - hidden for r, t in sorted(graph.items()) if r not in hidden}


def _folder(room: str) -> bool:
    return (ROOT / Path(*room.split("."))).is_dir()


def levels(graph: dict[str, set[str]]) -> dict[str, int]:
    """How many rooms stand below each, on the longest way down.

    Raises:
        ValueError: rooms import each other.
    """
    level: dict[str, int] = {}

    def of(room: str, above: tuple[str, ...]) -> int:
        if room in above:
            raise ValueError(f"rooms import each other: {' > '.join([*above, room])}")
        if room not in level:
            level[room] = 1 + max((of(t, (*above, room)) for t in graph[room]), default=-1)
        return level[room]

    for room in graph:
        of(room, ())
    return level


def direct(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The graph without what a longer way also reaches."""

    def reached(room: str) -> set[str]:
        return graph[room].union(*(reached(target) for target in graph[room]))

    return {
        room: {t for t in targets if not any(t in reached(o) for o in targets - {t})}
        for room, targets in graph.items()
    }


def draw() -> str:
    """The picture as SVG text."""
    graph = room_imports()
    level = levels(graph)
    rows: dict[int, list[str]] = {}
    for room in sorted(graph, key=lambda r: (list(COLOURS).index(r.split(".")[0]), r)):
        rows.setdefault(level[room], []).append(room)
    widest = max(len(row) for row in rows.values())
    width = 2 * EDGE + widest * WIDTH + (widest - 1) * ACROSS
    height = 2 * EDGE + len(rows) * HEIGHT + (len(rows) - 1) * DOWN
    place: dict[str, tuple[int, int]] = {}
    for depth, row in rows.items():
        used = len(row) * WIDTH + (len(row) - 1) * ACROSS
        y = EDGE + (max(rows) - depth) * (HEIGHT + DOWN)
        for k, room in enumerate(row):
            place[room] = ((width - used) // 2 + k * (WIDTH + ACROSS), y)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="15">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for room, targets in direct(graph).items():
        x, y = place[room]
        for target in sorted(targets):
            to, below = place[target]
            start, end = (x + WIDTH // 2, y + HEIGHT), (to + WIDTH // 2, below)
            bend = (end[1] - start[1]) // 2
            lines.append(
                f'<path d="M{start[0]} {start[1]}C{start[0]} {start[1] + bend} {end[0]} '
                f'{end[1] - bend} {end[0]} {end[1]}" fill="none" stroke="#8a8f98"/>'
            )
    for room, (x, y) in place.items():
        colour = COLOURS[room.split(".")[0]]
        text = room.replace(".", "/")
        lines.append(
            f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="{colour}" '
            f'stroke="#5b6470"/>'
        )
        lines.append(
            f'<text x="{x + WIDTH // 2}" y="{y + HEIGHT // 2 + 5}" text-anchor="middle">'
            f"{text}</text>"
        )
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else OUTPUT).write_text(draw())
