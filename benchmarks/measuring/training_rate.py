"""Training images a second, by data workers and ranks, from short runs of `python -m train`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tpgan_sdk.system.cores import usable_cores

from ..errors import BenchmarkError

STEPS: Final = 100
"""The training log has a line every 50 steps: the second one counts, when all is warm."""
QUICK_STEPS: Final = 50
BATCH: Final = 4


def command(shards: Path, output: Path, workers: int, ranks: int, steps: int = STEPS) -> list[str]:
    """The command of one run; with several ranks through torchrun, on this computer alone."""
    python = [sys.executable, "-m"]
    if ranks > 1:
        python += ["torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}", "-m"]
    flags = ["--data", str(shards), "--output", str(output), "--workers", str(workers)]
    for setting in (f"steps={steps}", f"batch={BATCH}", "warmup=0"):
        flags += ["--set", setting]
    # The identity losses need weights that nobody has to have; of the rest the log is what counts.
    return [*python, "train", *flags, "--ablate", "identity", "--save-every", str(10 * steps)]


def last_rate(output: Path) -> float:
    """Images a second of the whole job, all ranks together, from a run's log.

    Raises:
        BenchmarkError: no log, or none with a rate.
    """
    try:
        lines = (output / "log.jsonl").read_text().splitlines()
        return float(json.loads(lines[-1])["images_per_second"])
    except (OSError, IndexError, KeyError, ValueError) as error:
        raise BenchmarkError(f"{output} holds no log of a training run: {error!r}") from None


def training_rates(
    shards: Path, workers: Sequence[int], ranks: Sequence[int], folder: Path, steps: int = STEPS
) -> Iterator[dict[str, Any]]:
    """A row for each number of workers with one rank, and for each number of ranks with one worker.

    The ranks of a run share the cores: each gets as many threads.

    Raises:
        BenchmarkError: a run fails, with the end of what it said.
    """
    pairs = dict.fromkeys([*((count, 1) for count in workers), *((1, count) for count in ranks)])
    for count, processes in pairs:
        output = folder / f"{count}-{processes}"
        # Left to themselves, one rank takes all cores and each of several a single one.
        threads = max(1, usable_cores() // processes)
        done = subprocess.run(
            command(shards, output, count, processes, steps),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )
        if done.returncode:
            raise BenchmarkError(
                f"training with {count} workers and {processes} ranks failed: "
                f"{done.stderr.strip()[-500:]}"
            )
        yield {
            **{"kind": "training", "workers": count, "ranks": processes, "batch": BATCH},
            "images_per_s": last_rate(output),
        }
