"""The JSON report of scripts/gpu_check.sh, from pytest's XML."""

from __future__ import annotations

import datetime
import json
import platform
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tpgan_sdk.gpu.cuda import CudaDriver, Gpu, find_driver, find_gpu
from tpgan_sdk.version import __version__

PACKAGES = (
    *("tensorrt", "tensorrt-cu12", "tensorrt-cu13", "tensorrt-rtx-cu13", "tensorrt-rtx", "pycuda"),
    *("cuda-bindings", "torch", "onnxruntime", "onnxruntime-gpu", "numpy"),
)


def machine() -> dict[str, Any]:
    """Where this runs."""
    driver, gpu = find_driver(), find_gpu()
    cuda = ".".join(map(str, driver.version)) if isinstance(driver, CudaDriver) else None
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "driver_cuda": cuda,
        "gpu": asdict(gpu) if isinstance(gpu, Gpu) else gpu,
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def tests(xml: str) -> list[dict[str, Any]]:
    """Each test's name, outcome ("passed", "failed" or "not run"), seconds, reason and figures."""
    rows = []
    for case in ElementTree.fromstring(xml).iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}"
        row: dict[str, Any] = {"test": name, "outcome": "passed"}
        row["seconds"] = float(case.get("time", 0))
        for kind, outcome in (("skipped", "not run"), ("failure", "failed"), ("error", "failed")):
            found = case.find(kind)
            if found is not None:
                row |= {"outcome": outcome, "reason": found.get("message", "")}
        figures = {p.get("name"): float(p.get("value", "")) for p in case.iter("property")}
        if figures:
            row["figures"] = figures
        rows.append(row)
    return rows


def main(arguments: list[str] | None = None) -> int:
    """0: something ran and nothing failed; 1: a test failed; 2: nothing ran."""
    source, target = map(Path, sys.argv[1:] if arguments is None else arguments)
    text = source.read_text(encoding="utf-8")
    rows = tests(text) if text else []
    counts = {o: sum(r["outcome"] == o for r in rows) for o in ("passed", "failed", "not run")}
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    report = {"time": now, "tpgan_sdk": __version__, "machine": machine(), "counts": counts}
    target.write_text(json.dumps({**report, "tests": rows}, indent=2) + "\n", encoding="utf-8")
    print(f"{target}: {', '.join(f'{count} {outcome}' for outcome, count in counts.items())}")
    return 1 if counts["failed"] else 0 if counts["passed"] else 2


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
