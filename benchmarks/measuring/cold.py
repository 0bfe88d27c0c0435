"""`python -m benchmarks.measuring.cold`: a fresh process until its first picture, as JSON.

Called by `benchmarks.latency`, which tells when it started the process. The files are in the
system's cache: that is a program that starts again, not one after a reboot.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ..errors import BenchmarkError
from ..hardware.memory import device_mb, peak_mb

_ROOT: Final = Path(__file__).parent.parent.parent


def cold_start(model: str, backend: str, batch: int) -> dict[str, Any]:
    """Starts a process that frontalizes one batch of aligned faces and ends.

    Returns:
        `cold_ms` from its start to the first picture, of it `cold_import_ms`, `cold_open_ms` and
        `cold_first_ms`; `peak_mb` of the host's memory, `device_mb` more on the GPU than before.

    Raises:
        BenchmarkError: the process failed.
    """
    before = device_mb()
    command = [
        sys.executable,
        "-m",
        "benchmarks.measuring.cold",
        "--model",
        model,
        "--backend",
        backend,
    ]
    command += ["--batch", str(batch), "--started", str(time.monotonic())]
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    if done.returncode:
        reason = (done.stderr.strip() or "no message").splitlines()[-1]
        raise BenchmarkError(f"the fresh process failed: {reason}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if before is not None and told["device_mb"] is not None:
        told["device_mb"] -= before
    return told


def first_picture(model: str, backend: str, batch: int, started: float) -> dict[str, Any]:
    """What `cold_start` returns, for this process, which began at `started` (monotonic)."""
    begun = time.monotonic()
    import numpy as np

    from tpgan_sdk import Frontalizer

    imported = time.monotonic()
    with Frontalizer(model, backend, refine=False, max_batch=batch) as frontalizer:
        opened = time.monotonic()
        frontalizer.frontalize_aligned(np.full((batch, 128, 128, 3), 127, np.uint8))
        made = time.monotonic()
        figures = {
            "cold_ms": made - started,
            "cold_import_ms": imported - begun,
            "cold_open_ms": opened - imported,
            "cold_first_ms": made - opened,
        }
        memory = {"peak_mb": peak_mb(), "device_mb": device_mb()}
    return {**{name: seconds * 1e3 for name, seconds in figures.items()}, **memory}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.measuring.cold", description=__doc__
    )
    parser.add_argument("--model", required=True, help="name of a packaged model, or an ONNX")
    parser.add_argument("--backend", required=True)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--started", type=float, help="of the clock `time.monotonic`")
    args = parser.parse_args(argv)
    started = time.monotonic() if args.started is None else args.started
    print(json.dumps(first_picture(args.model, args.backend, args.batch, started)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
