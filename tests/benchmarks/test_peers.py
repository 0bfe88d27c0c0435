"""The arithmetic of the rows, with runtimes whose pictures and times are known."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from benchmarks import peers  # noqa: E402
from benchmarks.errors import BenchmarkError  # noqa: E402
from benchmarks.inference import comparison, packaged  # noqa: E402
from benchmarks.inference.comparison import Comparison  # noqa: E402
from benchmarks.inference.networks import BenchmarkNetwork, make_benchmark_network  # noqa: E402
from benchmarks.inference.runtimes import Opened, Runtime  # noqa: E402
from benchmarks.measuring.timing import Pace, Samples  # noqa: E402
from tpgan_sdk.errors import TPGANError  # noqa: E402

PICTURES = np.linspace(-1, 1, 2 * 3 * 128 * 128, dtype=np.float32).reshape(2, 3, 128, 128)
SECONDS = {"eager": 0.06, "slow": 0.08, "fast": 0.03, "half": 0.02}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkNetwork:
    return make_benchmark_network("tiny", tmp_path_factory.mktemp("tiny"))


def known(name: str, change: float = 0.0, precision: str = "fp32", shipped: bool = True) -> Runtime:
    pictures = PICTURES + np.float32(change)
    device = (lambda: 0.001) if name == "fast" else None
    return Runtime(
        name, name, precision, lambda *_: Opened(lambda: pictures, device), shipped=shipped
    )


def refused(_: object, __: object) -> Opened:
    raise BenchmarkError("not here")


def test_rows(tiny: BenchmarkNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        comparison,
        "interleave",
        lambda candidates, rounds, *_: {n: Samples((SECONDS[n],) * rounds) for n in candidates},
    )
    found = Comparison()
    runtimes = [
        known("eager", shipped=False),
        known("slow"),
        known("fast", change=0.01),
        known("half", precision="fp16"),
        Runtime("missing", "", "fp32", refused),
    ]
    found.add(tiny, runtimes, PICTURES, Pace(5, 0), lambda _: None)
    rows = {row["runtime"]: row for row in found.rows}
    assert found.left_out == {"tiny, missing": "not here"}
    assert {n: row["speedup"] for n, row in rows.items()} == pytest.approx(
        {"eager": 1, "slow": 0.75, "fast": 2, "half": 3}
    )
    # Against "half", the fastest that is the SDK's.
    assert {n: row["sdk_speedup"] for n, row in rows.items()} == pytest.approx(
        {"eager": 3, "slow": 4, "fast": 1.5, "half": 1}
    )
    assert rows["fast"]["faces_per_s"] == pytest.approx(2 / 0.03)
    assert rows["fast"]["max_abs"] == pytest.approx(0.01, rel=1e-3)
    assert rows["fast"]["psnr_db"] == pytest.approx(20 * math.log10(2 / 0.01), abs=0.01)
    assert rows["eager"]["psnr_db"] == 999
    assert rows["fast"]["device_median_ms"] == pytest.approx(1)
    assert rows["eager"]["device_median_ms"] is None


def test_the_packaged_model_against_a_network(tiny: BenchmarkNetwork) -> None:
    pytest.importorskip("onnxruntime")
    alone, whole = packaged.against_seed(tiny, Pace(3, 0))
    assert (alone["preset"], alone["speedup"]) == ("tiny", 1)
    assert whole["preset"] == "edge"
    assert whole["speedup"] == pytest.approx(alone["median_ms"] / whole["median_ms"])


def test_int8_needs_faces() -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(BenchmarkError, match="needs --calibration, a folder of at least 200"):
        packaged.against_itself_in_int8(None, None, Pace(3, 0), quick=True)


def test_too_few_faces(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    with pytest.raises(TPGANError, match="holds 0 different faces; expected at least 200"):
        packaged.against_itself_in_int8(tmp_path, None, Pace(3, 0), quick=True)


def test_named_paths() -> None:
    args = peers.parser().parse_args(["--onnx", "padded=a=b.onnx", "--onnx", "plain=c.onnx"])
    assert args.onnx == [("padded", Path("a=b.onnx")), ("plain", Path("c.onnx"))]
    with pytest.raises(argparse.ArgumentTypeError, match=r"'a\.onnx' is not NAME=PATH"):
        peers._named_path("a.onnx")


def test_paper_is_measured_less_often_and_quick_hardly() -> None:
    assert peers.Request(rounds=100).pace("edge") == Pace(100, 2)
    assert peers.Request(rounds=100).pace("paper") == Pace(14, 0)
    assert peers.Request(rounds=100, quick=True).pace("paper") == Pace(3, 0)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--preset", "papier"], "no preset 'papier'; known:"),
        (["--threads", "999"], "--threads 999: this process may use"),
        (["--onnx", "mine=none.onnx"], "no model at none.onnx"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    flags: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert peers.main([*flags, "--quick", "--output", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"peers: {message}")
    assert list(tmp_path.iterdir()) == []
