"""A user's own `train.py`, `export.py` or `engines/` on the path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import REPOSITORY


def tpgan(folder: Path, *words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """`tpgan` with a user's folder, in which it runs, first on the path."""
    code = f"import sys; {before}\nfrom tpgan_sdk.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{REPOSITORY}"},
    )


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    for name in ("train.py", "export.py", "engines/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("print('the user has this')")
    return tmp_path


def test_the_commands_take_ours(mine: Path) -> None:
    done = tpgan(mine, "build-engine", "--profile", "t4", "--help")
    assert "the user has this" not in done.stdout
    assert "file to write; default: in the cache" in done.stdout
    assert (done.returncode, done.stderr) == (0, "")


def test_train_takes_ours(mine: Path) -> None:
    pytest.importorskip("torch")
    done = tpgan(mine, "train", "--help")
    assert (done.returncode, "--ablate" in done.stdout) == (0, True)


def test_a_folder_of_that_name_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "engines").mkdir()
    assert tpgan(tmp_path, "build-engine", "--help").returncode == 0


def test_what_was_imported_before_is_named(mine: Path) -> None:
    done = tpgan(mine, "build-engine", "--help", before="import export")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"tpgan: `tpgan build-engine` needs export.build_engine, but {mine}/export.py is imported "
        "in its place: rename it, or take its folder off PYTHONPATH"
    )


def test_a_file_in_the_place_of_somebody_elses_package(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    (tmp_path / "onnx.py").write_text("")
    done = tpgan(tmp_path, "export", "--onnx", "none.onnx", "--output", "o.onnx")
    assert done.returncode == 2
    assert f"{tmp_path}/onnx.py" in done.stderr
    assert "is not installed" not in done.stderr
    assert "Traceback" not in done.stderr


def test_what_does_not_load_is_named(tmp_path: Path) -> None:
    (tmp_path / "onnx.py").write_text("raise ImportError('libcuda.so.9: gone', name='onnx')")
    done = tpgan(tmp_path, "export", "--onnx", "none.onnx", "--output", "o.onnx")
    assert done.returncode == 2
    message = "tpgan: `tpgan export` needs onnx, which does not load: libcuda.so.9: gone\n"
    assert done.stderr == message
