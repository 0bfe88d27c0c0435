"""How long ``import tpgan_sdk`` takes beside ``import numpy``: medians over fresh starts."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

CODE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def import_seconds(module: str) -> float:
    """Seconds of one import in a fresh interpreter, its own start not counted."""
    command = [sys.executable, "-c", CODE.format(module)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="fresh starts of each")
    runs = parser.parse_args().runs
    # Interleaved, so that a busy moment of the machine meets both; the first pair warms the cache.
    pairs = [(import_seconds("numpy"), import_seconds("tpgan_sdk")) for _ in range(runs + 1)][1:]
    numpy, sdk = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"numpy {numpy * 1e3:.1f} ms, tpgan_sdk {sdk * 1e3:.1f} ms: {sdk / numpy:.2f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main())
