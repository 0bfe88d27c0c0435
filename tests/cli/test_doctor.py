"""`tpgan doctor`: each fault is seen, and the line beside it mends it."""

from __future__ import annotations

import importlib
import json
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from tpgan_sdk.cli import doctor
from tpgan_sdk.cli.doctor import Check
from tpgan_sdk.cuda import CudaDriver
from tpgan_sdk.errors import DetectorError, ModelError


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The distributions that seem installed; tests add to it."""
    versions: dict[str, str] = {}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)
    return versions


def test_one_opencv(environment: dict[str, str]) -> None:
    environment["opencv-python"] = "5.0.0.93"
    (check,) = doctor.check_opencv()
    assert check.status == "ok"
    assert check.detail.startswith("opencv-python 5.0.0.93; cv2 ")


def test_two_opencvs(environment: dict[str, str]) -> None:
    environment |= {"opencv-python": "5.0.0.93", "opencv-python-headless": "4.12.0.88"}
    check = next(iter(doctor.check_opencv()))
    assert check.status == "warn"
    assert "opencv-python 5.0.0.93, opencv-python-headless 4.12.0.88 all install" in check.detail
    assert check.mend == (
        "pip uninstall -y opencv-python opencv-python-headless && "
        "pip install --no-deps opencv-python==5.0.0.93"
    )


def test_opencv_that_does_not_load(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> Any:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(importlib, "import_module", broken)
    (absent,) = doctor.check_opencv()
    assert (absent.status, absent.mend) == ("fail", "pip install opencv-python")
    environment["opencv-python"] = "5.0.0.93"
    (unloadable,) = doctor.check_opencv()
    assert unloadable.status == "fail"
    assert "libGL.so.1" in unloadable.detail
    assert unloadable.mend == "apt-get install -y libgl1 libglib2.0-0"


def test_onnx_runtimes(environment: dict[str, str]) -> None:
    (check,) = doctor.check_onnx_runtime()
    assert (check.status, check.mend) == ("warn", 'pip install "tpgan-sdk[cpu]"')
    environment |= {"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.31.0"}
    duplicates, _ = doctor.check_onnx_runtime()
    assert duplicates.status == "warn"
    assert duplicates.mend is not None
    # Whoever installed the GPU one meant it.
    assert duplicates.mend.endswith("pip install --no-deps onnxruntime-gpu==1.31.0")


def test_optional_packages_are_never_a_fault(environment: dict[str, str]) -> None:
    environment |= {"torch": "2.13.0", "tensorrt": "10.16"}
    checks = {check.name: check for check in doctor.check_optional()}
    assert {check.status for check in checks.values()} == {"ok"}
    assert checks["torch"].detail == "2.13.0"
    assert checks["tensorrt"].detail == "tensorrt 10.16"
    assert "not installed (only for" in checks["pycuda"].detail


@pytest.mark.parametrize("gpu_runtime", [False, True])
def test_gpu(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, gpu_runtime: bool
) -> None:
    if gpu_runtime:
        environment["onnxruntime-gpu"] = "1.31.0"
    monkeypatch.setattr(doctor, "find_driver", lambda: CudaDriver((13, 0), 2))
    (check,) = doctor.check_gpu()
    assert "2 device(s), driver for CUDA 13.0" in check.detail
    assert check.status == ("ok" if gpu_runtime else "warn")
    assert (check.mend or "").endswith("" if gpu_runtime else 'pip install "tpgan-sdk[gpu]"')


def test_no_gpu_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_driver", lambda: "no NVIDIA driver")
    (check,) = doctor.check_gpu()
    assert (check.status, check.detail) == ("ok", "no NVIDIA driver; the CPU is used")


def test_models(monkeypatch: pytest.MonkeyPatch) -> None:
    edge = SimpleNamespace(name="edge", info=SimpleNamespace(precision="fp16-weights"))
    monkeypatch.setattr("tpgan_sdk.model.list_models", lambda: [edge])
    assert next(doctor.check_models()) == Check("models", "ok", "edge (fp16-weights)")
    monkeypatch.setattr("tpgan_sdk.model.list_models", list)
    assert next(doctor.check_models()).status == "fail"

    def damaged() -> Any:
        raise ModelError("edge.onnx is not the file that edge.json describes")

    monkeypatch.setattr("tpgan_sdk.model.list_models", damaged)
    check = next(doctor.check_models())
    assert check.status == "fail"
    assert "edge.onnx is not the file" in check.detail
    assert check.mend is not None
    assert check.mend.startswith("pip install --force-reinstall")


def test_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [("onnxruntime-cuda", False, "no CUDA"), ("onnxruntime-cpu", True, "CPU")]
    monkeypatch.setattr("tpgan_sdk.backends.available", lambda: answers)
    assert [check.status for check in doctor.check_backends()] == ["warn", "ok"]
    del answers[1]
    assert [check.status for check in doctor.check_backends()] == ["warn", "fail"]


def test_no_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Any:
        raise DetectorError("no wheel")

    monkeypatch.setattr("tpgan_sdk.detectors.create_detector", none)
    (check,) = doctor.check_detectors()
    assert (check.status, check.detail) == ("fail", "no wheel")
    assert check.mend is not None
    assert "--detector" in check.mend


GOOD = Check("numpy", "ok", "2.4.6")
AMISS = Check("opencv duplicates", "warn", "two of them", "pip uninstall one")
BROKEN = Check("backends", "fail", "none works", "pip install it")


@pytest.mark.parametrize(("checks", "code"), [([GOOD, AMISS], 0), ([GOOD, BROKEN], 1)])
def test_exit_code_and_text(
    checks: list[Check],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda: checks)
    assert doctor.main([]) == code
    text = capsys.readouterr().out
    assert f"-> {checks[1].mend}" in text
    assert ("no photo can be" in text) == bool(code)
    assert doctor.main(["--json"]) == code
    answer = json.loads(capsys.readouterr().out)
    assert answer["works"] == (code == 0)
    assert answer["checks"][0] == {
        "name": "numpy",
        "status": "ok",
        "detail": "2.4.6",
        "mend": None,
    }


def test_this_environment_is_examined_without_an_error() -> None:
    names = [check.name for check in doctor.examine()]
    assert names[:4] == ["python", "tpgan-sdk", "numpy", "opencv"]
    assert {"onnxruntime", "torch", "gpu", "models", "detector"} <= set(names)
