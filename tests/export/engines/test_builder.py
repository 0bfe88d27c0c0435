"""Real builds by TensorRT-RTX, which needs no GPU, and what is left where a build fails."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import pytest

from export import to_onnx
from export.build_engine import main
from export.engines import build as engine_build
from export.engines import build_monitor, builder, preflight
from export.precisions.half import precision_of
from tpgan_sdk.backends.tensorrt.cache import cached_engines
from tpgan_sdk.backends.tensorrt.engine_file import check_file, read_sidecar
from tpgan_sdk.errors import ExportError
from tpgan_sdk.gpu.cuda import find_driver
from tpgan_sdk.models.model import load_model, resolve_model, sha256_of

from ...conftest import REPOSITORY
from ..faces import few_faces

__all__ = ["few_faces"]

WHY = "pip install tensorrt-rtx-cu13 (95 MB)"
needs_rtx = pytest.mark.skipif(find_spec("tensorrt_rtx") is None, reason=WHY)


@pytest.fixture(scope="module")
def tiny(checkpoint_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("trt") / "tiny.onnx"
    assert to_onnx.main(["--checkpoint", str(checkpoint_dir), "--output", str(output)]) == 0
    return output


@pytest.fixture(scope="module")
def half(tiny: Path) -> Path:
    return converted(tiny, tiny.with_name("half.onnx"))


@pytest.fixture(scope="module")
def edge_half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return converted(resolve_model("edge").path, tmp_path_factory.mktemp("edge") / "edge.onnx")


def converted(source: Path, target: Path) -> Path:
    command = ["--onnx", str(source), "--precision", "fp16", "--output", str(target)]
    assert to_onnx.main(command) == 0
    return target


def build(model: Path, target: Path, *more: str) -> int:
    words = ["--onnx", str(model), "--runtime", "rtx", "--output", str(target), *more]
    return main([*words, "--batch", "1:2:4"])


@needs_rtx
@pytest.mark.parametrize("sm", [86, 89, 120])
def test_edge_is_built(
    sm: int, edge_half: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = load_model(edge_half)
    target = tmp_path / "edge.engine"
    words = ["--onnx", str(edge_half), "--runtime", "rtx", "--sm", str(sm)]
    assert main([*words, "--output", str(target)]) == 0
    assert f"SM {sm}" in capsys.readouterr().out.splitlines()[-1]
    info = check_file(target)
    assert (info.sm, info.precision, info.batch) == ((sm,), "fp16", (1, 8, 32))
    assert (info.onnx_sha256, info.model) == (model.info.sha256, "edge")
    assert info.inputs == {"face": [-1, 3, 160, 160]}
    assert info.outputs == {name: [-1, *shape] for name, shape in model.info.outputs.items()}
    assert info.outputs["frontal"] == [-1, 3, 128, 128]
    assert info.size == target.stat().st_size
    # FP16 weights: about two bytes a parameter, never four.
    assert 2 < info.size / model.info.parameters < 3.5
    if isinstance(find_driver(), str):
        assert info.parity == "not run, no driver"
    # The graph is in this precision already: it is built as it is.
    assert info.graph_sha256 == info.onnx_sha256
    assert sorted(p.name for p in tmp_path.iterdir()) == ["edge.engine", "edge.engine.json"]


@needs_rtx
def test_another_precision_is_converted_and_kept(tiny: Path, tmp_path: Path) -> None:
    assert build(tiny, tmp_path / "t.engine", "--sm", "86,89") == 0
    info = check_file(tmp_path / "t.engine")
    assert info.sm == (86, 89)
    assert info.onnx_sha256 == sha256_of(tiny)
    graph = tmp_path / "t.fp16.onnx"
    assert info.graph_sha256 == sha256_of(graph)
    assert precision_of(onnx.load(graph)) == load_model(graph).info.precision == "fp16"
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["t.engine", "t.engine.json", "t.fp16.json", "t.fp16.onnx"]


@needs_rtx
@pytest.mark.slow
def test_from_a_checkpoint_the_model_is_kept_beside_the_engine(
    checkpoint_dir: Path, tmp_path: Path
) -> None:
    words = ["--checkpoint", str(checkpoint_dir), "--runtime", "rtx", "--sm", "89"]
    assert main([*words, "--batch", "1:1:2", "--output", str(tmp_path / "t.engine")]) == 0
    info = read_sidecar(tmp_path / "t.engine")
    assert info.onnx_sha256 == load_model(tmp_path / "t.onnx").info.sha256
    assert info.graph_sha256 == load_model(tmp_path / "t.fp16.onnx").info.sha256


@needs_rtx
def test_fp32_is_fp32(tiny: Path, tmp_path: Path) -> None:
    assert build(tiny, tmp_path / "t.engine", "--sm", "86", "--precision", "fp32") == 0
    info = read_sidecar(tmp_path / "t.engine")
    assert info.precision == "fp32"
    # Weights stored as FP16 are computed with in FP32: nothing to convert.
    assert info.graph_sha256 == info.onnx_sha256 == sha256_of(tiny)


@needs_rtx
def test_bf16_is_made_and_kept(tiny: Path, tmp_path: Path) -> None:
    assert build(tiny, tmp_path / "t.engine", "--sm", "86", "--precision", "bf16") == 0
    info = read_sidecar(tmp_path / "t.engine")
    counts = info.details["multiplied_in"]
    assert (info.precision, counts["fp32"]) == ("bf16", 1)  # the transposed convolution
    assert counts["bf16"] > 9
    graph = tmp_path / "t.bf16.onnx"
    assert info.graph_sha256 == sha256_of(graph)
    assert precision_of(onnx.load(graph)) == load_model(graph).info.precision == "bf16"
    assert 0 < load_model(graph).info.parity["bf16_vs_fp16-weights"]["mean_levels"] < 2


def test_fp16_does_not_become_fp32(
    half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Runtime:
        __version__ = "1.7.1"

    monkeypatch.setitem(sys.modules, "tensorrt_rtx", Runtime())
    assert build(half, tmp_path / "t.engine", "--sm", "86", "--precision", "fp32") == 1
    assert "computes in FP16 and cannot become fp32" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@needs_rtx
def test_without_an_output_it_goes_to_the_cache(
    half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for batch in ("1:1:2", "1:2:2", "1:2:2"):
        words = ["--onnx", str(half), "--runtime", "rtx", "--sm", "86", "--batch", batch]
        assert main(words) == 0
    found = list(cached_engines())
    assert [engine.problem for engine in found] == [None, None]
    assert {engine.info.batch for engine in found if engine.info} == {(1, 1, 2), (1, 2, 2)}


@needs_rtx
def test_a_precision_that_the_graph_has_not_is_never_built(tiny: Path) -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    settings = builder.BuildSettings("fp16", (1, 1, 2), 256, rtx_sm=(86,))
    with pytest.raises(
        ExportError, match=r"multiplies in fp32 \(\d+ layers\); fp16 was asked for; nothing is"
    ):
        builder.build(trt, tiny.read_bytes(), settings)


@needs_rtx
def test_what_the_parser_refuses_is_told(tmp_path: Path) -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    settings = builder.BuildSettings("fp16", (1, 1, 2), 256, rtx_sm=(86,))
    with pytest.raises(ExportError, match=r"parser refuses the ONNX: .*[a-z]"):
        builder.build(trt, b"\x08\x08 not an ONNX", settings)


@needs_rtx
def test_progress_rises_to_the_end(tiny: Path) -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    shares: list[float] = []
    settings = builder.BuildSettings(
        "fp32", (1, 1, 2), 256, rtx_sm=(86,), report=lambda phase, share: shares.append(share)
    )
    built = builder.build(trt, tiny.read_bytes(), settings)
    assert built.timing_cache == b""
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert 0.5 < shares[-1] <= 1


@needs_rtx
def test_ctrl_c_leaves_nothing(edge_half: Path, tmp_path: Path) -> None:
    target = tmp_path / "e.engine"
    words = ["--onnx", str(edge_half), "--runtime", "rtx", "--output", str(target)]
    # In the builder itself: the test's process tells when it is there.
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's & ignores it
        "from export import build_engine\n"
        "from export.engines import builder\n"
        "real = builder.interruptible\n"
        "def noisy(work, monitor):\n"
        "    print('BUILDING', flush=True)\n"
        "    return real(work, monitor)\n"
        "builder.interruptible = noisy\n"
        "sys.exit(build_engine.main(sys.argv[1:]))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while "BUILDING" not in (line := process.stdout.readline()):
            assert line, process.stderr.read()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
        assert process.wait(60) == 130
    assert "interrupted: no engine was built and nothing was left behind" in errors
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_build_is_waited_for() -> None:
    """The builder must not run on in a process that ends."""
    monitor = SimpleNamespace(cancelled=False)
    ended: list[bool] = []

    def work() -> None:
        signal.raise_signal(signal.SIGINT)  # handled in the main thread, which waits
        while not monitor.cancelled:
            time.sleep(0.01)
        time.sleep(0.2)
        ended.append(True)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            build_monitor.interruptible(work, monitor)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == [True]


def test_a_failing_build_leaves_nothing(
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: Any) -> None:
        raise ExportError("TensorRT built no engine: out of memory")

    class Runtime:
        __version__ = "1.7.1"

    monkeypatch.setitem(sys.modules, "tensorrt_rtx", Runtime())
    monkeypatch.setattr(builder, "build", refuse)
    assert build(tiny, tmp_path / "e.engine", "--sm", "86") == 1
    error = capsys.readouterr().err
    assert error == "error: no engine was built: TensorRT built no engine: out of memory\n"
    assert list(tmp_path.iterdir()) == []


def test_a_failing_parity_gate_leaves_nothing(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise ExportError("the engine differs")

    class Runtime:
        __version__ = "1.7.1"

    built = builder.Built(b"engine", {"fp16": 9}, {}, {}, 1, b"")
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", Runtime())
    monkeypatch.setattr(builder, "build", lambda *_: built)
    monkeypatch.setattr(engine_build, "_gate", refuse)
    assert build(tiny, tmp_path / "e.engine", "--sm", "86") == 1
    assert list(tmp_path.iterdir()) == []


def test_tensorrt_without_a_driver_says_what_is_missing(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setattr(preflight, "find_driver", lambda: "no NVIDIA driver")
    target = tmp_path / "e.engine"
    assert main(["--onnx", str(tiny), "--output", str(target)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cannot import tensorrt" in error
    assert "no NVIDIA driver; build on the machine with the GPU" in error
    assert list(tmp_path.iterdir()) == []


def test_the_plan_names_the_converted_onnx(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tiny.with_name("t.engine")
    assert main(["--onnx", str(tiny), "--output", str(target), "--dry-run"]) == 0
    printed = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert printed["graph"] == str(tiny.with_name("t.fp16.onnx"))
    assert not tiny.with_name("t.fp16.onnx").exists()


@needs_rtx
@pytest.mark.slow
def test_paper_is_built(tmp_path: Path) -> None:
    """138 M parameters from a random start: what TensorRT makes of its layers, not its pictures."""
    torch = pytest.importorskip("torch")
    trt = pytest.importorskip("tensorrt_rtx")
    from export.graphs.torch_graph import fold_batch_norm, to_graph
    from export.precisions.half import compute_fp16
    from train.networks import Generator
    from train.networks.spec import PRESETS

    torch.manual_seed(0)
    graph = compute_fp16(to_graph(fold_batch_norm(Generator(PRESETS["paper"]))))
    for sm in (86, 89, 120):
        settings = builder.BuildSettings("fp16", (1, 1, 4), 1024, rtx_sm=(sm,))
        built = builder.build(trt, graph.SerializeToString(), settings)
        assert set(built.multiplied_in) == {"fp16"}
        assert len(built.data) > 200e6
