"""The command: its flags to an evaluation and to files, and its errors in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tpgan_sdk.images.files import write_image
from train import evaluate
from train.evaluation import landmarks

from .evaluation.conftest import Reader


@pytest.fixture(autouse=True)
def reader(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(spec: str) -> Reader:
        return Reader()

    monkeypatch.setattr(evaluate, "load_embedder", load)


def run(*arguments: object) -> int:
    return evaluate.main([str(argument) for argument in arguments])


def test_rendered_people_with_the_packaged_model(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ("--root", shards, "--onnx", "edge", "--recogniser", "r", "--recogniser", "r")
    assert run(*common, "--output", tmp_path, "--draws", 20, "--cache", tmp_path / "kept") == 0
    printed = capsys.readouterr().out
    assert "dataset: rendered; source: edge.onnx" in printed
    results = json.loads((tmp_path / "results.json").read_text())
    assert set(results["identification"]) == {"reader", "reader (r)"}
    assert results["about"]["probes"] == 12
    assert (tmp_path / "results.md").read_text() in printed + "\n"
    for name in ("curve.png", "grid.png"):
        assert (tmp_path / name).is_file()
    assert len(list((tmp_path / "kept").glob("faces-*.npz"))) == 1


def test_results_of_another_program_in_a_folder(shards: Path, tmp_path: Path) -> None:
    for row in range(12):
        made = np.full((128, 128, 3), row, np.uint8)
        write_image(tmp_path / "made" / "shard-00000" / f"{row:05}.png", made)
    output = tmp_path / "out"
    common = ("--root", shards, "--results", tmp_path / "made", "--recogniser", "r", "--draws", 20)
    assert run(*common, "--people", 2, "--output", output) == 0
    assert json.loads((output / "results.json").read_text())["about"]["people"] == 2


def test_real_photos_go_through_the_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def detector(spec: str, refine: bool) -> tuple[landmarks.Locate, str]:
        assert (spec, refine) == ("yunet:x", False)
        return lambda photo, picture: None, "yunet, as it is"

    monkeypatch.setattr(evaluate, "by_detector", detector)
    for name in "ab":
        for number in "01":
            write_image(tmp_path / name / f"{number}.png", np.zeros((40, 40, 3), np.uint8))
    common = ("--root", tmp_path, "--onnx", "edge", "--recogniser", "r", "--draws", 20)
    assert run(*common, "--dataset", "people", "--detector", "yunet:x", "--no-refine") == 0
    printed = capsys.readouterr().out
    assert "landmarks: yunet, as it is" in printed
    assert "probes without a result: 2" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dataset", "cfp"), "Pair_list_F.txt cannot be read"),
        (("--dataset", "people"), "fewer than two people"),
        (("--dataset", "lfw"), "pairs.txt cannot be read"),
        (("--dataset", "multipie"), "no pictures of Multi-PIE"),
        (("--dataset", "people", "--landmarks", "fiducials"), "has no fiducials"),
        ((), "no shards in"),
    ],
)
def test_errors_are_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.setattr(evaluate, "by_detector", lambda *_: (lambda photo, picture: None, "x"))
    common = ("--root", tmp_path, "--onnx", "edge", "--recogniser", "r")
    assert run(*common, *arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("evaluate: ")
    assert message in error
    assert error.count("\n") == 1
