"""`tpgan doctor`: checks of the installation, each failure with the command that fixes it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Literal

from .environment import (
    Check,
    check_basics,
    check_gpu,
    check_kernels,
    check_onnx_runtime,
    check_opencv,
    check_optional,
)
from .self_tests import check_backends, check_detector, check_models, check_refiner


def main(arguments: Sequence[str]) -> int:
    """Runs the command: 0 where a photo can be frontalized here, else 1."""
    args = _parser().parse_args(arguments)
    checks = examine(args.model, args.detector)
    works = all(check.status != "fail" for check in checks)
    if args.json:
        print(json.dumps({"works": works, "checks": [asdict(c) for c in checks]}, indent=2))
    else:
        print("\n".join(_lines(checks)))
        print(
            "a photo can be frontalized here" if works else "no photo can be frontalized here yet"
        )
    return 0 if works else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tpgan doctor",
        description="What is installed, what works here and the line that mends each fault. "
        "Exit code 0: `tpgan frontalize` with this model and detector can frontalize a photo "
        "here; 1: not.",
    )
    add = parser.add_argument
    add("--model", help="tried as `tpgan frontalize --model` would (default: the packaged one)")
    add("--detector", default="auto", help="tried as `tpgan frontalize --detector` would")
    add("--json", action="store_true", help="one JSON object on stdout")
    return parser


def examine(model: str | None = None, detector: str = "auto") -> list[Check]:
    """All checks, in the order in which they are printed. None of them raises."""
    # Second: how bad it is when the check itself breaks down.
    parts: tuple[tuple[str, Literal["warn", "fail"], Callable[[], Iterable[Check]]], ...] = (
        ("basics", "warn", check_basics),
        ("opencv", "fail", check_opencv),
        ("onnxruntime", "warn", check_onnx_runtime),
        ("optional packages", "warn", check_optional),
        ("gpu", "warn", check_gpu),
        ("kernels", "warn", check_kernels),
        ("models", "fail", partial(check_models, model)),
        ("backends", "fail", partial(check_backends, model)),
        ("detector", "fail", partial(check_detector, detector)),
        ("refiner", "fail", check_refiner),
    )
    return [check for name, fault, part in parts for check in _guarded(name, fault, part)]


def _guarded(
    name: str, fault: Literal["warn", "fail"], part: Callable[[], Iterable[Check]]
) -> Iterator[Check]:
    """The checks of one part; what it raises becomes a check after those that it gave before."""
    try:
        yield from part()
    except Exception as error:  # a broken package may raise anything when it is imported
        detail = f"this check broke down: {type(error).__name__}: {error}"
        yield Check(name, fault, detail)


def _lines(checks: Sequence[Check]) -> Iterator[str]:
    width = max(len(check.name) for check in checks)
    for check in checks:
        yield f"{check.status:4}  {check.name:{width}}  {check.detail}"
        if check.mend:
            yield f"{'':4}  {'':{width}}  -> {check.mend}"
