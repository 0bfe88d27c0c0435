"""Slopes of memory that is known, commands of training, counts."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="benchmarks share the export's faces")

from benchmarks.errors import BenchmarkError
from benchmarks.scaling import doubled, main
from benchmarks.soak import slope, soak
from benchmarks.training_rate import command, last_rate, training_rates


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


def test_counts_are_doubled() -> None:
    assert doubled(1) == [1, 2]
    assert doubled(2) == [1, 2, 4]
    assert doubled(6) == [1, 2, 4, 8]


def test_training_commands(tmp_path: Path) -> None:
    alone = command(tmp_path / "shards", tmp_path / "out", workers=2, ranks=1)
    assert alone[1:3] == ["-m", "train"]
    assert "--workers 2" in " ".join(alone)
    assert "--ablate identity" in " ".join(alone)  # it would ask for a recogniser's weights
    shared = " ".join(command(tmp_path / "shards", tmp_path / "out", workers=1, ranks=2))
    assert "-m torch.distributed.run --standalone --nproc-per-node=2 -m train" in shared


def test_the_rate_of_a_log(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(
        '{"step": 50, "images_per_second": 3.0}\n{"step": 100, "images_per_second": 4.5}\n'
    )
    assert last_rate(tmp_path) == 4.5
    with pytest.raises(BenchmarkError, match="holds no log of a training run"):
        last_rate(tmp_path / "none")


def test_training_that_fails(tmp_path: Path) -> None:
    with pytest.raises(
        BenchmarkError, match=r"training with 0 workers and 1 ranks failed: .*train"
    ):
        list(training_rates(tmp_path / "no shards", [0], [1], tmp_path))


@pytest.mark.parametrize("flags", [["--rounds", "0"], ["--minutes", "-1"]])
def test_nothing_to_measure(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(flags) == 1
    assert "have to be above 0" in capsys.readouterr().err
