"""What the SDK's own work is, from samples that are known."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnxruntime", reason="runs the network")
pytest.importorskip("torch", reason="benchmarks share the export's faces")

from benchmarks.measuring.timing import Samples
from benchmarks.overhead import compare, main


def test_the_row() -> None:
    bare = Samples(tuple([0.100] * 99 + [0.200]))
    whole = Samples(tuple([0.110] * 99 + [0.110]))
    row = compare({"sdk": whole, "bare": bare}, batch=2)
    assert row["own_share"] == pytest.approx(0.1)
    assert row["own_share_low"] == pytest.approx(0.1) == pytest.approx(row["own_share_high"])
    assert row["own_ms_per_face"] == pytest.approx(5)
    assert row["sdk_p99_by_p50"] == pytest.approx(1)
    assert row["bare_p99_by_p50"] == pytest.approx(1.01)  # linear between the last two samples
    assert row["tail"] == pytest.approx(1 / 1.01)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--batch", "1", "--rounds", "2", "--output", str(tmp_path)]) == 0
    assert "batch 1: own work" in capsys.readouterr().out
    assert main(["--model", "none", "--output", str(tmp_path)]) == 1
    assert "overhead: no model named 'none'" in capsys.readouterr().err
