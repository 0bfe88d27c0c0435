"""`tpgan doctor`: each fault is seen, and the line beside it mends it."""

from __future__ import annotations

import importlib
import json
import sys
from functools import partial
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tpgan_sdk.backends.onnx_runtime import GPU_LINE
from tpgan_sdk.cli import doctor, environment, self_tests
from tpgan_sdk.cli.environment import Check
from tpgan_sdk.detectors import packaged
from tpgan_sdk.errors import BackendError, ModelError
from tpgan_sdk.gpu.cuda import CudaDriver


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The distributions that seem installed; tests add to it."""
    versions: dict[str, str] = {}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)
    return versions


def test_one_opencv(packages: dict[str, str]) -> None:
    packages["opencv-python"] = "5.0.0.93"
    (check,) = environment.check_opencv()
    assert check.status == "ok"
    assert check.detail.startswith("opencv-python 5.0.0.93; cv2 ")


def test_two_opencvs(packages: dict[str, str]) -> None:
    packages |= {"opencv-python": "5.0.0.93", "opencv-python-headless": "4.12.0.88"}
    check = next(iter(environment.check_opencv()))
    assert check.status == "warn"
    assert "opencv-python 5.0.0.93, opencv-python-headless 4.12.0.88 all install" in check.detail
    assert check.mend == (
        "pip uninstall -y opencv-python opencv-python-headless && "
        "pip install --no-deps opencv-python==5.0.0.93"
    )


def test_opencv_that_does_not_load(
    packages: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> Any:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(importlib, "import_module", broken)
    (absent,) = environment.check_opencv()
    assert (absent.status, absent.mend) == ("fail", "pip install opencv-python")
    packages["opencv-python"] = "5.0.0.93"
    (unloadable,) = environment.check_opencv()
    assert unloadable.status == "fail"
    assert "libGL.so.1" in unloadable.detail
    assert unloadable.mend == "apt-get install -y libgl1 libglib2.0-0"


def test_onnx_runtimes(packages: dict[str, str]) -> None:
    (check,) = environment.check_onnx_runtime()
    assert (check.status, check.mend) == ("warn", 'pip install "tpgan-sdk[cpu]"')
    packages |= {"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.31.0"}
    duplicates, _ = environment.check_onnx_runtime()
    assert duplicates.status == "warn"
    assert duplicates.mend is not None
    # Whoever installed the GPU one meant it.
    assert duplicates.mend.endswith("pip install --no-deps onnxruntime-gpu==1.31.0")


def test_optional_packages_are_never_a_fault(packages: dict[str, str]) -> None:
    packages |= {"torch": "2.13.0", "tensorrt": "10.16"}
    checks = {check.name: check for check in environment.check_optional()}
    assert {check.status for check in checks.values()} == {"ok"}
    assert checks["torch"].detail == "2.13.0"
    assert checks["tensorrt"].detail == "tensorrt 10.16"
    assert "not installed (only for" in checks["pycuda"].detail


@pytest.mark.parametrize("gpu_runtime", [False, True])
def test_gpu(packages: dict[str, str], monkeypatch: pytest.MonkeyPatch, gpu_runtime: bool) -> None:
    if gpu_runtime:
        packages["onnxruntime-gpu"] = "1.31.0"
    monkeypatch.setattr(environment, "find_driver", lambda: CudaDriver((13, 0), 2))
    (check,) = environment.check_gpu()
    assert "2 device(s), driver for CUDA 13.0" in check.detail
    assert check.status == ("ok" if gpu_runtime else "warn")
    assert check.mend == (None if gpu_runtime else GPU_LINE)


def test_no_gpu_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "find_driver", lambda: "no NVIDIA driver")
    (check,) = environment.check_gpu()
    assert (check.status, check.detail) == ("ok", "no NVIDIA driver; the CPU is used")


def test_models(monkeypatch: pytest.MonkeyPatch) -> None:
    edge = SimpleNamespace(name="edge", info=SimpleNamespace(precision="fp16-weights"))
    monkeypatch.setattr("tpgan_sdk.models.model.list_models", lambda: [edge])
    assert next(self_tests.check_models()) == Check("models", "ok", "edge (fp16-weights)")
    monkeypatch.setattr("tpgan_sdk.models.model.list_models", list)
    assert next(self_tests.check_models()).status == "fail"

    def damaged() -> Any:
        raise ModelError("edge.onnx is not the file that edge.json describes")

    monkeypatch.setattr("tpgan_sdk.models.model.list_models", damaged)
    check = next(self_tests.check_models())
    assert check.status == "fail"
    assert "edge.onnx is not the file" in check.detail
    assert check.mend is not None
    assert check.mend.startswith("pip install --force-reinstall")


def test_a_model_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Faults of the packaged models do not matter to one who names another."""
    monkeypatch.setattr("tpgan_sdk.models.model.list_models", list)
    named, packaged = self_tests.check_models("edge")
    assert (named.name, named.status, packaged.status) == ("model", "ok", "warn")
    gone, _ = self_tests.check_models(str(tmp_path / "gone.onnx"))
    assert gone.status == "fail"
    assert "no model at" in gone.detail


@pytest.mark.parametrize(
    ("driver", "status"), [("no driver", "ok"), (CudaDriver((13, 0), 1), "warn")]
)
def test_backends(monkeypatch: pytest.MonkeyPatch, driver: Any, status: str) -> None:
    """What needs a GPU is only amiss where there is one."""
    answers = [("onnxruntime-cuda", False, "no CUDA"), ("onnxruntime-cpu", True, "CPU")]
    monkeypatch.setattr("tpgan_sdk.backends.available", lambda model: answers)
    monkeypatch.setattr(self_tests, "find_driver", lambda: driver)
    assert [check.status for check in self_tests.check_backends()] == [status, "ok"]
    answers[1] = ("onnxruntime-cpu", False, "not installed")
    assert [c.status for c in self_tests.check_backends()] == [status, "warn", "fail"]


@pytest.mark.parametrize(
    ("machine", "python", "mend"),
    [
        ("x86_64", (3, 11), "pip install yuface"),
        ("x86_64", (3, 12), self_tests.DETECTOR_LINE),
        ("aarch64", (3, 10), self_tests.DETECTOR_LINE),
    ],
)
def test_without_yuface(
    monkeypatch: pytest.MonkeyPatch, machine: str, python: tuple[int, int], mend: str
) -> None:
    monkeypatch.setitem(sys.modules, "yuface", None)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr(sys, "version_info", (*python, 0, "final", 0))
    (check,) = self_tests.check_detector("yuface")
    assert (check.status, check.mend) == ("fail", mend)
    assert "yuface does not load" in check.detail
    (default,) = self_tests.check_detector()
    assert (default.status, default.detail) == ("ok", "packaged (auto)")


def test_a_damaged_default_detector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gone = partial(packaged.open_packaged, tmp_path / "gone.onnx")
    monkeypatch.setattr("tpgan_sdk.detectors.open_packaged", gone)
    (check,) = self_tests.check_detector()
    assert (check.status, check.mend) == ("fail", self_tests.REINSTALL_LINE)
    assert doctor.main(["--detector", f"yunet:{tmp_path / 'gone.onnx'}"]) == 1


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        (BackendError("ONNX Runtime cannot be imported"), 'pip install "tpgan-sdk[cpu]"'),
        (ModelError("no refiner at refiner.onnx"), self_tests.REINSTALL_LINE),
    ],
)
def test_a_refiner_that_does_not_open(
    monkeypatch: pytest.MonkeyPatch, error: Exception, mend: str
) -> None:
    def broken() -> Any:
        raise error

    (sound,) = self_tests.check_refiner()
    assert (sound.status, Path(sound.detail).name) == ("ok", "refiner.onnx")
    monkeypatch.setattr("tpgan_sdk.faces.refiner.LandmarkRefiner", broken)
    (check,) = self_tests.check_refiner()
    assert (check.name, check.status, check.detail) == ("refiner", "fail", str(error))
    assert check.mend == f"{mend} (or do without: tpgan frontalize --no-refine)"


def test_an_insightface_that_does_not_load(
    packages: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    packages["insightface"] = "2.1"
    monkeypatch.setitem(sys.modules, "insightface.model_zoo", None)
    checks = {check.name: check for check in environment.check_optional()}
    assert checks["insightface"].detail == "2.1"
    assert checks["insightface loads"].status == "warn"
    assert checks["insightface loads"].mend == 'pip install "tpgan-sdk[insightface]"'


@pytest.mark.parametrize(
    ("place", "name", "status"),
    [
        ("tpgan_sdk.cli.environment.find_driver", "gpu", "warn"),
        ("importlib.metadata.version", "opencv", "fail"),
        ("tpgan_sdk.models.model.list_models", "models", "fail"),
        ("tpgan_sdk.backends.available", "backends", "fail"),
        ("tpgan_sdk.detectors.create_detector", "detector", "fail"),
        ("tpgan_sdk.faces.refiner.LandmarkRefiner", "refiner", "fail"),
    ],
)
def test_whatever_breaks_down_is_a_check(
    monkeypatch: pytest.MonkeyPatch, place: str, name: str, status: str
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise OSError("libcublas.so.12: wrong ELF class")

    monkeypatch.setattr(place, broken)
    checks = doctor.examine()
    (check,) = [check for check in checks if check.name == name]
    assert check.status == status
    assert "OSError: libcublas.so.12: wrong ELF class" in check.detail
    # Where no detector installs by itself, that one fails besides.
    others = any(c.status == "fail" for c in checks if c is not check)
    assert doctor.main([]) == (status == "fail" or others)


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
    monkeypatch.setattr(doctor, "examine", lambda *_: checks)
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
    assert names[:5] == ["python", "tpgan-sdk", "numpy", "cores", "opencv"]


def test_the_cores_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TPGAN_CORES", "7")
    cores = {check.name: check for check in environment.check_basics()}["cores"]
    assert (cores.status, cores.detail) == ("ok", "7 used: set by TPGAN_CORES")
    monkeypatch.setenv("TPGAN_CORES", "many")
    cores = {check.name: check for check in environment.check_basics()}["cores"]
    assert (cores.status, cores.mend) == ("fail", "unset TPGAN_CORES")
    assert "TPGAN_CORES is 'many'; expected a whole number, at least 1" in cores.detail


def test_what_is_looked_at_here() -> None:
    names = [check.name for check in doctor.examine()]
    assert {"onnxruntime", "torch", "gpu", "models", "detector", "refiner"} <= set(names)
