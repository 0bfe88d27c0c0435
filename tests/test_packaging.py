"""The wheel, as a user meets it: built, installed elsewhere, run without the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from engines import profile_names

from .conftest import REPOSITORY

pytestmark = pytest.mark.slow

FRONTALIZE = """
import json, sys
import numpy as np
from importlib.util import find_spec
from pathlib import Path
from tpgan_sdk import Frontalizer

photo = Path(find_spec("insightface").origin).parent / "data" / "images" / "t1.jpg"
with Frontalizer() as frontalizer:
    faces = frontalizer.frontalize(photo)
    face = faces[0]
    print(json.dumps({
        "count": len(faces),
        "shape": face.image.shape,
        "dtype": str(face.image.dtype),
        "spread": float(np.std(face.image)),
        "backend": frontalizer.backend.name,
        "torch": "torch" in sys.modules,
    }))
"""


def run(command: Sequence[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run outside the checkout, with nothing of it on the path."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}
    result = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, REPOSITORY], folder)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return next(dist.glob("*.whl"))


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The bin folder of a new environment that holds the wheel with [cpu,insightface]."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    pins = str(REPOSITORY / "constraints.txt")
    package = f"{wheel}[cpu,insightface]"
    run([*pip, "install", "--quiet", "--no-compile", "-c", pins, package], folder)
    yield folder / "bin"
    shutil.rmtree(folder)  # 600 MB that pytest would keep


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    packages = {"tpgan_sdk", "export", "train", "engines"}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages
    assert "tpgan_sdk/py.typed" in names
    assert {f"engines/{name}.json" for name in profile_names()} <= names
    models = {name for name in names if name.startswith("tpgan_sdk/models/")}
    assert any(name.endswith(".onnx") for name in models)
    assert {f"tpgan_sdk/models/landmarks/refiner.{kind}" for kind in ("onnx", "json")} <= models
    licenses = {Path(name).name for name in names if ".dist-info/licenses/" in name}
    assert {"LICENSE", "LICENSE-YuNet", "NOTICE"} <= licenses
    assert not [name for name in names if name.endswith((".engine", ".plan", ".pyc"))]


def test_the_sdist_holds_what_building_and_testing_needs(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    expected = "pyproject.toml README.md LICENSE CHANGELOG.md Makefile constraints.txt .ci/run"
    assert set(expected.split()) <= names
    assert {"tests/conftest.py", "tests/test_packaging.py", "tpgan_sdk/py.typed"} <= names
    assert {"NOTICE", "CMakeLists.txt", "native/include/tpgan/types.h"} <= names
    assert not [name for name in names if name.startswith((".venv", "demo/", "dist/"))]


def test_doctor(fresh: Path, tmp_path: Path) -> None:
    assert "onnxruntime" in run([fresh / "tpgan", "doctor"], tmp_path).stdout


def test_a_photo(fresh: Path, tmp_path: Path) -> None:
    answer = json.loads(run([fresh / "python", "-c", FRONTALIZE], tmp_path).stdout.splitlines()[-1])
    assert answer["count"] >= 1
    assert (answer["shape"], answer["dtype"]) == ([128, 128, 3], "uint8")
    assert answer["spread"] > 10
    assert answer["backend"] == "onnxruntime-cpu"
    assert answer["torch"] is False


def test_build_engine(fresh: Path, tmp_path: Path) -> None:
    python, module = fresh / "python", "export.build_engine"
    assert "--profile" in run([python, "-m", module, "--help"], tmp_path).stdout
    plan = run([python, "-m", module, "--profile", "t4", "--dry-run"], tmp_path).stdout
    assert "site-packages" in plan
    assert list(tmp_path.iterdir()) == []
