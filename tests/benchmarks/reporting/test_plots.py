"""Every plot, from invented rows: what stands where in the panel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.reporting.doc_tables import SECTIONS
from benchmarks.reporting.plot_style import OURS, Plot, digest, draw
from benchmarks.reporting.plots import PLOTS

from ..invented import machine, result

pytest.importorskip("matplotlib")
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

RUNTIME = {"kind": "runtime", "device": "cpu", "batch": 1}
ROWS: dict[str, list[dict[str, Any]]] = {
    "peers": [
        {**RUNTIME, "preset": "edge", "runtime": "torch", "what": "PyTorch", "speedup": 1.0},
        {**RUNTIME, "preset": "edge", "runtime": "sdk-a", "what": "this SDK", "speedup": 2.0}
        | {"speedup_low": 1.9, "speedup_high": 2.2},
        {**RUNTIME, "preset": "edge", "runtime": "b", "what": "B", "speedup": 9.0, "batch": 16},
        {**RUNTIME, "preset": "edge", "runtime": "c", "what": "C", "speedup": 9.0}
        | {"device": "cuda"},
    ],
    "latency": [
        {"kind": "latency", "preset": "edge", "precision": precision, "backend": "x"}
        | {"batch": batch, "faces_per_s": 10.0 * batch}
        for precision in ("fp32", "int8")
        for batch in (16, 1, 4)
    ],
    "latency-stages": [
        {"kind": "stages", "preset": "edge", "backend": "x", "samples": 3}
        | {"read_ms": 10.0, "network_ms": 30.0, "write_ms": 1.0, "total_ms": 41.0}
    ],
    "projection": [
        {"kind": "projection", "preset": preset, "label": label, "batch": 1}
        | {"projected_ms": ms, "projected_ms_low": ms / 2, "projected_ms_high": ms * 2}
        | {"extrapolated": label == "Two"}
        for label, ms in (("One", 1.0), ("Two", 4.0))
        for preset in ("edge", "paper")
    ],
    "limit": [
        {"kind": "latency", "preset": "edge", "runtime": name, "what": name, "batch": 1}
        | {"times_floor": times}
        for name, times in (("torch", 4.0), ("sdk-a", 2.0))
    ],
    "scaling": [
        {"kind": kind, "count": count, "faces_per_s": 5.0 * count}
        for kind in ("threads", "processes")
        for count in (2, 1)
    ],
    "soak": [{"kind": "memory", "samples_s": [0, 60, 120], "samples_mb": [200, 210, 205]}],
}


def panel(name: str) -> Axes:
    """The plot of the invented rows."""
    plot = PLOTS[name]
    ((_, rows),) = plot.shown([result(plot.benchmark, ROWS[name])])
    axes = Figure().subplots()
    plot.panel(axes, rows)
    return axes


def names(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def rectangles(axes: Axes) -> Sequence[Any]:
    return axes.patches


def points(axes: Axes) -> list[tuple[list[float], list[float]]]:
    """x and y of every line."""
    return [
        (np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist())
        for line in axes.lines
    ]


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_can_be_drawn(name: str, tmp_path: Path) -> None:
    plot = PLOTS[name]
    shown = plot.shown([result(plot.benchmark, ROWS[name])])
    draw(plot, shown, tmp_path / "images" / "plot.png")
    data = (tmp_path / "images" / "plot.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert digest(shown).encode() in data
    assert plot.shown([result("another", ROWS[name])]) == []


def test_every_plot_has_a_table() -> None:
    assert set(PLOTS) <= set(SECTIONS)


def test_the_fastest_peer_comes_first() -> None:
    axes = panel("peers")
    assert names(axes) == ["edge: this SDK", "edge: PyTorch"]
    assert [bar.get_width() for bar in rectangles(axes)] == [2.0, 1.0]
    assert [to_hex(bar.get_facecolor()) == OURS for bar in rectangles(axes)] == [True, False]
    assert [text.get_text() for text in axes.texts] == ["2", "1"]


def test_the_nearest_to_the_floor_comes_first() -> None:
    assert names(panel("limit")) == ["edge: sdk-a", "edge: torch"]


def test_rates_rise_with_the_batch() -> None:
    axes = panel("latency")
    assert points(axes) == [([1, 4, 16], [10, 40, 160])] * 2
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["edge fp32, x", "edge int8, x"]


def test_scaling_by_what_is_more() -> None:
    assert points(panel("scaling")) == [([1, 2], [5, 10])] * 2


def test_memory_over_minutes() -> None:
    axes = panel("soak")
    assert points(axes) == [([0, 1, 2], [200, 210, 205])]
    assert axes.get_ylim()[0] == 0


def test_stages_follow_each_other() -> None:
    axes = panel("latency-stages")
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in rectangles(axes)]
    assert ends == [(0, 10), (10, 40), (40, 41)]
    # The last is too short for its name.
    assert [text.get_text() for text in axes.texts] == ["read\n10", "network\n30"]


def test_projections_are_intervals_and_guesses_hollow() -> None:
    axes = panel("projection")
    intervals = points(axes)[0:8:2]
    assert [xs for xs, _ in intervals] == [[0.5, 2], [0.5, 2], [2, 8], [2, 8]]
    hollow = [line.get_markerfacecolor() == "white" for line in axes.lines[1:8:2]]
    assert hollow == [False, False, True, True]
    assert names(axes) == ["One", "Two"]


def test_a_panel_is_named_by_its_machine() -> None:
    board = machine(board="Some Board", power_mode="MAXN")
    titles = [
        PLOTS["limit"].shown([result("limit", ROWS["limit"], where)])[0][0]
        for where in (machine(), board)
    ]
    assert titles == ["Imaginary 9000, 2 cores", "Some Board, MAXN"]
    ((title, _),) = PLOTS["projection"].shown([result("projection", ROWS["projection"])])
    assert title == "Projection from data sheets, not measured"


def test_the_hash_is_of_what_is_shown() -> None:
    plot = Plot("some", "words", lambda axes, rows: None, lambda row: row["kept"])
    first = plot.shown([result("some", [{"kept": True, "x": 1}, {"kept": False, "x": 2}])])
    same = plot.shown([result("some", [{"kept": True, "x": 1}])])
    other = plot.shown([result("some", [{"kept": True, "x": 3}])])
    assert digest(first) == digest(same) != digest(other)
