"""Ceilings with small matrices, and floors by hand."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="multiplies the matrices")
pytest.importorskip("onnx", reason="the network is counted from its graph")

from benchmarks.errors import BenchmarkError
from benchmarks.hardware.peak_rates import PeakRate, best_seconds, copy_bandwidth, matmul_peaks
from benchmarks.inference.graph import GraphCost, Kernel
from benchmarks.limit import Rates, _kernels, rates

FAST = Kernel("first", ["Conv"], flops=1000, weights=1, read=2, written=2)  # 10 s or 2 s
BROAD = Kernel("second", ["Add"], flops=0, weights=0, read=30, written=20)  # 0 s or 20 s
COST = GraphCost(1, (FAST, BROAD), parameters=1, inputs=2, outputs=2)
LIMIT = Rates(flops_per_s=100, bytes_per_s=10, value_bytes=4)


def test_floors() -> None:
    assert LIMIT.of(FAST) == 10
    assert LIMIT.of(BROAD) == 20
    assert LIMIT.layered_floor(COST) == 30
    assert LIMIT.floor(COST) == 10  # weights, inputs and outputs alone would take 2 s
    assert Rates(1e6, 10, 4).floor(COST) == 2


def test_the_largest_kernels_come_first() -> None:
    rows = _kernels("edge", COST, LIMIT)
    assert [row["kernel"] for row in rows] == ["second", "first"]
    assert [row["share"] for row in rows] == [pytest.approx(2 / 3), pytest.approx(1 / 3)]


def test_rates_of_ceilings() -> None:
    found = [PeakRate("cpu", "fp32", "x", 7.0), PeakRate("cpu", "copy", "y", 3.0)]
    assert rates(found, "fp32") == Rates(7.0, 3.0, 4)
    with pytest.raises(BenchmarkError, match="no measured ceiling for int8; measured: fp32, copy"):
        rates(found, "int8")


def test_units() -> None:
    assert PeakRate("cpu", "fp32", "x", 2e9).row()["gflop_per_s"] == 2
    assert PeakRate("cpu", "copy", "x", 3e9).row()["gb_per_s"] == 3


def test_this_machine_multiplies_and_copies() -> None:
    found = {one.what: one for one in matmul_peaks("cpu", (32,))}
    assert "fp32" in found
    assert all(one.per_s > 0 and "32x32" in one.how for one in found.values())
    assert copy_bandwidth("cpu", megabytes=1).per_s > 0


def test_the_first_call_does_not_count() -> None:
    calls: list[int] = []
    assert best_seconds(lambda: calls.append(1), tries=3) >= 0
    assert len(calls) == 4
