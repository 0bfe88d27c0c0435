"""Streams that are closed, full or gone: the exit code tells of the work all the same."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tpgan_sdk.cli.streams import ForgivingStream
from tpgan_sdk.images.files import write_image

from ..conftest import REPOSITORY
from .test_frontalize import lines

CODE = """
import sys
from functools import partial
import tpgan_sdk.cli as cli
from tpgan_sdk.cli import frontalize
from tests.cli.test_frontalize import Pipeline
frontalize.main = partial(frontalize.main, make_frontalizer=Pipeline)
sys.exit(cli.main(sys.argv[1:]))
"""
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
SUMMARY = "1 of 2 inputs gave 1 faces"


def shell(
    album: Path, output: Path, redirection: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f'"$@" {redirection}', "_", sys.executable, "-c", CODE]
        + ["frontalize", str(album), "-o", str(output)],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(environment or {})},
    )


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A photo with a face, and one with none: the exit code is 3."""
    for number in (0, 1):
        write_image(tmp_path / f"album/{number}.png", np.full((130, 150, 3), number, np.uint8))
    return tmp_path / "album"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(
    "redirection",
    [
        "2>&-",
        "2>/dev/full",
        ">/dev/full",
        "<&- >&- 2>&-",
    ],
)
def test_the_work_is_done(album: Path, redirection: str) -> None:
    output = album.parent / "out"
    done = shell(album, output, redirection)
    assert done.returncode == 3
    assert (output / "1.png").is_file()
    assert len(lines(output)) == 2  # and nothing else in the file that might have got number 2
    assert (SUMMARY in done.stdout) == (">" not in redirection.replace("2>", ""))
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_gone(album: Path) -> None:
    """As `| head -0`: the pipe's other end is closed before anything is written."""
    reader, writer = os.pipe()
    os.close(reader)
    words = ["frontalize", str(album), "-o", str(album.parent / "out")]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *words],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    os.close(writer)
    assert done.returncode == 3
    assert "Broken pipe" not in done.stderr


@pytest.mark.parametrize("environment", [ASCII, {"PYTHONIOENCODING": "ascii"}])
def test_a_folder_that_the_encoding_lacks(album: Path, environment: dict[str, str]) -> None:
    output = album.parent / "öü"
    done = shell(album, output, "", environment)
    assert done.returncode == 3
    assert SUMMARY in done.stdout
    told = done.stdout.encode(errors="surrogateescape").decode()
    assert ("öü" if environment is ASCII else r"\xf6\xfc") in told
    assert len(lines(output)) == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_an_answer_that_is_lost_is_a_failure() -> None:
    """Nothing else comes of these commands."""
    command = f'"{sys.executable}" -m tpgan_sdk engines --dir /none list --json > /dev/full'
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stderr == "tpgan: the answer cannot be written (No space left on device)\n"


def test_a_stream_in_memory() -> None:
    kept = io.StringIO()
    stream = ForgivingStream(kept)
    print("é", file=stream)
    assert (kept.getvalue(), stream.lost, stream.isatty()) == ("é\n", None, False)
    kept.close()
    print("more", file=stream)
    assert stream.lost == "I/O operation on closed file"
    none = ForgivingStream(None)
    print("more", file=none)
    assert (none.lost, none.isatty()) == ("it is closed", False)
