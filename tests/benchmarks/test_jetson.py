"""The run on a Jetson, against stand-ins for its tools that keep mode and clocks in files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import jetson
from benchmarks.errors import BenchmarkError
from benchmarks.hardware.energy import BoardMeter
from benchmarks.jetson import held, main, problems, watched
from benchmarks.reporting.results import read

from ..conftest import REPOSITORY
from .hardware.test_tegrastats import RECORDED, recorded_lines

NVPMODEL = """#!/bin/sh
case $1 in
-q) printf 'NV Power Mode: M%s\\n%s\\n' "$(cat mode)" "$(cat mode)" ;;
-m) read -r answer
    [ "$2" = 3 ] && { echo "Reboot required: $answer"; exit 0; }
    [ "$2" = 9 ] && exit 255
    echo "$2" >mode; echo "mode $2" >>log ;;
esac
"""
JETSON_CLOCKS = f"""#!/bin/sh
case ${{1:-lock}} in
--show) cat "{RECORDED}/jetson_clocks-thor-jetpack7.txt" ;;
--store) [ -e "$2" ] && exit 1; [ -e no-store ] || cat clocks >"$2" ;;
--restore) cat "$2" >clocks; echo restored >>log; [ ! -e no-restore ] ;;
lock) echo locked >clocks; echo locked >>log; [ ! -e no-lock ] ;;
esac
"""


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the state of a board, and tools for it first in the PATH."""
    tools = tmp_path / "tools"
    tools.mkdir()
    line = recorded_lines()["thor-jetpack7"]
    tegrastats = f"#!/bin/sh\nwhile :; do echo '{line}'; sleep 0.02; done\n"
    for name, text in (
        ("nvpmodel", NVPMODEL),
        ("jetson_clocks", JETSON_CLOCKS),
        ("tegrastats", tegrastats),
        ("sudo", '#!/bin/sh\nexec "$@"\n'),
    ):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (tmp_path / "mode").write_text("1\n")
    (tmp_path / "clocks").write_text("free\n")
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def state(board: Path) -> tuple[str, str]:
    """Mode and clocks."""
    return (board / "mode").read_text().strip(), (board / "clocks").read_text().strip()


def test_mode_and_clocks_are_held_and_put_back(board: Path) -> None:
    with held(0) as clocks:
        assert state(board) == ("0", "locked")
        assert clocks["gpu-gpc-0"].locked
    assert state(board) == ("1", "free")
    assert (board / "log").read_text().split("\n") == ["mode 0", "locked", "restored", "mode 1", ""]
    assert list(board.glob("tmp*")) == []  # the guard's folder is gone


@pytest.mark.parametrize("mode", [None, 1])
def test_the_present_mode_is_not_set(mode: int | None, board: Path) -> None:
    with held(mode):
        assert state(board) == ("1", "locked")
    assert state(board) == ("1", "free")
    assert "mode" not in (board / "log").read_text()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, BenchmarkError])
def test_an_interrupted_run_puts_them_back(error: type[BaseException], board: Path) -> None:
    with pytest.raises(error), held(0):
        raise error
    assert state(board) == ("1", "free")


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT, signal.SIGHUP])
def test_a_killed_run_puts_them_back(kind: signal.Signals, board: Path) -> None:
    code = "import sys, time\nfrom benchmarks.jetson import held\nwith held(0):\n"
    code += "    print('held', flush=True)\n    time.sleep(60)\n"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    run = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
        start_new_session=True,
    )
    assert run.stdout is not None
    with run, run.stdout as told:
        assert told.readline() == "held\n"
        assert state(board) == ("0", "locked")
        # To the group, as a terminal does: the guard gets what can be ignored, too.
        if kind is signal.SIGKILL:
            run.kill()
        else:
            os.killpg(run.pid, kind)
    deadline = time.monotonic() + 20
    while state(board) != ("1", "free") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert state(board) == ("1", "free")


@pytest.mark.parametrize("mode", [3, 9])
def test_a_mode_that_needs_a_reboot_is_refused(mode: int, board: Path) -> None:
    with (
        pytest.raises(BenchmarkError, match=f"does not take power mode {mode} without a reboot"),
        held(mode),
    ):
        pytest.fail("held")
    assert state(board) == ("1", "free")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("no-store", "--store wrote nothing to come back to"), ("no-lock", "cannot lock the clocks")],
)
def test_clocks_that_cannot_be_locked(fault: str, reason: str, board: Path) -> None:
    (board / fault).touch()
    with pytest.raises(BenchmarkError, match=f"as they were: jetson_clocks {reason}"), held(0):
        pytest.fail("held")
    assert state(board) == ("1", "free")


def test_no_mode_to_come_back_to(board: Path) -> None:
    (board / "mode").write_text("")
    with pytest.raises(BenchmarkError, match="nvpmodel -q tells no mode"), held(None):
        pytest.fail("held")
    assert not (board / "log").exists()


def test_clocks_that_cannot_be_put_back(board: Path) -> None:
    with pytest.raises(BenchmarkError, match="could not be put back; a reboot does it"), held(None):
        (board / "no-restore").touch()


def test_a_watched_phase(board: Path) -> None:
    row = watched("idle", lambda: time.sleep(0.2), ("tegrastats",))
    assert row["phase"] == "idle"
    assert row["mean_w"] == pytest.approx(26.686)
    assert row["joules"] == pytest.approx(26.686 * row["seconds"])
    assert (row["hottest_c"], row["gpu_low_mhz"], row["peak_memory_mb"]) == (39.906, None, 86905)


def test_clocks_of_a_watched_phase() -> None:
    line = recorded_lines()["orin-nano-jetpack6"]
    faster = line.replace("@[621]", "@[918]")
    script = f"echo '{line}'; echo '{faster}'; exec sleep 60"
    row = watched("idle", lambda: time.sleep(0.2), ("sh", "-c", script))
    assert (row["gpu_low_mhz"], row["gpu_high_mhz"]) == (621, 918)


def jetson_files(folder: Path, release: str = "# R36 (release), REVISION: 4.4") -> dict[str, Path]:
    """Arguments of `problems` for a made-up board."""
    (folder / "nv_tegra_release").write_text(f"{release}, GCID: 1, BOARD: generic\n")
    return {"release_file": folder / "nv_tegra_release", "system": folder}


def everywhere(name: str) -> str:
    return f"/usr/bin/{name}"


def nowhere(name: str) -> None:
    return None


def test_a_board_that_has_everything(tmp_path: Path) -> None:
    for release in ("# R36 (release), REVISION: 4.4", "# R38 (release), REVISION: 2.0"):
        files = jetson_files(tmp_path, release)
        assert list(problems(**files, which=everywhere, find_spec=everywhere)) == []


def test_what_a_board_lacks(tmp_path: Path) -> None:
    files = jetson_files(tmp_path, "# R35 (release), REVISION: 6.0")
    found = list(problems(**files, which=nowhere, find_spec=nowhere))
    assert found == [
        "JetPack 5, Jetson Linux 35.6.0; expected JetPack 6 or 7",
        *(
            f"{tool} is not in the PATH; it is part of JetPack's nvidia-l4t-tools"
            for tool in ("nvpmodel", "jetson_clocks", "tegrastats")
        ),
        "TensorRT for Python is missing: sudo apt install python3-libnvinfer",
        "pycuda is missing: with /usr/local/cuda/bin in the PATH, pip install '.[tensorrt]'",
    ]


def test_no_jetson(tmp_path: Path) -> None:
    (found,) = problems(release_file=tmp_path / "nothing")
    assert found == f"no Jetson: {tmp_path / 'nothing'} is missing or names no release"


@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        (f"python3.{sys.version_info[1]}", "where this environment does not look: make it with"),
        ("python3.2", "JetPack's TensorRT is for python3.2, this is python3."),
    ],
)
def test_tensorrt_that_the_environment_does_not_see(
    python: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / python / "dist-packages" / "tensorrt").mkdir(parents=True)

    def all_but_tensorrt(name: str) -> str | None:
        return None if name == "tensorrt" else name

    (found,) = problems(**jetson_files(tmp_path), which=everywhere, find_spec=all_but_tensorrt)
    assert sentence in found


def test_a_whole_run(
    board: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jetson, "problems", lambda: [])
    monkeypatch.setattr(jetson, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(jetson, "BoardMeter", lambda command: BoardMeter(("tegrastats",)))
    commands = []

    def call(command: list[str], **_: object) -> int:
        commands.append(command[1:])
        assert state(board) == ("0", "locked")
        time.sleep(0.1)
        return 0

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert main(["--mode", "0", "--output", str(board / "out"), "--", "latency", "--quick"]) == 0
    assert state(board) == ("1", "free")
    out = str(board / "out")
    assert commands == [["-m", "benchmarks", "latency", "--quick", "--output", out]]
    result = read(Path(capsys.readouterr().out.strip()))
    assert [row["phase"] for row in result.rows] == ["idle", "benchmarks"]
    assert result.settings["unlocked"] == []
    assert result.settings["clocks"]["gpu-gpc-0"]["now_mhz"] == 1575.0


def test_check_changes_nothing_and_tells(
    board: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jetson, "problems", lambda: ["one", "two"])
    assert main(["--check"]) == 1
    assert main([]) == 1
    assert capsys.readouterr().err == "one\ntwo\none\ntwo\n"
    monkeypatch.setattr(jetson, "problems", lambda: [])
    assert main(["--check"]) == 0
    assert state(board) == ("1", "free")


PYTHON = """#!/bin/sh
echo "python $*" >>log
case "$*" in *--check) [ ! -e lacking ] ;; esac
"""
PYTHON3 = """#!/bin/sh
echo "python3 $*" >>log
mkdir -p .venv-jetson/bin
for name in pip python; do cp "$0.$name" ".venv-jetson/bin/$name"; done
"""


def run_script(folder: Path, *arguments: str, **environment: str) -> tuple[int, list[str]]:
    """The script in a made-up checkout; exit code, and the commands that it ran."""
    (folder / "scripts").mkdir(exist_ok=True)
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    script = folder / "scripts" / "jetson_benchmark.sh"
    script.write_text((REPOSITORY / "scripts" / "jetson_benchmark.sh").read_text())
    for name, text in (
        ("python3", PYTHON3),
        ("python3.python", PYTHON),
        ("python3.pip", PYTHON.replace("python", "pip")),
    ):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (folder / "log").write_text("")
    path = f"{tools}:{os.environ['PATH']}"
    run = subprocess.run(
        ["sh", str(script), *arguments],
        env={**os.environ, "PATH": path, **environment},
        check=False,
        capture_output=True,
    )
    return run.returncode, (folder / "log").read_text().splitlines()


def test_the_script_from_nothing_to_the_run(tmp_path: Path) -> None:
    code, commands = run_script(
        tmp_path, "--mode", "0", PROFILE="jetson-thor", PIP_FLAGS="--quiet --no-input"
    )
    assert code == 0
    steps = [
        "python3 -m venv --clear --system-site-packages .venv-jetson",
        "pip install --quiet --no-input .[cpu,tensorrt,export]",
        "python -m benchmarks.jetson --check",
        "python -m export.build_engine --profile jetson-thor",
        "python -m benchmarks.jetson --mode 0",
    ]
    assert commands == steps
    # A second run has its environment.
    code, commands = run_script(tmp_path, "--output", "out", PROFILE="jetson-thor")
    assert (code, commands[:2]) == (0, steps[2:4])
    assert commands[2:] == ["python -m benchmarks.jetson --output out"]


def test_the_script_builds_nothing_on_a_board_that_lacks_something(tmp_path: Path) -> None:
    (tmp_path / "lacking").touch()
    code, commands = run_script(tmp_path, PROFILE="jetson-thor")
    assert (code, commands[-1]) == (1, "python -m benchmarks.jetson --check")
    (tmp_path / "lacking").unlink()
    code, commands = run_script(tmp_path, "--check", PROFILE="jetson-thor")
    assert (code, commands) == (0, ["python -m benchmarks.jetson --check"])
