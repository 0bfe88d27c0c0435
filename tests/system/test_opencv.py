"""Every way to OpenCV ends in the line that mends it, where it does not load."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tpgan_sdk.errors import OpenCVError, TPGANError
from tpgan_sdk.system.opencv import load_opencv

from ..conftest import REPOSITORY

PHOTO = REPOSITORY / "examples" / "photos" / "astronaut_right_45.png"
FAULT = "libGL.so.1: cannot open shared object file: No such file or directory"
LINE = f"OpenCV does not load ({FAULT}); in a slim image it lacks libraries: apt-get install -y "


@pytest.fixture
def slim(tmp_path: Path) -> dict[str, str]:
    """The environment of a slim image: cv2 is installed, its libraries are not."""
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2" / "__init__.py").write_text(f"raise ImportError({FAULT!r}, name='cv2')")
    return {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{REPOSITORY}"}


def last_line(environment: dict[str, str], *words: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment)
    return done.returncode, done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "code",
    [
        "from tpgan_sdk import Frontalizer; Frontalizer().frontalize(PHOTO)",
        "from tpgan_sdk.images import read_image; read_image(PHOTO)",
        "from tpgan_sdk.detectors import create_detector; create_detector('yunet:x')",
        "import numpy as n; from tpgan_sdk.images import write_image; "
        "write_image('x.png', n.zeros((4, 4, 3), n.uint8))",
    ],
)
def test_from_python(slim: dict[str, str], code: str) -> None:
    code, end = last_line(slim, "-c", code.replace("PHOTO", repr(str(PHOTO))))  # type: ignore[assignment]
    assert end.startswith(f"tpgan_sdk.errors.OpenCVError: {LINE}")


def test_from_commands(slim: dict[str, str], tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    code, end = last_line(slim, "-m", "tpgan_sdk", "frontalize", str(PHOTO), "-o", out)
    assert (code, end[: len(LINE) + 18]) == (2, f"tpgan frontalize: {LINE}")


def test_from_commands_whose_modules_import_it_themselves(slim: dict[str, str]) -> None:
    pytest.importorskip("torch")
    code, end = last_line(slim, "-m", "tpgan_sdk", "train", "--data", "x", "--output", "y")
    assert code == 2
    assert end.startswith(f"tpgan: {LINE}")


def test_doctor_names_opencv_and_no_other_culprit(slim: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tpgan_sdk", "doctor"], capture_output=True, text=True, env=slim
    )
    assert done.returncode == 1
    assert "-> apt-get install -y libgl1 libglib2.0-0\n" in done.stdout
    detector = done.stdout.split("fail  detector")[1]
    assert f"does not run: {LINE}" in detector
    assert "force-reinstall" not in detector.splitlines()[1]


def test_it_is_an_error_of_ours_and_an_import_error() -> None:
    assert issubclass(OpenCVError, TPGANError)
    assert issubclass(OpenCVError, ImportError)
    assert load_opencv().__name__ == "cv2"


def test_missing_it_stays_a_missing_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """`tpgan` tells from this what to install."""
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ModuleNotFoundError, match="cv2"):
        load_opencv()


def test_nobody_in_the_sdk_imports_it_another_way() -> None:
    modules = (REPOSITORY / "tpgan_sdk").rglob("*.py")
    found = [p.name for p in modules if re.search(r"^\s*(import|from) cv2", p.read_text(), re.M)]
    assert found == ["opencv.py"]
