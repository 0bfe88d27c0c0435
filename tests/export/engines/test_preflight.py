"""The checks before a build that look at the machine, and the gate after it."""

from __future__ import annotations

import shutil
import sys
from collections import namedtuple
from dataclasses import replace
from functools import partial
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from export.build_engine import main
from export.engines import build as engine_build
from export.engines import builder, preflight
from export.engines import plan as build_plan
from export.engines.features import Features
from export.engines.plan import BuildPlan, make_plan
from tpgan_sdk.backends.tensorrt import loader as engine_loader
from tpgan_sdk.backends.tensorrt import parity_check
from tpgan_sdk.backends.tensorrt.engine_file import check_file, read_sidecar, write_engine
from tpgan_sdk.errors import BackendError
from tpgan_sdk.gpu.cuda import CudaDriver, Gpu
from tpgan_sdk.models.model import load_model, resolve_model, write_sidecar

from ...backends.tensorrt.test_engine_file import DATA, info_of
from ..faces import few_faces

__all__ = ["few_faces"]

ORIN = Gpu("Orin", 87, 8 << 30)
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def plan(tmp_path: Path) -> BuildPlan:
    return make_plan(output=tmp_path / "e.engine", profile="jetson-orin-nano")


@pytest.fixture
def orin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Jetson with TensorRT, whose builder gives ten bytes."""

    class TensorRT:
        __version__ = "10.3.0"

    inputs, outputs = {"face": [-1]}, {"frontal": [-1]}
    built = builder.Built(b"an engine.", {"fp16": 7}, inputs, outputs, 7, b"times")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "tensorrt", TensorRT())
    monkeypatch.setattr(builder, "build", lambda *_: built)
    for module in (preflight, engine_build):
        monkeypatch.setattr(module, "find_driver", lambda: CudaDriver((12, 6), 1))
    for module in (preflight, engine_build, build_plan):
        monkeypatch.setattr(module, "find_gpu", lambda: ORIN)


def test_a_full_disk(plan: BuildPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    assert preflight.check_target(plan) is None
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 30, 1 << 30, 1 << 20))
    found = str(preflight.check_target(plan))
    assert found.startswith(f"{plan.output.parent} has 1 MiB free; expected ")
    assert found.endswith(": make room")


def test_short_memory(plan: BuildPlan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 1 kB\nMemAvailable:  307200 kB\n")
    real = open
    monkeypatch.setattr("builtins.open", lambda *a, **k: real(meminfo, **k))
    found = str(preflight.check_memory(plan))
    assert found.startswith("300 MiB of memory are free; expected ")
    assert "on a Jetson the desktop too" in found
    # On a discrete card the workspace is the card's memory.
    assert preflight.check_memory(replace(plan, profile="t4")) is None


def test_short_gpu_memory(plan: BuildPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    class Card:
        closed = 0

        def free_memory(self) -> int:
            return 100 << 20

        def close(self) -> None:
            Card.closed += 1

    monkeypatch.setattr(preflight, "find_driver", lambda: CudaDriver((13, 0), 1))
    monkeypatch.setattr(preflight, "Device", Card)
    card = replace(plan, profile="t4", workspace_mib=4096)
    found = str(preflight.check_gpu_memory(card))
    assert found.startswith("100 MiB of GPU memory are free; the workspace is 4096 MiB: end other")
    assert preflight.check_gpu_memory(replace(card, workspace_mib=64)) is None
    assert Card.closed == 2
    # A Jetson has one memory for both; TensorRT-RTX builds on the CPU.
    assert preflight.check_gpu_memory(replace(card, profile="jetson-orin-nano")) is None
    assert preflight.check_gpu_memory(replace(card, runtime="rtx")) is None
    assert Card.closed == 2


def test_an_opset_that_is_too_new(plan: BuildPlan, tmp_path: Path) -> None:
    packaged = resolve_model(None)
    source = tmp_path / "m.onnx"
    shutil.copy(packaged.path, source)
    write_sidecar(source, replace(packaged.info, opset=27))
    found = preflight.check_model(replace(plan, source=source))
    assert found == f"{source} has opset 27; expected 11 to 20"


def test_a_conversion_without_its_tools(plan: BuildPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    found = str(preflight.check_precision(plan))
    assert "must become fp16, which needs onnx and onnxruntime; install it, or on another" in found
    assert "tpgan export --precision fp16" in found
    assert preflight.check_precision(replace(plan, graph=plan.source)) is None


@pytest.mark.usefixtures("orin")
def test_another_gpu_than_planned(plan: BuildPlan) -> None:
    assert preflight.check_driver(plan) is None
    found = preflight.check_driver(replace(plan, sm=(89,)))
    assert found == (
        "the GPU here is Orin, SM 87; the plan is for SM 89: build on the machine that runs the "
        "engine"
    )


@pytest.mark.usefixtures("orin")
def test_on_a_gpu_the_gate_runs_and_its_figures_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    class Backend:
        def inspect(self) -> str:
            return '{"Layers": [{"Weights": {"Type": "Half"}}, {"Weights": {"Type": "Float"}}]}'

        def close(self) -> None:
            seen.append("closed")

    def open_engine(path: Path, model: object, *, gate: bool) -> Backend:
        seen.append((read_sidecar(path).sm, path.read_bytes(), gate))
        return Backend()

    monkeypatch.setattr(engine_loader, "open_engine", open_engine)
    monkeypatch.setattr(parity_check, "check_parity", lambda *_, **__: {"psnr": 61.0})
    out = tmp_path / "out"
    out.mkdir()
    assert main(["--output", str(out / "e.engine"), "--profile", "jetson-orin-nano"]) == 0
    assert seen == [((87,), b"an engine.", False), "closed"]
    info = check_file(out / "e.engine")
    assert (info.parity, info.gpu, info.cuda, info.sm) == ({"psnr": 61.0}, "Orin", "12.6", (87,))
    assert info.command.startswith("tpgan build-engine --output")
    assert info.details["read_back"] == {"fp16": 1, "fp32": 1}
    (timing,) = (tmp_path / "cache" / "tpgan-sdk" / "timing").iterdir()
    assert timing.name.startswith("10.3.0-sm87-")
    assert timing.read_bytes() == b"times"


@pytest.mark.usefixtures("orin")
def test_an_engine_that_fails_the_gate_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Backend:
        def inspect(self) -> str:
            return "{}"

        def close(self) -> None:
            pass

    def refuse(*_: object, **__: object) -> None:
        raise BackendError("the engine differs from ONNX Runtime by 9.00 grey levels")

    monkeypatch.setattr(engine_loader, "open_engine", lambda *_, **__: Backend())
    monkeypatch.setattr(parity_check, "check_parity", refuse)
    out = tmp_path / "out"
    out.mkdir()
    assert main(["--output", str(out / "e.engine")]) == 1
    assert "no engine was built: the engine differs" in capsys.readouterr().err
    assert list(out.iterdir()) == []


@pytest.mark.usefixtures("orin")
def test_an_engine_that_went_back_to_fp32_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Backend:
        def inspect(self) -> str:
            return '{"Layers": [{"Weights": {"Type": "Float"}}]}'

        def close(self) -> None:
            pass

    monkeypatch.setattr(engine_loader, "open_engine", lambda *_, **__: Backend())
    out = tmp_path / "out"
    out.mkdir()
    assert main(["--output", str(out / "e.engine")]) == 1
    expected = "the finished engine multiplies in fp32 (1 layers); fp16 was asked for"
    assert expected in capsys.readouterr().err
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(("precision", "words"), [("int8", "int8"), ("fp8", "fp8")])
def test_int8_needs_a_quantised_onnx(precision: str, words: str, tmp_path: Path) -> None:
    plan = make_plan(output=tmp_path / "e.engine", profile="l4", precision=precision)
    found = str(preflight.check_precision(plan))
    assert f"does not compute in {words}, which needs faces to calibrate on: python -m" in found
    assert f"export.quantize --precision {precision} --onnx {plan.source} --calibration" in found


def test_rtx_strips_only_with_a_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "find_driver", lambda: "no NVIDIA driver")
    plan = make_plan(output=tmp_path / "e", runtime="rtx", features=Features(strip=True))
    found = preflight.check_driver(plan)
    assert found == (
        "no NVIDIA driver; build on the machine with the GPU (TensorRT-RTX refits and strips "
        "engines only there)"
    )


def test_what_cannot_be_refitted(tmp_path: Path) -> None:
    engine = tmp_path / "e.engine"
    plan = make_plan(output=tmp_path / "f.engine", precision="fp16", batch=(1, 2, 4), runtime="rtx")
    assert preflight.check_refit(plan) is None
    plan = replace(plan, refit_from=engine)
    assert f"no engine at {engine}" in str(preflight.check_refit(plan))
    write_engine(engine, DATA, info_of())
    assert "cannot be refitted; build it with --refittable first" in str(
        preflight.check_refit(plan)
    )
    write_engine(engine, DATA, replace(info_of(), details={"features": {"refit": True}}))
    assert preflight.check_refit(plan) is None
    found = str(preflight.check_refit(replace(plan, precision="fp32")))
    assert found.endswith("give --runtime rtx --precision fp16 --batch 1:2:4")


@pytest.mark.parametrize(("shift", "passes"), [(0.0, True), (0.01, True), (0.1, False)])
def test_the_gate_compares_pictures(shift: float, passes: bool) -> None:
    from tpgan_sdk.backends import parity

    model = load_model(resolve_model("edge").path)

    class Shifted:
        def run(self, inputs: parity.Inputs) -> Any:
            return parity.run_onnx(model.path, inputs) + shift

    if passes:
        figures = parity_check.check_parity(Shifted(), model)  # type: ignore[arg-type]
        assert figures["mean_levels"] == pytest.approx(shift * 127.5, abs=0.01)
    else:
        with pytest.raises(BackendError, match=r"by 12\.7. grey levels on average; the limit is 2"):
            parity_check.check_parity(Shifted(), model)  # type: ignore[arg-type]


def test_the_gate_compares_identities(shared_dir: Path) -> None:
    pytest.importorskip("torch", reason="recognisers need torch")
    from export.precisions import identity
    from tpgan_sdk.backends import parity

    weights = shared_dir / "models" / "identity" / "mobilefacenet_arcface.pt"
    model = load_model(resolve_model("edge").path)

    class Same:
        def run(self, inputs: parity.Inputs) -> Any:
            return parity.run_onnx(model.path, inputs)

    compared = partial(identity.identity_cosine, weights=weights)
    figures = parity_check.check_parity(Same(), model, also=compared)  # type: ignore[arg-type]
    assert figures["identity_min"] == pytest.approx(1, abs=1e-5)
    pictures = Same().run(parity.load_parity_faces(parity.FACES, model.template, model.inputs))
    found = identity.identity_cosine(pictures, -pictures, weights)
    assert found["identity_min"] <= found["identity_mean"] < 0.8
