"""Draws docs/images/architecture.svg from the imports: rooms as boxes, imports as lines.

    python scripts/draw_architecture.py [OUTPUT.svg]

A room stands above all that it imports, so every arrow points down; a long one passes each row
between its boxes. What all rooms import (errors, geometry, types, version) is left out; arrows that
a longer way also makes are, too.
"""

from __future__ import annotations

import ast
import sys
from itertools import pairwise
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
WIDTH, HEIGHT, ACROSS, DOWN, EDGE = 220, 44, 24, 64, 24
SWEEPS: Final = 24
Node = tuple[str, ...]
"""A room, or where the arrow from one room to another passes a row: (from, to, row)."""


def room_of(module: str) -> str:
    """The folder a module lives in; modules at the top of the SDK are rooms of their own."""
    parts = module.split(".")
    if module in EVERYWHERE:
        return module
    if (ROOT / Path(*parts[:2])).is_dir():
        return ".".join(parts[:2])
    return ".".join(parts[:2]) if parts[0] == "tpgan_sdk" and len(parts) > 1 else parts[0]


def read_modules() -> dict[str, str]:
    """Source of every module; the name of a package ends in `.__init__`."""
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    names = {path: path.relative_to(ROOT).with_suffix("").parts for path in paths}
    return {".".join(parts): path.read_text() for path, parts in names.items()}


def module_imports(sources: dict[str, str]) -> dict[str, set[str]]:
    """Every module and the modules of this project that it imports, late imports too."""
    known = {name.removesuffix(".__init__") for name in sources}
    found: dict[str, set[str]] = {name: set() for name in known}
    for name, source in sources.items():
        targets = found[name.removesuffix(".__init__")]
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                targets |= known & {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                above = name.split(".")[: -node.level] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                inner = {f"{base}.{alias.name}" for alias in node.names} & known
                whole = len(inner) < len(node.names)
                targets |= inner | ({base} & known if whole else set())
    return found


def room_imports() -> dict[str, set[str]]:
    """Every room and the rooms that it imports, without `EVERYWHERE` and forwarding modules."""
    graph: dict[str, set[str]] = {}
    for name, targets in module_imports(read_modules()).items():
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


def links(graph: dict[str, set[str]], level: dict[str, int]) -> list[tuple[Node, Node]]:
    """The arrows, cut where they pass a row."""
    pieces: list[tuple[Node, Node]] = []
    for room, targets in direct(graph).items():
        for target in sorted(targets):
            between = range(level[room] - 1, level[target], -1)
            way: list[Node] = [(room,), *((room, target, str(n)) for n in between), (target,)]
            pieces += pairwise(way)
    return pieces


def crossings(rows: list[list[Node]], pieces: list[tuple[Node, Node]]) -> int:
    """How many pairs of arrows cross."""
    at = {node: (n, k) for n, row in enumerate(rows) for k, node in enumerate(row)}
    ends = [(at[upper][0], at[upper][1], at[lower][1]) for upper, lower in pieces]
    return sum(
        a[0] == b[0] and (a[1] - b[1]) * (a[2] - b[2]) < 0
        for n, a in enumerate(ends)
        for b in ends[:n]
    )


def ordered(rows: list[list[Node]], pieces: list[tuple[Node, Node]]) -> list[list[Node]]:
    """Rows in the order with the fewest crossings that sorting by the mean of neighbours finds."""
    beside: dict[Node, list[Node]] = {}
    for upper, lower in pieces:
        beside.setdefault(upper, []).append(lower)
        beside.setdefault(lower, []).append(upper)
    best = rows
    for sweep in range(SWEEPS):
        rows = [list(row) for row in rows]
        for n in range(1, len(rows)):
            n, towards = (n, n - 1) if sweep % 2 else (len(rows) - 1 - n, len(rows) - n)
            at = {node: (k + 0.5) / len(rows[towards]) for k, node in enumerate(rows[towards])}
            own = {node: (k + 0.5) / len(rows[n]) for k, node in enumerate(rows[n])}
            mean: dict[Node, tuple[float, Node]] = {}
            for node in rows[n]:
                near = [at[other] for other in beside.get(node, ()) if other in at]
                mean[node] = (sum(near) / len(near) if near else own[node], node)
            rows[n].sort(key=mean.__getitem__)
        best = min(best, rows, key=lambda order: crossings(order, pieces))
    return best


def layout(graph: dict[str, set[str]]) -> tuple[dict[Node, tuple[int, int]], tuple[int, int]]:
    """Left upper corner of every room and passage, and the size of the picture."""
    level = levels(graph)
    pieces = links(graph, level)
    rows: list[list[Node]] = [[] for _ in range(max(level.values()) + 1)]
    for room in sorted(graph, key=lambda r: (list(COLOURS).index(r.split(".")[0]), r)):
        rows[-1 - level[room]].append((room,))
    for upper, _ in pieces:
        if len(upper) == 3:
            rows[-1 - int(upper[2])].append(upper)
    used = [sum(WIDTH for node in row if len(node) == 1) + (len(row) - 1) * ACROSS for row in rows]
    width = 2 * EDGE + max(used)
    place: dict[Node, tuple[int, int]] = {}
    for n, row in enumerate(ordered(rows, pieces)):
        x = (width - used[n]) // 2
        for node in row:
            place[node] = (x, EDGE + n * (HEIGHT + DOWN))
            x += ACROSS + (WIDTH if len(node) == 1 else 0)
    return place, (width, 2 * EDGE + len(rows) * HEIGHT + (len(rows) - 1) * DOWN)


def ports(place: dict[Node, tuple[int, int]], ways: list[tuple[Node, Node]]) -> dict[Node, int]:
    """Where on the side of the first node of each way it begins: as the second nodes stand."""
    x = {}
    for node in {first for first, _ in ways}:
        ends = sorted((second for first, second in ways if first == node), key=place.__getitem__)
        wide = WIDTH if len(node) == 1 else 0
        for k, end in enumerate(ends, 1):
            x[node + end] = place[node][0] + wide * k // (len(ends) + 1)
    return x


def draw() -> str:
    """The picture as SVG text."""
    graph = room_imports()
    place, (width, height) = layout(graph)
    pieces = links(graph, levels(graph))
    leaves = ports(place, pieces)
    arrives = ports(place, [(lower, upper) for upper, lower in pieces])
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="15">',
        '<marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#6b7280"/></marker>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for upper, lower in pieces:
        x, top = leaves[upper + lower], place[upper][1] + HEIGHT
        to, bottom = arrives[lower + upper], place[lower][1]
        begin = f"M{x} {top}" if len(upper) == 1 else f"M{x} {top - HEIGHT}V{top}"
        head = ' marker-end="url(#head)"' if len(lower) == 1 else ""
        bend = (top + bottom) // 2
        lines.append(
            f'<path d="{begin}C{x} {bend} {to} {bend} {to} {bottom}" fill="none" '
            f'stroke="#6b7280"{head}/>'
        )
    for (room,), (x, y) in ((n, xy) for n, xy in sorted(place.items()) if len(n) == 1):
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
