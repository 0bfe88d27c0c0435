"""The plan of an engine build, its checks, and that nothing is built or left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engines import load_profile, profile_names
from export.build_engine import main
from export.engines import preflight
from export.engines.features import Features
from export.engines.plan import RTX_SM, BuildPlan, make_plan
from tpgan_sdk.errors import ExportError
from tpgan_sdk.gpu.cuda import CudaDriver
from tpgan_sdk.models.model import ModelInfo, sha256_of, write_sidecar


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"not an ONNX")
    return path


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_fills_the_plan(name: str, model: Path) -> None:
    profile = load_profile(name)
    plan = make_plan(output=model.with_name("e.engine"), onnx=model, profile=name)
    assert (plan.sm, plan.batch) == ((profile.sm,), profile.batch)
    assert (plan.precision, plan.workspace_mib) == (profile.precision, profile.workspace_mib)
    assert (plan.notes, plan.source, plan.from_checkpoint) == (profile.notes, model, False)


def test_arguments_win_over_the_profile(model: Path) -> None:
    plan = make_plan(
        output=Path("e"), onnx=model, profile="t4", sm=(89,), precision="fp32", batch=(2, 3, 4)
    )
    assert (plan.sm, plan.precision, plan.batch) == ((89,), "fp32", (2, 3, 4))


def test_defaults_without_a_profile(model: Path) -> None:
    plan = make_plan(output=Path("e"), onnx=model)
    assert (plan.sm, plan.precision, plan.batch) == ((), "fp16", (1, 8, 32))
    assert make_plan(output=Path("e"), onnx=model, runtime="rtx").sm == RTX_SM
    assert make_plan(output=Path("e")).source.parent.name == "models"
    old = make_plan(output=Path("e"), onnx=model, runtime="rtx", precision="bf16").sm
    assert old == (80, 86, 89, 120, 121)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"profile": "jetson-thor", "runtime": "rtx"}, r"not build for SM 110, only for 75, 80,"),
        ({"profile": "h100", "runtime": "rtx"}, r"not build for SM 90"),
        ({"sm": (86, 89)}, r"the one GPU it runs on, not for SM 86, 89; give one --sm, or"),
        ({"profile": "rtx40"}, r"no engine profile 'rtx40'; there are: a100"),
        ({"checkpoint": Path("c")}, r"both an ONNX and a checkpoint"),
        ({"profile": "t4", "precision": "bf16"}, r"SM 75 does not compute in bf16, only SM 80 and"),
        ({"profile": "a100", "precision": "fp8"}, r"SM 80 does not compute in fp8, only SM 89 and"),
        ({"refit_from": Path("e"), "features": Features(strip=True)}, r"as it was built; leave o"),
    ],
)
def test_plans_that_cannot_be_are_refused(
    options: dict[str, object], message: str, model: Path
) -> None:
    with pytest.raises(ExportError, match=message):
        make_plan(output=Path("e"), onnx=model, **options)  # type: ignore[arg-type]


def test_dry_run_prints_the_whole_plan(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(preflight.CHECKS, "model", lambda plan: None)
    target = model.with_name("e.engine")
    command = ["--onnx", str(model), "--profile", "rtx-40", "--batch", "1:2:4"]
    command += ["--strip", "--refittable", "--hardware", "ampere-plus"]
    assert main([*command, "--output", str(target), "--dry-run"]) == 0
    printed = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    expected = {
        "source": str(model),
        "runtime": "tensorrt",
        "profile": "rtx-40",
        "sm": "89",
        "precision": "fp16",
        "batch": "1, 2, 4",
        "workspace_mib": "2048",
        "features": "hardware ampere-plus, strip, refit",
        "recogniser": "none",
        "refit_from": "none",
        "output": str(target),
    }
    assert expected.items() <= printed.items()
    assert set(BuildPlan.__slots__) <= printed.keys()


@pytest.mark.parametrize("name", ["absent.onnx", "m.onnx"])
def test_a_dry_run_without_a_usable_model_fails(
    name: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = model.with_name(name)
    command = ["--onnx", str(source), "--output", str(model.with_name("e.engine")), "--dry-run"]
    assert main(command) == 1
    assert f"check model      {'no model at ' if name[0] == 'a' else ''}{source}" in (
        capsys.readouterr().out
    )


def test_without_dry_run_it_says_what_is_missing(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = model.with_name("e.engine")
    before = sorted(model.parent.iterdir())
    assert main(["--onnx", str(model), "--output", str(target)]) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"error: no engine was built: {model} has no sidecar m.json beside")
    assert message.count("\n") == 1
    assert sorted(model.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch", "1:8"], "expected MIN:OPT:MAX"),
        (["--batch", "8:1:32"], "expected MIN:OPT:MAX"),
        (["--batch", "0:1:2"], "expected MIN:OPT:MAX"),
        (["--batch=-1:1:2"], "expected MIN:OPT:MAX"),
        (["--sm", "8.6"], "expected architectures"),
        (["--sm", "86,"], "expected architectures"),
        (["--precision", "fp17"], "invalid choice"),
        (["--onnx", "a", "--checkpoint", "b"], "not allowed with"),
    ],
)
def test_bad_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_an_unknown_profile_is_bad_usage_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--onnx", "a", "--profile", "nano"]) == 2
    assert "there are: a100, h100, jetson-agx-orin" in capsys.readouterr().err


def plan_for(model: Path, **options: object) -> BuildPlan:
    arguments = {"onnx": model, "output": model.with_name("e.engine")} | options
    return make_plan(**arguments)  # type: ignore[arg-type]


def describe(onnx: Path) -> None:
    """A sidecar, as export writes it."""
    info = ModelInfo("m", "edge", "official", sha256_of(onnx), precision="fp32", opset=17)
    write_sidecar(onnx, info)


def test_check_model_absent(model: Path) -> None:
    absent = model.with_name("absent.onnx")
    assert f"no model at {absent}" in str(preflight.check_model(plan_for(absent)))
    folder = plan_for(model, onnx=None, checkpoint=absent)
    assert f"no folder {absent}" in str(preflight.check_model(folder))


def test_check_model_of_others(model: Path) -> None:
    assert "has no sidecar" in str(preflight.check_model(plan_for(model)))


def test_check_model_that_does_not_parse(model: Path) -> None:
    pytest.importorskip("onnx")
    describe(model)
    assert "is not a valid ONNX" in str(preflight.check_model(plan_for(model)))


def test_check_model_accepts_an_onnx(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    tensor = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    path = tmp_path / "identity.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", [tensor], [result])), path)
    describe(path)
    assert preflight.check_model(plan_for(path)) is None


def test_check_target(model: Path) -> None:
    assert preflight.check_target(plan_for(model)) is None
    folder = model.parent
    assert "is a folder" in str(preflight.check_target(plan_for(model, output=folder)))
    lost = plan_for(model, output=folder / "none" / "e.engine")
    assert f"no folder {folder / 'none'}" in str(preflight.check_target(lost))


def test_check_target_unwritable(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Permissions mean nothing to root, who runs the tests in many containers.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    found = preflight.check_target(plan_for(model))
    assert found == f"cannot write to {model.parent}; choose another --output"


def test_check_builder_names_the_module_and_the_remedy(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None in sys.modules makes an import fail whether or not the module is installed.
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    assert "JetPack" in str(preflight.check_builder(plan_for(model)))
    rtx = str(preflight.check_builder(plan_for(model, runtime="rtx")))
    assert rtx.startswith("cannot import tensorrt_rtx")
    assert rtx.endswith("pip install tensorrt-rtx-cu13")


def test_check_driver(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "find_driver", lambda: CudaDriver((13, 0), 1))
    assert preflight.check_driver(plan_for(model)) is None
    monkeypatch.setattr(preflight, "find_driver", lambda: "no NVIDIA driver")
    found = preflight.check_driver(plan_for(model))
    assert found == "no NVIDIA driver; build on the machine with the GPU"
    assert preflight.check_driver(plan_for(model, runtime="rtx")) is None


def test_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, export.build_engine as b\n"
        "b.main(['--checkpoint', 'c', '--runtime', 'rtx', '--dry-run'])\n"
        "print('loaded', sorted({'torch', 'onnx', 'onnxruntime', 'cv2'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "loaded []"
