"""Engines on a real GPU: pictures, batch edges, graphs, threads, leaks."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from export.build_engine import main
from tpgan_sdk.backends import parity
from tpgan_sdk.backends.tensorrt.backend import TensorRTBackend
from tpgan_sdk.backends.tensorrt.engine_file import read_sidecar
from tpgan_sdk.backends.tensorrt.loader import open_engine

from .conftest import MODEL, memory_used

pytestmark = pytest.mark.gpu


def check(backend: TensorRTBackend, faces: parity.Inputs, expected: np.ndarray, n: int) -> None:
    found = backend.run({name: values[:n] for name, values in faces.items()})
    assert parity.compare(expected[:n], found).mean_levels < 2


def test_the_build_compared_it(engine: Path) -> None:
    info = read_sidecar(engine)
    assert info.verified
    assert info.precision == "fp16"


def built_with(engine: Path, target: Path, *flags: str) -> None:
    """Builds once more on the same runtime; skips where that has no such engines."""
    info = read_sidecar(engine)
    words = ["--runtime", info.runtime, "--sm", str(info.sm[0]), "--batch", "1:4:8", *flags]
    code = main([*words, "--output", str(target)])
    if code == 2:
        pytest.skip(f"{info.runtime} refuses {flags[0]}")
    assert code == 0


def test_the_finished_engine_tells_its_precision(engine: Path) -> None:
    told = read_sidecar(engine).details["read_back"]
    if isinstance(told, str):
        pytest.skip(told)
    assert told["fp16"] * 2 >= sum(told.values())


@pytest.mark.parametrize(
    "flags",
    [
        *(("--precision", "fp32"), ("--precision", "bf16"), ("--version-compatible",)),
        *(("--hardware", "ampere-plus"), ("--hardware", "same-capability")),
    ],
    ids=" ".join,
)
def test_other_engines(
    flags: tuple[str, ...],
    engine: Path,
    tmp_path: Path,
    faces: parity.Inputs,
    expected: np.ndarray,
) -> None:
    built_with(engine, tmp_path / "e.engine", *flags)
    with open_engine(tmp_path / "e.engine", MODEL) as backend:
        check(backend, faces, expected, 5)


def test_a_stripped_engine(
    engine: Path, tmp_path: Path, faces: parity.Inputs, expected: np.ndarray
) -> None:
    target = tmp_path / "e.engine"
    built_with(engine, target, "--strip")
    assert target.stat().st_size < engine.stat().st_size / 2
    with open_engine(target, MODEL) as backend:
        check(backend, faces, expected, 5)


def test_a_refitted_engine(
    engine: Path, tmp_path: Path, faces: parity.Inputs, expected: np.ndarray
) -> None:
    """With its own weights again; those of another training need another model."""
    built_with(engine, tmp_path / "e.engine", "--refittable")
    target = tmp_path / "f.engine"
    built_with(engine, target, "--refit-from", str(tmp_path / "e.engine"))
    with open_engine(target, MODEL) as backend:
        check(backend, faces, expected, 5)


@pytest.mark.parametrize("count", [1, 4, 8, 9, 16])
def test_batch_edges(
    count: int, backend: TensorRTBackend, faces: parity.Inputs, expected: np.ndarray
) -> None:
    for _ in range(3):  # plain, captured, replayed
        check(backend, faces, expected, count)


def test_threads(backend: TensorRTBackend, faces: parity.Inputs, expected: np.ndarray) -> None:
    errors: list[BaseException] = []

    def work(count: int) -> None:
        try:
            with backend.clone() as own:
                for _ in range(20):
                    check(own, faces, expected, count)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(count,)) for count in (1, 3, 8, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.slow
def test_no_leak_over_a_thousand(engine: Path, faces: parity.Inputs, expected: np.ndarray) -> None:
    used = 0
    for turn in range(1000):
        with open_engine(engine, MODEL) as backend:
            check(backend, faces, expected, 1 + turn % 8)
        if turn == 20:
            used = memory_used()
    assert memory_used() - used < 64
