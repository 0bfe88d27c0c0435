"""The benchmarks on a Jetson: power mode set, clocks locked, board watched, all put back.

    scripts/jetson_benchmark.sh             makes the environment first
    python -m benchmarks.jetson --check     says what this board lacks, and changes nothing

Mode and clocks are changed by `scripts/jetson_guard.sh`, the one part that runs as root. It holds
them until this program ends, in whatever way.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from .errors import BenchmarkError
from .hardware.energy import BoardMeter
from .hardware.machine import describe
from .hardware.tegra import RELEASE_FILE, Clock, parse_clocks, parse_release, unlocked
from .reporting.results import FOLDER, Result, write

GUARD: Final = Path(__file__).parent.parent / "scripts" / "jetson_guard.sh"
TOOLS: Final = ("nvpmodel", "jetson_clocks", "tegrastats")
OLDEST: Final = 6
"""JetPack; 5 brings Python 3.8 and TensorRT 8, which the SDK does not take."""
SYSTEM_PACKAGES: Final = Path("/usr/lib")
IDLE_SECONDS: Final = 10.0
WATCH: Final = ("tegrastats", "--interval", "1000")


def problems(
    release_file: Path = RELEASE_FILE,
    system: Path = SYSTEM_PACKAGES,
    which: Callable[[str], str | None] = shutil.which,
    find_spec: Callable[[str], object] = importlib.util.find_spec,
) -> Iterator[str]:
    """What keeps the benchmarks from running here, in a sentence each."""
    release = parse_release(release_file.read_text()) if release_file.is_file() else None
    if release is None:
        yield f"no Jetson: {release_file} is missing or names no release"
        return
    if release.jetpack is None or release.jetpack < OLDEST:
        yield f"{release}; expected JetPack {OLDEST} or 7"
    for tool in TOOLS:
        if not which(tool):
            yield f"{tool} is not in the PATH; it is part of JetPack's nvidia-l4t-tools"
    if not find_spec("tensorrt"):
        yield _without_tensorrt(system)
    if not find_spec("pycuda"):
        yield "pycuda is missing: with /usr/local/cuda/bin in the PATH, pip install '.[tensorrt]'"


def _without_tensorrt(system: Path) -> str:
    found = sorted(system.glob("python3*/dist-packages/tensorrt"))
    if not found:
        return "TensorRT for Python is missing: sudo apt install python3-libnvinfer"
    python, own = found[-1].parts[-3], f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if python not in (own, "python3"):
        return f"JetPack's TensorRT is for {python}, this is {own}: make the environment with it"
    return (
        f"JetPack's TensorRT is in {found[-1].parent}, where this environment does not look: make "
        "it with --system-site-packages"
    )


@contextmanager
def held(mode: int | None, watchdog: Path = GUARD) -> Iterator[dict[str, Clock]]:
    """The board in a power mode (None: its own) with locked clocks; gives the clocks.

    Raises:
        BenchmarkError: the mode or the clocks cannot be had, or not be put back.
    """
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    process = subprocess.Popen(
        [*sudo, "sh", str(watchdog), "keep" if mode is None else str(mode)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    told = []
    for line in process.stdout:
        if line == "ready\n":
            break
        told.append(line)
    else:
        process.wait()
        reason = told[-1].strip() if told else f"{watchdog.name} ended with {process.returncode}"
        raise BenchmarkError(f"power mode and clocks are as they were: {reason}")
    try:
        yield parse_clocks("".join(told))
    finally:
        process.stdin.close()
        if process.wait():
            raise BenchmarkError(
                "power mode or clocks could not be put back; a reboot does it, or sudo nvpmodel -m"
            )


def watched(
    phase: str, run: Callable[[], object], command: Sequence[str] = WATCH
) -> dict[str, Any]:
    """Runs, and gives power, heat, clock and memory of the board meanwhile as a row.

    Raises:
        BenchmarkError: `tegrastats` tells no power.
    """
    meter = BoardMeter(command)
    with meter:
        run()
    energy = meter.energy()
    told = [sample for _, sample in meter.samples]
    hottest = [max(sample.temperatures_c.values(), default=None) for sample in told]
    mhz = [sample.gpu_mhz for sample in told if sample.gpu_mhz]
    return {
        "phase": phase,
        "seconds": energy.seconds,
        "joules": energy.joules,
        "mean_w": energy.joules / energy.seconds,
        "energy_source": energy.source,
        "hottest_c": max((c for c in hottest if c is not None), default=None),
        "gpu_low_mhz": min(mhz, default=None),
        "gpu_high_mhz": max(mhz, default=None),
        "peak_memory_mb": max(sample.memory_mb for sample in told),
    }


def measure(mode: int | None, benchmarks: Sequence[str], folder: Path) -> tuple[Result, int]:
    """Idle board, then `python -m benchmarks` with these arguments; its exit code besides.

    Raises:
        BenchmarkError: as `held` and `watched`.
    """
    command = [sys.executable, "-m", "benchmarks", *benchmarks, "--output", str(folder)]
    codes = []

    def run() -> None:
        codes.append(subprocess.call(command, cwd=GUARD.parent.parent))

    with held(mode) as clocks:
        rows = [watched("idle", lambda: time.sleep(IDLE_SECONDS)), watched("benchmarks", run)]
        settings = {
            "benchmarks": list(benchmarks),
            "clocks": {name: asdict(clock) for name, clock in clocks.items()},
            "unlocked": unlocked(clocks),
        }
        machine = describe()  # while the mode is held
    return Result("jetson", machine, settings, rows), codes[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1: the board lacks something, or a benchmark failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.jetson",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="only say what this board lacks")
    parser.add_argument("--mode", type=int, help="number of nvpmodel; default: the present mode")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of the JSON files")
    parser.add_argument("benchmarks", nargs="*", help="arguments of python -m benchmarks, after --")
    arguments = parser.parse_args(argv)
    lacking = list(problems())
    for problem in lacking:
        print(problem, file=sys.stderr)
    if lacking or arguments.check:
        return 1 if lacking else 0
    for kind in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(kind, lambda number, _: sys.exit(128 + number))
    try:
        result, code = measure(arguments.mode, arguments.benchmarks, arguments.output.absolute())
        print(write(result, arguments.output))
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
