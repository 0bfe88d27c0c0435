"""Plot style: how plots of results look, and how they are written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .results import Result
from .tables import Row, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, OTHERS, INK, RULE = "#1f77d4", "#b8bec6", "#222222", "#d9dde2"
"""Colours of the SDK's own bars and of the others', of text and of lines behind."""
WIDTH: Final = 8.0
"""Inches of a figure."""
DPI: Final = 110
_ROW: Final = 0.27
"""Inches of a bar with the room around it."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure with a panel for each result, one below the other."""

    benchmark: str
    words: str
    """For who cannot see it."""
    panel: Callable[[Axes, Sequence[Row]], None]
    keep: Callable[[Row], bool] = lambda row: True
    """Whether a row is shown."""
    height: Callable[[int], float] = lambda rows: 3.2
    """Inches of a panel, by its number of rows."""
    title: str | None = None
    """In place of the machine, where nothing was measured on it."""

    def shown(self, results: Sequence[Result]) -> list[tuple[str, list[Row]]]:
        """Titles and rows of the panels; none: nothing is measured yet."""
        kept = [
            (self.title or _title(result), [row for row in result.rows if self.keep(row)])
            for result in results
            if result.benchmark == self.benchmark
        ]
        return [(title, rows) for title, rows in kept if rows]


def digest(shown: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """Hash of what is shown and of the code that draws it; stands in the PNG."""
    code = [Path(__file__).with_name(name).read_bytes() for name in ("plot_style.py", "plots.py")]
    data = json.dumps(shown, sort_keys=True).encode()
    return hashlib.sha256(b"".join([*code, data])).hexdigest()


def draw(plot: Plot, shown: Sequence[tuple[str, Sequence[Row]]], path: Path) -> None:
    """Writes the PNG; the same bytes from the same results and versions."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [plot.height(len(rows)) for _, rows in shown]
    canvas = Figure(figsize=(WIDTH, sum(heights)), dpi=DPI, layout="constrained")
    FigureCanvasAgg(canvas)
    panels = canvas.subplots(len(shown), squeeze=False, height_ratios=heights)[:, 0]
    for axes, (title, rows) in zip(panels, shown, strict=True):
        axes.set_title(title, fontsize=9, color=INK, loc="left")
        axes.tick_params(labelsize=8, color=RULE, labelcolor=INK)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(RULE)
        plot.panel(axes, rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.savefig(path, metadata={"Software": None, "Comment": digest(shown)})


def bars(axes: Axes, rows: Sequence[Row], key: str, label: Callable[[Row], str]) -> None:
    """A bar for each row from top to bottom with its interval, the SDK's own in colour."""
    places = range(len(rows))
    values = [row[key] for row in rows]
    colours = [OURS if row["runtime"].startswith("sdk-") else OTHERS for row in rows]
    ends = [(row.get(f"{key}_low", row[key]), row.get(f"{key}_high", row[key])) for row in rows]
    errors = [
        [value - low for value, (low, _) in zip(values, ends, strict=True)],
        [high - value for value, (_, high) in zip(values, ends, strict=True)],
    ]
    axes.barh(places, values, color=colours, height=0.7)
    if any(map(any, errors)):
        axes.errorbar(
            values, places, xerr=errors, fmt="none", ecolor=INK, elinewidth=0.8, capsize=2
        )
    for place, value, (_, high) in zip(places, values, ends, strict=True):
        text = (max(value, high), place)
        axes.annotate(
            figure(value), text, (4, 0), textcoords="offset points", va="center", fontsize=8
        )
    axes.set_yticks(list(places), [label(row) for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.grid(axis="x", color=RULE, linewidth=0.6)


def bar_height(rows: int) -> float:
    """Inches of a panel of `bars`."""
    return 0.8 + _ROW * rows


def lines(
    axes: Axes,
    rows: Sequence[Row],
    x: str,
    y: str,
    group: Callable[[Row], str],
    logarithmic: bool = False,
) -> None:
    """A line for each group of rows, `x` in powers of two; `y` from 0 on, or logarithmic."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(group(row), []).append(row)
    for name, members in groups.items():
        members = sorted(members, key=lambda row: float(row[x]))
        axes.plot([r[x] for r in members], [r[y] for r in members], marker="o", ms=4, label=name)
    axes.set_xscale("log", base=2)
    ticks = sorted({row[x] for row in rows})
    axes.set_xticks(ticks, [figure(tick) for tick in ticks])
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    else:
        axes.set_ylim(bottom=0)
    axes.grid(color=RULE, linewidth=0.6)
    if len(groups) > 1:  # beside the lines, which may lie anywhere
        axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))


def _title(result: Result) -> str:
    machine = result.machine
    name = (
        machine.board or (machine.gpu or {}).get("name") or f"{machine.cpu}, {machine.cores} cores"
    )
    return ", ".join(part for part in (str(name), machine.power_mode) if part)
