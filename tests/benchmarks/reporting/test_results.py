"""Results as files: the same when read again, refused when they are something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.hardware.machine import describe
from benchmarks.reporting.results import FORMAT, Result, read, read_all, write

ROWS = [{"kind": "latency", "median_ms": 1.5, "device_mb": None}]


@pytest.fixture(scope="module")
def result() -> Result:
    return Result("latency", describe(), {"threads": 2}, ROWS, {"energy": "no meter"})


def test_what_is_written_is_read(result: Result, tmp_path: Path) -> None:
    path = write(result, tmp_path / "new")
    assert path.name == f"latency-{result.machine.label}.json"
    assert read(path) == result


def test_reasons_name_no_folders(result: Result, tmp_path: Path) -> None:
    reasons = {
        "a": "/home/user/models/fp16.onnx takes 3/4; see https://example.org/a/b",
        "b": "no engine in '/home/user/.cache/x.engine': run `tpgan build-engine`",
    }
    path = write(Result("latency", result.machine, {}, ROWS, reasons), tmp_path)
    assert read(path).left_out == {
        "a": "fp16.onnx takes 3/4; see https://example.org/a/b",
        "b": "no engine in 'x.engine': run `tpgan build-engine`",
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Path("x")])
def test_only_json_is_written(result: Result, value: Any, tmp_path: Path) -> None:
    broken = Result("latency", result.machine, {}, [{"median_ms": value}])
    with pytest.raises(BenchmarkError, match=r"the result of latency is no JSON.*give None"):
        write(broken, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(result: Result, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BenchmarkError, match=r"cannot write .*latency"):
        write(result, tmp_path / "file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "is no result of a benchmark"),
        ("[]", "is no result of a benchmark"),
        ("{}", "has format None, this version reads 1"),
        (json.dumps({"format": FORMAT}), "is no result of a benchmark: 'machine'"),
        (json.dumps({"format": FORMAT, "machine": {"host": "x"}}), "unknown entries host"),
    ],
)
def test_other_files_are_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(BenchmarkError, match=message):
        read(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=r"cannot read .*none.json: No such file"):
        read(tmp_path / "none.json")


def test_the_results_of_a_folder(result: Result, tmp_path: Path) -> None:
    other = Result("peers", result.machine, {}, [])
    for one in (other, result):
        write(one, tmp_path)
    assert read_all(tmp_path) == [result, other]
    assert read_all(tmp_path, "peers") == [other]
