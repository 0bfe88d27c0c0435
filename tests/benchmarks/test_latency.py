"""Rows of latency: which models and backends, warm and in a fresh process, and the stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from benchmarks import latency
from benchmarks.errors import BenchmarkError
from benchmarks.inference.variants import made
from benchmarks.measuring import cold, stages
from tpgan_sdk.gpu.cuda import CudaDriver, find_driver
from tpgan_sdk.models.model import resolve_model

COLD = {"cold_ms": 900.0, "peak_mb": 150.0, "device_mb": None}


def test_a_batch_takes_about_the_same_time_whatever_its_size() -> None:
    request = latency.Request(rounds=140)
    assert [request.rounds_of("edge", batch) for batch in (1, 4, 70)] == [140, 35, 5]
    assert [request.rounds_of("paper", batch) for batch in (1, 4)] == [20, 5]
    assert latency.Request(quick=True).rounds_of("paper", 16) == 3


def test_crops_begin_again_after_the_last_and_bring_their_landmarks() -> None:
    crops, points = latency._crops(17)
    assert np.array_equal(crops[16], crops[0])
    assert not np.array_equal(crops[1], crops[0])
    assert np.shape(points[5]) == (5, 2)


def test_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> Any:
        raise ImportError("No module named 'torch'", name="torch")

    def two(*_: object) -> Any:
        return {"edge": lambda: resolve_model(None), "paper": nothing}

    monkeypatch.setattr(latency, "variant_builders", two)
    monkeypatch.setattr(latency, "cold_start", lambda *_: dict(COLD))
    monkeypatch.setattr(latency, "stages", lambda *_: {"kind": "stages", "total_ms": 1.0})
    found = latency.measure(latency.Request(batches=(1, 2), quick=True), lambda _: None)
    assert found.left_out["paper"] == "torch is not installed"
    if not isinstance(driver := find_driver(), CudaDriver):
        assert found.left_out["edge fp16-weights, tensorrt"] == driver
    rows = [row for row in found.rows if row.get("backend") == "onnxruntime-cpu"]
    assert [row["batch"] for row in rows] == [1, 2]
    for row in rows:
        assert row.items() >= COLD.items()
        assert row["faces_per_s"] == pytest.approx(1e3 * row["batch"] / row["median_ms"])
        assert row["samples"] == 3
    assert found.rows[-1] == {"kind": "stages", "total_ms": 1.0}


def test_models_that_cannot_be_made_are_left_out() -> None:
    def refused() -> Any:
        raise BenchmarkError("needs faces")

    left_out: dict[str, str] = {}
    packaged = resolve_model(None)
    assert made({"int8": refused, "edge": lambda: packaged}, left_out) == [packaged]
    assert left_out == {"int8": "needs faces"}


def test_a_fresh_process() -> None:
    told = cold.cold_start("edge", "onnxruntime-cpu", 2)
    parts = sum(told[f"cold_{name}_ms"] for name in ("import", "open", "first"))
    assert 0 < parts <= told["cold_ms"]
    assert told["peak_mb"] > 30


def test_a_fresh_process_that_fails_says_why() -> None:
    with pytest.raises(BenchmarkError, match=r"the fresh process failed: .*unknown backend 'none'"):
        cold.cold_start("edge", "none", 1)


def test_the_stages_of_a_photo() -> None:
    pytest.importorskip("yuface", reason="the default detector")
    row = stages.stages(1)
    names = ("read", "detect", "refine", "align", "network", "finish", "paste_back", "write")
    assert [name for name in row if name.endswith("_ms")] == [
        *(f"{name}_ms" for name in names),
        "total_ms",
    ]
    assert row["total_ms"] == pytest.approx(sum(row[f"{name}_ms"] for name in names))
    assert row["photo_px"] == "640x640"


def test_a_photo_without_a_face(tmp_path: Path) -> None:
    pytest.importorskip("yuface", reason="the default detector")
    import cv2

    photo = tmp_path / "grey.png"
    cv2.imwrite(str(photo), np.full((200, 200, 3), 127, np.uint8))
    with pytest.raises(BenchmarkError, match=r"no face found in grey\.png"):
        stages.stages(1, photo)
