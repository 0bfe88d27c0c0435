"""Data sheets, floors by hand, and a line through points that lie on one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.projection import Line, Published, fit, floor_ms, load, main, project, spread
from engines import profile_names

DEVICES, KNOWN = load()
T4 = DEVICES["t4"]


def on_a_line(factor: float, fixed: float) -> list[Published]:
    return [
        Published(DEVICES[name], "net", floor, factor * floor + fixed, "made up")
        for name in ("t4", "l4", "a100")
        for floor in (0.5, 2.0, 8.0)
    ]


def test_floors() -> None:
    assert floor_ms(65e12, 0, T4) == pytest.approx(1000)  # 65 TFLOPS
    assert floor_ms(0, 160e9, T4) == pytest.approx(1000)  # 320 GB/s, 2 bytes a value
    assert floor_ms(65e9, 320e6, T4) == pytest.approx(2)  # whichever takes longer


def test_published_runs_miss_their_floor() -> None:
    (found,) = (one for one in KNOWN if (one.device, one.network) == (T4, "yolov8m"))
    assert found.factor == pytest.approx(5.86 / (78.9 / 65))
    assert all(one.factor > 1 for one in KNOWN)  # nothing beats a data sheet
    assert all(one.source for one in KNOWN)


def test_every_device_asked_for_with_its_source() -> None:
    asked = {"jetson-orin-nano", "jetson-orin-nx", "jetson-agx-orin", "jetson-thor"}
    asked |= {"t4", "l4", "a100", "h100", "h200"}
    assert asked <= set(DEVICES)
    assert asked - {"h200"} <= set(profile_names())
    for device in DEVICES.values():
        assert device.kind in ("jetson", "discrete")
        assert "data sheet" in device.source or "Technical Brief" in device.source
        assert device.int8_tops == pytest.approx(2 * device.fp16_tflops, rel=0.01)


def test_the_line_and_its_spread() -> None:
    line = fit(on_a_line(3.0, 0.8))
    assert [line.factor, line.fixed_ms] == pytest.approx([3, 0.8])
    assert spread(on_a_line(3.0, 0.8)) == pytest.approx((1, 1))
    off = [
        replace(one, latency_ms=2 * one.latency_ms) if one.device == T4 else one
        for one in on_a_line(3.0, 0.8)
    ]
    low, high = spread(off)
    assert high == pytest.approx(2)  # the others still lie on the line
    assert low < 1
    with pytest.raises(BenchmarkError, match="1 published latencies of 1 floors; expected two"):
        fit(KNOWN[:1])


def test_a_line_that_would_begin_below_zero_goes_through_the_origin() -> None:
    points = [replace(one, latency_ms=one.floor_ms**2) for one in on_a_line(1, 0)]
    line = fit(points)
    # Of 0.5, 2 and 8 the relative errors, factor / floor - 1, are least at 2.625 / 4.265625.
    assert [line.factor, line.fixed_ms] == pytest.approx([2.625 / 4.265625, 0])


def test_a_projection() -> None:
    known = on_a_line(3.0, 0.8)
    row = project(65e9, 0, 1, T4, known)
    assert row["floor_ms"] == pytest.approx(1)
    assert row["projected_ms"] == pytest.approx(Line(3.0, 0.8).at(1)) == pytest.approx(3.8)
    assert not row["extrapolated"]
    assert row["projected_ms_low"] == pytest.approx(3.8) == pytest.approx(row["projected_ms_high"])


@pytest.mark.parametrize(("flops", "batch"), [(1e9, 1), (1e15, 1), (65e9, 2)])
def test_beyond_what_is_published_the_interval_begins_at_the_floor(
    flops: float, batch: int
) -> None:
    row = project(flops, 0, batch, T4, on_a_line(3.0, 0.8))
    assert row["extrapolated"]
    assert row["projected_ms_low"] == row["floor_ms"]


def test_the_other_kind_does_not_count() -> None:
    jetson = [one for one in KNOWN if one.device.kind == "jetson"]
    assert project(1e11, 0, 1, T4, KNOWN) == project(
        1e11, 0, 1, T4, [one for one in KNOWN if one not in jetson]
    )


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="counts the presets")
    words = ["--preset", "edge", "--batch", "1", "--output", str(tmp_path)]
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "projection: edge on h200, batch 1" in told
    assert "published: yolov8m on t4 5.86 ms, 4.8 times its floor" in told
    assert len(list(tmp_path.glob("projection-*.json"))) == 1
    assert main(["--preset", "none", "--output", str(tmp_path)]) == 1
    assert "projection: no preset 'none'; known: " in capsys.readouterr().err
