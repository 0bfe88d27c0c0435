"""Worker processes: order, the share of the cores, what a worker's end and Ctrl-C do."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from tpgan_sdk.cli import worker_pool
from tpgan_sdk.cli.frontalize import main
from tpgan_sdk.cli.worker_pool import (
    core_shares,
    default_workers,
    map_in_processes,
    thread_shares,
)
from tpgan_sdk.errors import TPGANError
from tpgan_sdk.images.files import write_image
from tpgan_sdk.system.cores import usable_cores

from ..conftest import REPOSITORY
from .test_frontalize import Pipeline, Sceptic, lines

Made = TypeVar("Made")


def late_first(number: int) -> tuple[int, int]:
    """The earlier an item, the later it is done."""
    time.sleep(0.2 / (1 + number))
    return number, os.getpid()


def killed(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def make(call: Callable[[int], Made]) -> Callable[[int], Made]:
    return call


def test_results_keep_the_items_order() -> None:
    with map_in_processes(partial(make, late_first), range(8), workers=2) as results:
        found = list(results)
    assert [number for number, _ in found] == list(range(8))
    assert os.getpid() not in {process for _, process in found}


def test_nobody_is_left_over() -> None:
    """Where the results are not all taken, the items that nobody works on yet are dropped."""
    with map_in_processes(partial(make, late_first), range(10_000), workers=2) as results:
        assert next(results)[0] == 0
    assert multiprocessing.active_children() == []


def test_a_worker_that_ends_is_one_error() -> None:
    with (
        pytest.raises(
            TPGANError, match=r"a worker process has ended \(SIGKILL\).* fewer --workers"
        ),
        map_in_processes(partial(make, killed), range(4), workers=1) as results,
    ):
        list(results)


def ends(number: int) -> int:
    """In every way that a process can."""
    if number % 4 == 1:
        os._exit(7)
    if number % 4 == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_ends_costs_its_one_item(workers: int) -> None:
    lost: dict[int, str] = {}

    def missing(item: int, reason: str) -> int:
        lost[item] = reason
        return -item

    with map_in_processes(partial(make, ends), range(6), workers, missing) as results:
        assert list(results) == [0, -1, 2, -3, 4, -5]
    for item, how in ((1, "exit code 7"), (3, "SIGSEGV"), (5, "exit code 7")):
        assert lost[item].startswith(f"a worker process has ended ({how}); if memory ran out")
    assert len(lost) == 3
    assert multiprocessing.active_children() == []


def no_memory() -> Callable[[int], int]:
    os._exit(9)


def test_no_worker_gets_as_far_as_an_item() -> None:
    with (
        pytest.raises(TPGANError, match=r"a worker process has ended \(exit code 9\)"),
        map_in_processes(no_memory, range(4), 2, lambda item, _: item) as results,
    ):
        list(results)


def fails(number: int) -> int:
    if number == 2:
        raise KeyError(number)
    return number


def test_an_error_in_a_worker_is_raised_here() -> None:
    with (
        pytest.raises(KeyError, match="2"),
        map_in_processes(partial(make, fails), range(4), workers=1) as results,
    ):
        list(results)


class Mortal(Pipeline):
    """Dies of photos with three faces."""

    def frontalize(self, image: np.ndarray, largest_only: bool = False) -> list:  # type: ignore[type-arg]
        if image[0, 0, 0] == 3:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().frontalize(image, largest_only)


def test_the_report_names_the_input_that_ended_a_worker(
    album: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(album, album.parent / "out", 2, Mortal) == 3
    told = capsys.readouterr()
    assert "2 of 7 inputs gave 2 faces" in told.out
    assert f"{album / '1.png'}: a worker process has ended (SIGSEGV)" in told.err
    reasons = {Path(line["input"]).name: line.get("reason") for line in lines(album.parent / "out")}
    assert [name for name in reasons if "SIGSEGV" in str(reasons[name])] == ["1.png", "4.png"]
    assert sorted(reasons) == [f"{k}.png" for k in range(7)]


def test_cores_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "_cores", lambda: [0, 2, 3, 5, 8])
    monkeypatch.setattr(worker_pool, "usable_cores", lambda: 5)
    assert core_shares(1) == [[0, 2, 3, 5, 8]]
    assert core_shares(2) == [[0, 3, 8], [2, 5]]
    assert core_shares(7) == [[0], [2], [3], [5], [8], [0], [2]]
    assert [thread_shares(n) for n in (1, 2, 7)] == [[5], [3, 2], [1] * 7]
    monkeypatch.setattr(worker_pool, "_cores", list)
    assert core_shares(2) == [[], []]  # where the system does not tell


def test_under_a_quota_threads_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no core is claimed: other containers here would claim the same."""
    monkeypatch.setattr(worker_pool, "_cores", lambda: list(range(64)))
    monkeypatch.setattr(worker_pool, "usable_cores", lambda: 3)
    assert core_shares(2) == [[], []]
    assert [thread_shares(n) for n in (1, 2, 4)] == [[3], [2, 1], [1, 1, 1, 1]]


def threads_of_a_worker() -> Callable[[int], tuple[int, int]]:
    import cv2

    found = usable_cores(), int(cv2.getNumThreads())
    return lambda _: found


def test_a_worker_computes_with_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's word stands for the quota that a test cannot set."""
    monkeypatch.setenv("TPGAN_CORES", "3")
    with map_in_processes(threads_of_a_worker, range(6), workers=1) as results:
        assert set(results) == {(3, 3)}
    monkeypatch.setenv("TPGAN_CORES", "1")
    with map_in_processes(threads_of_a_worker, range(6), workers=2) as results:
        assert set(results) == {(1, 1)}


def test_how_many_are_worth_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "usable_cores", lambda: 4)
    assert [default_workers(n, "cpu") for n in (0, 1, 31, 32, 63, 64, 1000)] == [
        1,
        1,
        1,
        2,
        3,
        4,
        4,
    ]
    assert default_workers(1000, "cuda:0") == 1


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Photos with 1, 3, 0, 1, 3, 0 faces, and a file that is none."""
    for number, faces in enumerate((1, 3, 0, 1, 3, 0)):
        write_image(tmp_path / f"album/{number}.png", np.full((130, 150, 3), faces, np.uint8))
    (tmp_path / "album/6.png").write_text("no picture")
    return tmp_path / "album"


def run(album: Path, output: Path, workers: int, pipeline: type = Pipeline) -> int:
    words = [str(album), "-o", str(output), "--all-faces", "--workers", str(workers)]
    return main(words, pipeline)


@pytest.mark.parametrize("pipeline", [Pipeline, Sceptic])
def test_the_same_files_lines_and_messages(
    album: Path,
    pipeline: type[Pipeline],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """As without workers, in the same order; only times differ, and what else a worker logs."""
    seen = []
    for number in (1, 2):
        output = album.parent / "out"
        code = run(album, output, number, pipeline)
        report = lines(output)
        for line in report:
            line.pop("run")
            line.pop("timings_ms", None)
        pictures = {path.name: path.read_bytes() for path in output.glob("*.png")}
        told = [text for text in caplog.messages if text != "something else"]
        seen.append((code, report, pictures, told, capsys.readouterr()))
        for path in output.iterdir():
            path.unlink()
        caplog.clear()
    assert seen[0] == seen[1]
    assert len(seen[0][1]) > 5


@pytest.mark.parametrize("words", ["0", "-1", "two", "1.5"])
def test_no_number_of_workers(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["in", "-o", "out", "--workers", words])
    assert f"{words!r} is no whole number, at least 1" in capsys.readouterr().err


class Slow(Pipeline):
    """Each photo takes a while."""

    def frontalize(self, image: np.ndarray, largest_only: bool = False) -> list:  # type: ignore[type-arg]
        time.sleep(0.3)
        return super().frontalize(image, largest_only)


def interruptible(album: Path) -> tuple[subprocess.Popen[str], Path]:
    """A run with two slow workers and its report, which has begun."""
    code = (
        "import signal, sys; from functools import partial; import tpgan_sdk.cli as cli\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's & ignores it
        "from tpgan_sdk.cli import frontalize; from tests.cli.test_worker_pool import Slow\n"
        "frontalize.main = partial(frontalize.main, make_frontalizer=Slow)\n"
        "if __name__ == '__main__': sys.exit(cli.main(sys.argv[1:]))"
    )
    report = album.parent / "out" / "report.jsonl"
    words = ["frontalize", str(album), "-o", str(report.parent), "--workers", "2"]
    started = subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for _ in range(600):
        if report.is_file() and report.stat().st_size:
            break
        time.sleep(0.1)
    return started, report


@pytest.mark.parametrize("pause", [None, 0.0, 0.1])
def test_an_interrupt_is_the_parents(album: Path, pause: float | None) -> None:
    """Ctrl-C goes to all processes of a terminal, once or, `pause` s later, again: what was
    reported stays."""
    started, report = interruptible(album)
    os.killpg(started.pid, signal.SIGINT)
    if pause is not None:
        time.sleep(pause)
        os.killpg(started.pid, signal.SIGINT)
    _, told = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "interrupted; what was written so far is kept" in told
    assert "Traceback" not in told
    assert 0 < len(report.read_text().splitlines()) < 7
    assert all(json.loads(line) for line in report.read_text().splitlines())


def test_a_killed_parent_leaves_no_worker(album: Path) -> None:
    started, _ = interruptible(album)
    started.kill()
    # Its end of the workers' stderr closes with the last of them.
    started.communicate(timeout=60)
    assert started.returncode == -signal.SIGKILL


SYSTEM = """
import multiprocessing, resource, sys
from functools import partial
import tpgan_sdk.cli as cli
from tpgan_sdk.cli import frontalize
from tests.cli.test_worker_pool import Pipeline


class NoSemaphores:
    SEM_VALUE_MAX = 1

    def __init__(self, *_):
        raise OSError(38, "Function not implemented")


if __name__ == "__main__":
    frontalize.main = partial(frontalize.main, make_frontalizer=Pipeline)
    if sys.argv[1] == "semaphores":
        import multiprocessing.synchronize
        multiprocessing.synchronize._multiprocessing.SemLock = NoSemaphores
    elif sys.argv[1] == "synchronize":
        sys.modules["multiprocessing.synchronize"] = None
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
    sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("system", ["semaphores", "synchronize", "10", "14", "18"])
def test_a_system_that_lacks_much(album: Path, tmp_path: Path, system: str) -> None:
    """Workers need no POSIX semaphores, which serverless platforms lack. Where none starts for want
    of open files (`ulimit -n`) one process does all."""
    script = tmp_path / "script.py"
    script.write_text(SYSTEM)
    words = ["frontalize", str(album), "-o", str(tmp_path / "out"), "--workers", "2"]
    done = subprocess.run(
        [sys.executable, str(script), system, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        timeout=120,
    )
    assert done.returncode == 3
    told = "no worker processes can be started here (" in done.stderr
    assert told == ("; this process does all the work" in done.stderr)
    if system != "18":
        assert told == system.isdecimal()
    assert "Traceback" not in done.stderr
    assert "4 of 7 inputs gave 4 faces" in done.stdout
    assert len(lines(tmp_path / "out")) == 7
