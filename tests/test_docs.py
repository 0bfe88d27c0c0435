"""The documentation: its examples run, its commands parse, and nothing public is left out."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import inspect
import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import tpgan_sdk

from .conftest import REPOSITORY

PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
DOCS = REPOSITORY / "docs"
PHOTO = REPOSITORY / "examples" / "photos" / "astronaut_right_45.png"

# Section of docs/cli.md, and the words that call it.
COMMANDS = {
    "tpgan frontalize": ["tpgan", "frontalize"],
    "tpgan doctor": ["tpgan", "doctor"],
    "tpgan export": ["tpgan", "export"],
    "tpgan build-engine": ["tpgan", "build-engine"],
    "tpgan train": ["tpgan", "train"],
    "python -m train.data.render": ["python", "-m", "train.data.render"],
    "python -m train.data.detector_errors": ["python", "-m", "train.data.detector_errors"],
    "python -m train.recogniser": ["python", "-m", "train.recogniser"],
    "python -m train.evaluate": ["python", "-m", "train.evaluate"],
}
# What the modules behind some commands import at once.
NEEDS = {
    "benchmarks.latency": "onnxruntime",
    "benchmarks.peers": "torch",
    "export": "onnx",
    "export.quantize": "onnx",
    "export.to_onnx": "onnx",
    "train.data.render": "numba",
    "train.data.detector_errors": "torch",
    "train.evaluate": "torch",
    "train.landmarks.evaluate": "numba",
    "train.landmarks.export": "onnx",
    "train.landmarks.refiner": "torch",
    "train.landmarks.views": "numba",
    "train.recogniser": "torch",
}

# Packages, not modules, that `python -m` runs.
RUN_BY_MAIN = ("train", "train.networks", "train.detector", "tpgan_sdk", "benchmarks")


class NotRunError(Exception):
    """Raised in place of running a command whose arguments were accepted."""


def code_blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks that have exactly this language as their info string."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def python_blocks() -> Iterator[Any]:
    for page in PAGES:
        for number, code in enumerate(code_blocks(page, "python")):
            yield pytest.param(code, id=f"{page.stem}-{number}")


def shell_lines() -> Iterator[Any]:
    for page in PAGES:
        for block in code_blocks(page, "sh"):
            for line in block.splitlines():
                if words := shlex.split(line, comments=True):
                    yield pytest.param(words, id=f"{page.stem}: {' '.join(words)[:60]}")


@pytest.mark.parametrize("code", list(python_blocks()))
def test_python_examples_run(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(PHOTO, tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(code, "example", "exec"), names)
    # Those that look for faces found one: their loops were not skipped.
    if "for face in" in code:
        assert names["face"].image.shape == (128, 128, 3)


def test_the_readme_shows_the_front_door() -> None:
    (code,) = code_blocks(REPOSITORY / "README.md", "python")
    assert all(field.name in code for field in dataclasses.fields(tpgan_sdk.Face))


def entry_point(words: Sequence[str]) -> tuple[Callable[[list[str]], object], list[str]]:
    """The `main` that a command line calls, and its arguments."""
    words = list(words)
    while "=" in words[0]:  # environment variables
        words.pop(0)
    words[0] = Path(words[0]).name
    if words[0] == "tpgan":
        module, arguments = "tpgan_sdk.cli", words[1:]
        needed = arguments[0]
    elif "-m" in words and words[0] in ("python", "torchrun"):
        module, arguments = words[words.index("-m") + 1], words[words.index("-m") + 2 :]
        needed = module
    else:
        pytest.fail(f"not a command that this test knows: {shlex.join(words)}")
    if needed in NEEDS:
        pytest.importorskip(NEEDS[needed])
    module = f"{module}.__main__" if module in RUN_BY_MAIN else module
    main: Callable[[list[str]], object] = importlib.import_module(module).main
    return main, arguments


def stop_after_parsing(monkeypatch: pytest.MonkeyPatch) -> list[argparse.ArgumentParser]:
    """From now on commands stop with `NotRunError`; the list gets their parsers."""
    original = argparse.ArgumentParser.parse_args
    seen: list[argparse.ArgumentParser] = []

    def parse(self: argparse.ArgumentParser, *arguments: Any) -> None:
        seen.append(self)
        original(self, *arguments)
        raise NotRunError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    return seen


@pytest.mark.parametrize("words", list(shell_lines()))
def test_command_lines_are_accepted(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets
    elif Path(words[0]).name == "pip":
        extras = re.findall(r"\[([a-z,]+)\]", " ".join(words))
        text = (REPOSITORY / "pyproject.toml").read_text()
        assert all(f"\n{extra} = [" in text for group in extras for extra in group.split(","))
    elif words[1:3] != ["-m", "venv"]:
        main, arguments = entry_point(words)
        stop_after_parsing(monkeypatch)
        with pytest.raises(NotRunError):
            main(arguments)


@pytest.mark.parametrize("section", COMMANDS)
def test_every_flag_is_documented_and_no_other(
    section: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    main, arguments = entry_point(COMMANDS[section])
    parsers = stop_after_parsing(monkeypatch)
    with pytest.raises((NotRunError, SystemExit)):  # doctor needs no argument, the others do
        main(arguments)
    flags = {flag for action in parsers[0]._actions for flag in action.option_strings}
    text = (DOCS / "cli.md").read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    table = "\n".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE))
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", table)) == flags - {"-h", "--help"}


def test_every_public_name_is_documented() -> None:
    text = (DOCS / "api.md").read_text()
    assert [name for name in tpgan_sdk.__all__ if f"`{name}" not in text] == []
    members = [name for name in dir(tpgan_sdk.Frontalizer) if not name.startswith("_")]
    assert [name for name in members if f"`{name}" not in text] == []


@pytest.mark.parametrize("name", ["Face", "Detection", "BackendInfo"])
def test_every_field_is_documented(name: str) -> None:
    section = (DOCS / "api.md").read_text().split(f"\n## {name}\n")[1].split("\n## ")[0]
    fields = [field.name for field in dataclasses.fields(getattr(tpgan_sdk, name))]
    assert [field for field in fields if not re.search(rf"\b{field}\b", section)] == []


def test_signatures_are_those_of_the_code() -> None:
    text = (DOCS / "api.md").read_text()
    for name in ("frontalize", "frontalize_batch", "frontalize_aligned"):
        found = inspect.signature(getattr(tpgan_sdk.Frontalizer, name)).parameters
        shown = re.search(rf"^### `{name}\((.*?)\)", text, re.MULTILINE)
        assert shown is not None
        assert [word.split("=")[0] for word in shown[1].split(", ")] == list(found)[1:]


def test_the_ablation_table_holds_the_measured_figures() -> None:
    without = pytest.importorskip("train.training.ablation", reason="needs torch").WITHOUT
    ranks = [
        f"{r}_{d}_rank1_frontalized" for r in ("mobilefacenet", "dlib") for d in ("near", "far")
    ]
    page = (DOCS / "training.md").read_text().split("<!-- ablation")[1].split("<!-- /ablation")[0]
    table = {
        cells[0].replace(" ", "_"): cells[1:]
        for cells in ([c.strip() for c in line.strip("|").split("|")] for line in page.splitlines())
        if len(cells) > 1
    }
    figures = json.loads((DOCS / "ablation.json").read_text())["without"]
    assert figures.keys() == {"nothing", *without}
    for name, row in figures.items():
        expected = [f"{row[key]:.4f}" for key in ("l1", "asymmetry", "variation")]
        assert table[name] == expected + [f"{row[key]:.1f}" for key in ranks]


def test_the_candidates_table_holds_the_measured_figures() -> None:
    figures = json.loads((DOCS / "networks-candidates.json").read_text())
    table = (DOCS / "networks.md").read_text().split("candidates:")[1].split("<!-- /")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[1:]]
    shown = {row[0]: row[1:] for row in rows}
    for column, name in enumerate(cell.strip("`") for cell in shown[""]):
        own = figures[name]
        assert int(shown["parameters"][column].replace(",", "")) == own["parameters"]
        assert float(shown["GFLOP a face"][column]) == own["gflop"]
        assert float(shown["held-out L1"][column]) == own["heldout_l1"]
        assert float(shown["latency, median ms"][column]) == own["p50_ms"]


def test_the_sizes_of_both_networks_are_those_that_are_counted() -> None:
    pytest.importorskip("torch")
    from train.networks import PRESETS
    from train.networks.measure import cost

    text = (DOCS / "networks.md").read_text()
    for name in ("paper", "edge-drawn", "edge"):
        for classes in (0, 347)[: 1 if name == "edge" else 2]:  # `edge` has no classifier
            assert f"{cost(PRESETS[name], classes).parameters:,}" in text
        assert f" {cost(PRESETS[name]).flops / 1e9:.2f} " in text
