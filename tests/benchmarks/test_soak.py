"""Slopes of memory that is known."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="runs the network")
pytest.importorskip("torch", reason="benchmarks share the export's faces")

from benchmarks import soak as module
from benchmarks.errors import BenchmarkError
from benchmarks.soak import main, slope, soak


def test_a_rise_is_seen_through_noise(rng: np.random.Generator) -> None:
    seconds = np.arange(3600.0)
    noise = rng.normal(0, 2, 3600)
    rising = slope(seconds, 200 + 50 * seconds / 3600 + noise)
    assert rising.low < 50 < rising.high
    assert rising.mb_per_hour == pytest.approx(50, abs=1)
    assert rising.flat is False
    assert slope(seconds, 200 + noise).flat
    assert slope(seconds, 200 - 50 * seconds / 3600).flat


def test_a_short_noisy_run_cannot_tell(rng: np.random.Generator) -> None:
    seconds = np.arange(60.0)
    found = slope(seconds, 200 + rng.normal(0, 2, 60))
    assert found.low < 0 < 1 < found.high
    assert found.flat is None


def test_an_exact_line_has_no_interval() -> None:
    hours = np.linspace(0, 2, 200)
    found = slope(hours * 3600, 10 + 0.5 * hours)
    assert [found.low, found.high] == pytest.approx([0.5, 0.5])
    assert found.flat  # half a megabyte an hour


def test_too_few_samples() -> None:
    with pytest.raises(BenchmarkError, match="19 samples of memory; expected 20 or more"):
        slope(range(19), range(19))


def test_a_soak_on_a_clock_of_its_own() -> None:
    time, held = itertools.count(0, 1.0), itertools.count(100, 0.01)
    row = soak(lambda: None, minutes=10, memory=lambda: next(held), clock=lambda: next(time))
    assert row["calls"] == 599
    assert row["mb_per_hour"] == pytest.approx(36)
    assert row["flat"] == "no"
    assert (row["first_mb"], row["last_mb"]) == (100, pytest.approx(105.98))
    assert len(row["samples_s"]) == len(row["samples_mb"]) <= 120


def test_a_soak_holds_few_samples_however_many_calls() -> None:
    time, looks = itertools.count(0, 0.01), itertools.count()
    row = soak(lambda: None, minutes=2, memory=lambda: next(looks) * 0, clock=lambda: next(time))
    assert row["calls"] == pytest.approx(12000, abs=2)
    assert row["flat"] == "yes"
    assert 1900 < next(looks) <= 2000


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "QUICK_MINUTES", 0.1)
    monkeypatch.setattr(module, "BLOCKS", 4)  # a busy machine makes few calls in six seconds
    assert main(["--quick", "--output", str(tmp_path)]) == 0
    (file,) = tmp_path.glob("soak-*.json")
    (row,) = json.loads(file.read_text())["rows"]
    assert (row["kind"], row["model"], row["minutes"]) == ("memory", "edge", 0.1)
    assert row["calls"] >= 4
    assert main(["--minutes", "0", "--output", str(tmp_path)]) == 1
    assert "soak: --minutes has to be above 0" in capsys.readouterr().err
