"""Devices and watts for an amount of work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.fleet import Fleet, main, measure, plan
from benchmarks.reporting.results import write

from .invented import result


def test_a_million_faces_an_hour() -> None:
    fleet = Fleet(faces_per_s=100, power_w=25)  # 277.8 faces a second are asked for
    assert (fleet.devices, fleet.total_w, fleet.faces_per_joule) == (3, 75, 4)
    assert Fleet(1e6 / 3600, 25).devices == 1  # exactly enough
    unknown = Fleet(100, None).row()
    assert (unknown["total_w"], unknown["faces_per_joule"]) == (None, None)


def test_the_best_batch_of_each_device() -> None:
    rows: list[dict[str, Any]] = [
        {"device": "a", "preset": "edge", "batch": 1, "faces_per_s": 50.0, "power_w": 10},
        {"device": "a", "preset": "edge", "batch": 8, "faces_per_s": 90.0, "power_w": 10},
        {"device": "b", "preset": "edge", "batch": 1, "faces_per_s": 20.0, "mean_w": 4},
        {"kind": "published", "device": "c"},
    ]
    first, second = plan(rows, 36_000)
    assert (first["device"], first["batch"], first["devices"]) == ("a", 8, 1)
    assert (second["device"], second["total_w"], second["faces_per_joule"]) == ("b", 4, 5)
    assert plan(rows, 36_000, power_w=20)[0]["faces_per_joule"] == 4.5
    with pytest.raises(BenchmarkError, match="no row tells faces a second"):
        plan(rows[3:], 1)


def test_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"preset": "edge", "runtime": "x", "batch": 1, "faces_per_s": 10.0}
    path = write(result("latency", [row]), tmp_path / "in")
    assert main(["--from", str(path), "--watts", "5", "--output", str(tmp_path)]) == 0
    assert "edge on x: 10 faces/s, 28 devices, 140 W" in capsys.readouterr().out
    assert main(["--from", str(tmp_path / "none.json"), "--output", str(tmp_path)]) == 1
    assert "fleet: cannot read" in capsys.readouterr().err


@pytest.mark.parametrize("figures", [(0, None), (-1, None), (1, 0)])
def test_figures_have_to_be_above_zero(figures: tuple[float, float | None]) -> None:
    with pytest.raises(BenchmarkError, match="expected both above 0"):
        measure(None, *figures)
