"""The engine files that C++ is tested with, judged by the Python SDK: the same sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tpgan_sdk.backends.tensorrt.engine_file import (
    EngineError,
    check_file,
    check_fits,
    sidecar_path,
)

from .make_cases import FOLDER

CASES = json.loads((FOLDER / "engine_files.json").read_text())


def judged(case: dict[str, Any], engine: Path) -> str | None:
    """What Python says of a case's files; None: accepted."""
    if case["engine"] is not None:
        engine.write_text(case["engine"])
    if case["sidecar"] is not None:
        sidecar_path(engine).write_text(case["sidecar"], encoding="utf-8")
    target = dict(case["target"])
    if "runtime" in target:
        target["runtime"] = tuple(target["runtime"])
    try:
        check_fits(engine, check_file(engine), **target)
    except EngineError as error:
        return str(error)
    return None


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_python_says_what_the_case_says(case: dict[str, Any], tmp_path: Path) -> None:
    engine = tmp_path / case["file"]
    found = judged(case, engine)
    if case["message"] is None:
        assert found is None
        return
    places = {"{engine}": str(engine), "{folder}": str(tmp_path)}
    expected = case["message"]
    for mark, place in places.items():
        expected = expected.replace(mark, place)
    assert found is not None
    assert (found[: len(expected)] if case["begins"] else found) == expected
