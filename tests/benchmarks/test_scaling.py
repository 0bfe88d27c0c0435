"""Commands of training, counts."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="benchmarks share the export's faces")

from benchmarks.errors import BenchmarkError
from benchmarks.measuring.training_rate import command, last_rate, training_rates
from benchmarks.scaling import doubled, main


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


def test_nothing_to_measure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rounds", "0"]) == 1
    assert capsys.readouterr().err == "scaling: --rounds has to be above 0\n"
