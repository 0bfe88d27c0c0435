"""Results that nobody measured, to make tables and plots from in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.hardware.machine import Machine
from benchmarks.reporting.results import Result


def machine(**changes: Any) -> Machine:
    """A made-up computer."""
    values: dict[str, Any] = {
        "system": "Linux x86_64, Invented 1",
        "python": "3.11.0",
        "cpu": "Imaginary 9000",
        "cores": 2,
        "cpu_features": ["avx2"],
        "cpu_governor": None,
        "cpu_max_mhz": None,
        "memory_mb": 8000,
        "load": 0.1,
        "board": None,
        "power_mode": None,
        "gpu": None,
        "packages": {"numpy": "2.0.0", "onnxruntime": "1.23.2", "torch": "2.13.0"},
    }
    return Machine(**{**values, **changes})


def result(
    benchmark: str, rows: Sequence[Mapping[str, Any]], where: Machine | None = None, **more: Any
) -> Result:
    """A result of a made-up day."""
    values = {"settings": {}, "date": "2026-01-02T03:04:05+00:00", "sdk": "9.9.9", **more}
    return Result(benchmark, where or machine(), rows=rows, **values)
