"""Resolve every extra for every supported Python and processor; write docs/install-matrix.md.

For each Python the matching interpreter itself runs ``pip install --dry-run`` on the built wheel,
so versions and environment markers are its own. For the other processor the same pip is told,
before it looks for wheels, that the machine is an aarch64 one: markers, wheel tags and glibc
version follow from that. Nothing is installed and nothing of the other processor is run.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")
EXTRAS = (
    "",
    "cpu",
    "gpu",
    "openvino",
    "tensorrt",
    "insightface",
    "train",
    "evaluate",
    "export",
    "test",
)
MAKE = {
    "make demo": "cpu,insightface",
    "make test": "cpu,openvino,insightface,train,evaluate,export,test",
}
"""What the Makefile installs, under constraints.txt."""
SHOWN = (
    "numpy",
    "opencv-python",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "yuface",
    "insightface",
    "onnx",
    "onnxsim",
    "torch",
    "numba",
    "pycuda",
    "cuda-bindings",
)

# Runs in the interpreter under test: argv is pip's folder, processor, glibc, then pip's arguments.
AS_IF = """
import os, platform, sys, sysconfig
folder, machine, glibc = sys.argv[1:4]
del sys.argv[1:4]
sys.path.insert(0, folder)
confstr = os.confstr
platform.machine = lambda: machine
sysconfig.get_platform = lambda: "linux-" + machine
os.confstr = lambda name: "glibc " + glibc if name == "CS_GNU_LIBC_VERSION" else confstr(name)
from pip._internal.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@dataclass(frozen=True)
class Outcome:
    """What one resolution gave: versions by package, packages without a wheel, or the failure."""

    versions: dict[str, str]
    sources: tuple[str, ...] = ()
    failure: str = ""

    def cell(self) -> str:
        if self.failure:
            return f"**no**: {self.failure}"
        built = f", builds {', '.join(self.sources)}" if self.sources else ""
        torch = ", CPU torch" if "+cpu" in self.versions.get("torch", "") else ""
        return f"{len(self.versions) - 1} packages{built}{torch}"


def build_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.whl"))


def find_python(version: str) -> str:
    """An interpreter of this version on the path that really starts."""
    for name in (f"python{version}", "python3", sys.executable):
        path = shutil.which(name)
        check = (
            f"import sys; sys.exit(sys.version_info[:2] != {tuple(map(int, version.split('.')))})"
        )
        if path and not subprocess.run([path, "-c", check], capture_output=True).returncode:
            return path
    raise SystemExit(f"no python{version} on the path; the matrix needs {', '.join(PYTHONS)}")


def resolve(python: str, machine: str, glibc: str, requirement: str, pinned: bool) -> Outcome:
    pip_folder = str(importlib.metadata.distribution("pip").locate_file(""))
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.json")
        command = [python, "-c", AS_IF, pip_folder, machine, glibc, "install", "--dry-run"]
        command += ["--ignore-installed", "--no-cache-dir", "--use-feature=fast-deps"]
        command += ["--report", str(report), requirement]
        command += ["-c", str(ROOT / "constraints.txt")] if pinned else []
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=900)
        except subprocess.TimeoutExpired:
            return Outcome({}, failure="no answer within 15 minutes")
        if run.returncode:
            return Outcome({}, failure=explain(run.stderr))
        packages = json.loads(report.read_text())["install"]
    versions = {p["metadata"]["name"].lower(): p["metadata"]["version"] for p in packages}
    sources = (p for p in packages if not p["download_info"]["url"].endswith(".whl"))
    return Outcome(versions, tuple(sorted(p["metadata"]["name"].lower() for p in sources)))


def explain(stderr: str) -> str:
    """pip's failure in a few words, without addresses or paths."""
    if found := re.search(r"No matching distribution found for (\S+)", stderr):
        return f"nothing installable for `{found[1]}`"
    if "ResolutionImpossible" in stderr:
        return "requirements conflict"
    if found := re.search(
        r"(?:Failed to build|metadata for|getting requirements).*?'?(\w+)", stderr
    ):
        return f"source of `{found[1]}` does not build here"
    return "pip failed"


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def render(results: dict[tuple[str, str, str], Outcome], glibc: str) -> str:
    columns = [(version, machine) for machine in MACHINES for version in PYTHONS]
    header = [f"{machine} {version}" for version, machine in columns]
    rows, versions = [], []
    for name in (*EXTRAS, *MAKE):
        title = name if name in MAKE else f"`[{name}]`" if name else "core"
        rows.append(
            [title, *(results[version, machine, name].cell() for version, machine in columns)]
        )
    for package in SHOWN:
        line = [package]
        for version, machine in columns:
            found = {results[version, machine, extra].versions.get(package) for extra in EXTRAS}
            line.append(", ".join(sorted(v for v in found if v)) or "-")
        versions.append(line)
    return "\n".join(
        [
            "# What installs where",
            "",
            f"Made by `python scripts/resolve_extras.py` on {datetime.date.today()} with pip "
            f"{importlib.metadata.version('pip')}: do not edit.",
            "",
            "Each cell is one `pip install --dry-run` of the built wheel by an interpreter of that "
            f"Python version, for Linux with glibc {glibc} (Ubuntu 22.04, JetPack 6). The aarch64 "
            "columns were resolved on x86-64 by telling pip that the machine is aarch64: markers "
            "and wheel tags are those of aarch64; nothing was installed or run there. The count is "
            "of packages beside the SDK; *builds* names those without a wheel, which are compiled "
            "on installation; *CPU torch* marks a CPU build that this machine had at hand, where "
            "the default index gives the CUDA build and its packages.",
            "",
            "Extras are resolved to the newest versions, `make` commands under `constraints.txt`. "
            "MediaPipe, which `make test` adds without its requirements, is not in the table. "
            "Where `onnxruntime-gpu` has no wheel (aarch64 with JetPack 6's Python 3.10), install "
            "NVIDIA's build for the board and the SDK without `[gpu]`.",
            "",
            *table(["", *header], rows),
            "",
            "## Versions the extras resolve to",
            "",
            *table(["", *header], versions),
            "",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "install-matrix.md")
    parser.add_argument("--glibc", default="2.35", help="of the machines resolved for")
    parser.add_argument("--jobs", type=int, default=3, help="resolutions at a time")
    args = parser.parse_args()
    pythons = {version: find_python(version) for version in PYTHONS}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(args.jobs) as pool:
        wheel = build_wheel(Path(folder))

        def one(target: tuple[str, str, str]) -> Outcome:
            version, machine, name = target
            extra = MAKE.get(name, name)
            requirement = f"{wheel}[{extra}]" if extra else str(wheel)
            outcome = resolve(pythons[version], machine, args.glibc, requirement, name in MAKE)
            print(f"{version} {machine} {name or 'core'}: {outcome.cell()}", flush=True)
            return outcome

        targets = [(v, m, n) for v in PYTHONS for m in MACHINES for n in (*EXTRAS, *MAKE)]
        results = dict(zip(targets, pool.map(one, targets), strict=True))
    args.output.write_text(render(results, args.glibc), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
