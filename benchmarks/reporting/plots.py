"""The plots of the docs: which rows of which benchmark, drawn how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from .plot_style import INK, OURS, RULE, Plot, bar_height, bars, lines
from .tables import Row, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHADES: Final = ("#a9c9ee", "#d3e3f6")
"""Of stages, in turns."""
NAMED: Final = 0.055
"""Share of the whole from which on a stage has room for its name."""


def _peers(axes: Axes, rows: Sequence[Row]) -> None:
    ranked = sorted(rows, key=lambda row: (row["preset"], -row["speedup"]))
    bars(axes, ranked, "speedup", _runtime)
    axes.axvline(1, color=INK, linewidth=0.8)
    axes.set_xlabel("times as fast as PyTorch eager; batch 1", fontsize=8)


def _limit(axes: Axes, rows: Sequence[Row]) -> None:
    ranked = sorted(rows, key=lambda row: (row["preset"], row["times_floor"]))
    bars(axes, ranked, "times_floor", _runtime)
    axes.axvline(1, color=INK, linewidth=0.8)
    axes.set_xlabel("times the floor of this machine; batch 1", fontsize=8)


def _runtime(row: Row) -> str:
    return f"{row['preset']}: {row['what']}"


def _rates(axes: Axes, rows: Sequence[Row]) -> None:
    lines(
        axes,
        rows,
        "batch",
        "faces_per_s",
        lambda row: f"{row['preset']} {row['precision']}, {row['backend']}",
        logarithmic=True,
    )
    axes.set_xlabel("faces in a batch", fontsize=8)
    axes.set_ylabel("faces a second", fontsize=8)


def _stages(axes: Axes, rows: Sequence[Row]) -> None:
    """A bar for each row, its stages one after the other in the order in which they ran."""
    for place, row in enumerate(rows):
        stages = {key[:-3]: row[key] for key in row if key.endswith("_ms") and key != "total_ms"}
        at = 0.0
        for number, (name, value) in enumerate(stages.items()):
            axes.barh(
                place, value, left=at, height=0.5, color=SHADES[number % 2], edgecolor="white"
            )
            at += value
            if value > NAMED * row["total_ms"]:
                text = f"{name.replace('_', ' ')}\n{figure(value)}"
                axes.text(at - value / 2, place, text, ha="center", va="center", fontsize=7)
    labels = [f"{row['preset']}, {row['backend']}" for row in rows]
    axes.set_yticks(range(len(rows)), labels)
    axes.set_xlabel("milliseconds of one photo", fontsize=8)


def _projected(axes: Axes, rows: Sequence[Row]) -> None:
    """Intervals on a logarithmic axis, a colour for each preset; hollow: a guess."""
    presets = list(dict.fromkeys(row["preset"] for row in rows))
    devices = list(dict.fromkeys(row["label"] for row in rows))
    for row in rows:
        number = presets.index(row["preset"])
        place = devices.index(row["label"]) + 0.3 * number
        colour = (OURS, INK)[number % 2]
        axes.plot(
            [row["projected_ms_low"], row["projected_ms_high"]], [place] * 2, color=colour, lw=1.2
        )
        fill = "white" if row["extrapolated"] else colour
        axes.plot(row["projected_ms"], place, "o", ms=5, mec=colour, mfc=fill)
    for number, name in enumerate(presets):
        axes.plot([], [], "o-", color=(OURS, INK)[number % 2], ms=5, lw=1.2, label=name)
    axes.legend(fontsize=8, frameon=False)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_yticks([place + 0.15 for place in range(len(devices))], devices)
    axes.invert_yaxis()
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_xlabel("projected milliseconds at batch 1, FP16; hollow: beyond what is published")
    axes.xaxis.label.set_fontsize(8)


def _counts(axes: Axes, rows: Sequence[Row]) -> None:
    lines(axes, rows, "count", "faces_per_s", lambda row: str(row["kind"]))
    axes.set_xlabel("how many: faces of a call, batch, frames, threads or processes", fontsize=8)
    axes.set_ylabel("faces a second", fontsize=8)


def _memory(axes: Axes, rows: Sequence[Row]) -> None:
    for row in rows:
        minutes = [seconds / 60 for seconds in row["samples_s"]]
        axes.plot(minutes, row["samples_mb"], color=OURS, lw=1.2)
    axes.set_ylim(0, 1.2 * max(max(row["samples_mb"]) for row in rows))
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_xlabel("minutes of calls one after the other", fontsize=8)
    axes.set_ylabel("memory held, MB", fontsize=8)


PLOTS: Final[Mapping[str, Plot]] = {
    "latency": Plot(
        "latency",
        "Faces a second by batch, a line for each model and backend",
        _rates,
        lambda row: row["kind"] == "latency",
    ),
    "latency-stages": Plot(
        "latency",
        "A bar of the stages of one photo, one after the other",
        _stages,
        lambda row: row["kind"] == "stages",
        lambda rows: 0.9 + 0.7 * rows,
    ),
    "peers": Plot(
        "peers",
        "Bars of the runtimes' speed in times PyTorch eager",
        _peers,
        lambda row: row["kind"] == "runtime" and row["device"] == "cpu" and row["batch"] == 1,
        bar_height,
    ),
    "limit": Plot(
        "limit",
        "Bars of the runtimes' time in times the floor",
        _limit,
        lambda row: row["kind"] == "latency" and row["batch"] == 1,
        bar_height,
    ),
    "scaling": Plot(
        "scaling",
        "Faces a second by faces, batch, frames, threads and processes",
        _counts,
        lambda row: "count" in row,
    ),
    "soak": Plot(
        "soak",
        "Memory held over time",
        _memory,
        lambda row: row["kind"] == "memory",
        lambda rows: 2.2,
    ),
    "projection": Plot(
        "projection",
        "Intervals of projected milliseconds by device",
        _projected,
        lambda row: row["kind"] == "projection" and row["batch"] == 1,
        lambda rows: 0.9 + 0.2 * rows,
        "Projection from data sheets, not measured",
    ),
}
"""By the name of the table that they stand above."""
