"""The command that runs the others."""

from __future__ import annotations

import importlib
import subprocess
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.hardware.machine import describe
from benchmarks.reporting.results import Result, write


@pytest.mark.parametrize("name", command.BENCHMARKS)
def test_each_benchmark_takes_the_common_flags(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    parser = importlib.import_module(f"benchmarks.{name}").parser()
    args = parser.parse_args(["--quick", "--output", str(tmp_path)])
    assert (args.quick, args.output) == (True, tmp_path)


def test_one_that_fails_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = []

    def call(words: list[str], env: dict[str, str]) -> int:
        name = words[2].removeprefix("benchmarks.")
        ran.append((name, words[3:]))
        if name == "latency":
            return 1
        write(Result(name, describe(), {}, [], {"everything on a GPU": "no driver"}), tmp_path)
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(command, "_installed", lambda module: True)
    assert command.main(["latency", "peers", "--quick", "--output", str(tmp_path)]) == 1
    flags = ["--output", str(tmp_path), "--quick"]
    assert ran == [("latency", flags), ("peers", flags)]
    told = capsys.readouterr()
    assert "left out: everything on a GPU: no driver" in told.out
    assert told.err == "benchmarks: failed: latency\n"


def test_what_lacks_a_module_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_installed", lambda module: module != "onnx")
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: pytest.fail("it was started"))
    assert command.main(["limit", "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ("left out: limit: no onnx here; pip install '.[export]'\n")


def test_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["latent"]) == 1
    assert capsys.readouterr().err.startswith("benchmarks: no benchmark latent; there are: latency")
