"""The shapes that `edge` was chosen from: cost, latency and loss after the same short training.

    python scripts/edge_candidates.py cost
    python scripts/edge_candidates.py latency --threads 2
    python scripts/edge_candidates.py train --data SHARDS --heldout SHARDS --work DIR

Each prints JSON, and writes it with `--output FILE`. docs/networks-candidates.json holds what came
out, with the protocol.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from train.networks import Generator, GeneratorSpec, Network
from train.networks.measure import cost
from train.networks.spec import DRAWN, PRESETS, Level

# Encoder from 64 px; the work spread evenly over the sizes. It became `edge`.
EVEN = replace(DRAWN, name="even")
# Encoder from 32 px on 4x4 blocks of pixels; wide and deep where pixels are few.
DEEP = replace(
    EVEN,
    name="deep",
    levels=(
        Level(128, 0, 0, 0, 0, True, 0, 16, 3, 1, True, 0),
        Level(64, 0, 0, 0, 0, True, 0, 32, 3, 1, True, 24),
        Level(32, 80, 3, 2, 0, False, 0, 80, 3, 1, True, 48),
        Level(16, 128, 3, 1, 0, False, 0, 112, 3, 1, False, 64),
        Level(8, 144, 3, 1, 32, False, 0, 144, 3, 1, False, 96),
    ),
)
# Encoder from 128 px as in the paper, narrow; skips at every size.
FINE = replace(
    EVEN,
    name="fine",
    levels=(
        Level(128, 16, 3, 0, 0, True, 0, 16, 3, 1, True, 0),
        Level(64, 32, 3, 1, 0, False, 0, 48, 3, 1, True, 24),
        Level(32, 64, 3, 1, 0, False, 0, 64, 3, 1, True, 32),
        Level(16, 128, 3, 1, 0, False, 0, 128, 3, 1, False, 64),
        Level(8, 160, 3, 1, 32, False, 0, 160, 3, 1, False, 96),
    ),
)
CANDIDATES = (EVEN, DEEP, FINE)
# As they were trained: no identity losses, the rest of `edge`'s at a warm-up of 100 steps.
SETTINGS = (
    "batch=16",
    "warmup=100",
    "ema=0.95",
    "identity=0",
    "identity_contrast=0",
    "identity_features=0",
    "identity_jitter=0",
)


def sessions(threads: int) -> Iterator[tuple[GeneratorSpec, Any]]:
    """One ONNX Runtime session a candidate."""
    import onnx
    import onnxruntime as ort

    from export.graphs.torch_graph import fold_batch_norm, to_graph

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # Or the threads of a session that has just run would spin into the next one's turn.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for spec in CANDIDATES:
        graph = to_graph(fold_batch_norm(Generator(spec).eval()))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "candidate.onnx"
            onnx.save(graph, path)
            session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        yield spec, session


def latency(threads: int, rounds: int = 60) -> dict[str, dict[str, float]]:
    """Milliseconds a face at batch 1, candidates interleaved."""
    from train.networks.measure import example_inputs

    face, patches = example_inputs()
    pairs = list(sessions(threads))
    feeds = {
        value.name: array
        for value, array in zip(
            pairs[0][1].get_inputs(), [face.numpy(), *(p.numpy() for p in patches)], strict=True
        )
    }
    times: dict[str, list[float]] = {spec.name: [] for spec, _ in pairs}
    for _ in range(rounds):
        for spec, session in pairs:
            begun = time.perf_counter()
            session.run(None, feeds)
            times[spec.name].append((time.perf_counter() - begun) * 1e3)
    return {
        name: {"p50_ms": float(np.median(t[5:])), "min_ms": float(np.min(t))}
        for name, t in times.items()
    }


def costs() -> dict[str, dict[str, float]]:
    def row(spec: GeneratorSpec) -> dict[str, float]:
        total = cost(spec)
        return {"parameters": total.parameters, "gflop": round(total.flops / 1e9, 3)}

    return {spec.name: row(spec) for spec in CANDIDATES}


def short_training(
    names: list[str], data: Path, heldout: Path, steps: int, work: Path
) -> dict[str, float]:
    """Held-out L1 after the same steps on the same views in the same order."""
    from train.training.checkpoint import load_generator
    from train.training.config import load_config
    from train.training.loop import train
    from train.training.run_settings import RunSettings

    losses = {}
    for spec in CANDIDATES:
        if spec.name not in names:
            continue
        PRESETS[spec.name] = spec
        settings = [f"preset={spec.name}", f"steps={steps}", *SETTINGS]
        folder = train(load_config("edge-drawn", settings), RunSettings(data, work / spec.name))
        losses[spec.name] = heldout_l1(load_generator(folder)[0], heldout)
        print(spec.name, losses[spec.name], flush=True)
    return losses


def heldout_l1(network: Network, heldout: Path, batches: int = 32) -> float:
    """Mean absolute difference of the picture, range [-1, 1], over the first held-out views."""
    import torch

    from tpgan_sdk.models.inputs import INPUT_NAMES
    from train.data.shard_examples import ShardExamples, in_order

    values = []
    with torch.inference_mode():
        for batch in islice(in_order(ShardExamples(heldout, augmented=False), 24), batches):
            face, *patches = (batch[name] for name in INPUT_NAMES)
            values.append((network(face, patches).image - batch["target"]).abs().mean().item())
    return float(np.mean(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("cost", "latency", "train"))
    every = [spec.name for spec in CANDIDATES]
    parser.add_argument("--only", nargs="+", choices=every, default=every)
    parser.add_argument("--data", type=Path, help="shards to train on")
    parser.add_argument("--heldout", type=Path, help="shards to compare on")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--threads", type=int, default=2, help="of ONNX Runtime")
    parser.add_argument("--work", type=Path, help="folder for the runs")
    parser.add_argument("--output", type=Path, help="JSON to write")
    args = parser.parse_args()
    result: object
    if args.what == "train":
        result = short_training(args.only, args.data, args.heldout, args.steps, args.work)
    else:
        result = costs() if args.what == "cost" else latency(args.threads)
    text = json.dumps(result, indent=2)
    print(text)
    if args.output:
        args.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
