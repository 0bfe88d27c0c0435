"""The ablation study of `edge`: the same short training without each part, and what it costs.

    python scripts/ablation.py run --data SHARDS --heldout SHARDS --recogniser FILE --work DIR
    python scripts/ablation.py draw --heldout SHARDS --work DIR

`run` trains and evaluates one network after the other, each from the beginning, on the same views
in the same order; what is done already stays. `draw` makes docs/ablation.json,
docs/images/ablation.jpg and the table in docs/training.md of all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from canvas import Canvas
from make_figures import IMAGES
from torch.utils.data import default_collate

from tpgan_sdk.images.resample import UInt8Array, to_uint8
from train.data.example import Example
from train.data.shard_examples import ShardExamples
from train.training import losses
from train.training.ablation import WITHOUT
from train.training.checkpoint import load_generator, load_state
from train.training.validation import frontalized

WHOLE: Final = "nothing"
"""What is left out of the network that all others are compared with."""
ORDER: Final = (WHOLE, *WITHOUT)
NEAR: Final = (15, 30, 45)
FAR: Final = (60, 75, 90)
SHOWN: Final = ((0, 30), (2, 60), (5, 75))
"""People and yaws of the picture."""
VIEWS: Final = 130
"""Held-out views on which the pictures themselves are measured."""
MARKS: Final = ("<!-- ablation: by scripts/ablation.py -->\n", "<!-- /ablation -->")
"""Around the table in the page."""
FACE: Final = 112
"""Px of a face in the picture, and between two of them."""
GAP: Final = 4


def run(args: argparse.Namespace) -> None:
    """Trains and evaluates what is not there yet."""
    with ThreadPoolExecutor(args.jobs) as pool:
        for name in pool.map(lambda name: _one(args, name), args.only or ORDER):
            print(f"without {name}: done", flush=True)


def _one(args: argparse.Namespace, name: str) -> str:
    folder = args.work / name
    if not (folder / "checkpoint").exists() or _steps(folder) < args.steps:
        ablate = [] if name == WHOLE else ["--ablate", name]
        _python(
            *("-m", "train", "--config", "edge-drawn-ablation", "--data", args.data),
            *("--output", folder, "--recogniser", args.recogniser),
            *("--set", f"steps={args.steps}", "--workers", "0"),
            *ablate,
            *(["--resume"] if (folder / "checkpoint").exists() else []),
        )
    if not (folder / "figures" / "results.json").exists():
        _python(
            *("-m", "train.evaluate", "--dataset", "rendered", "--root", args.heldout),
            *("--checkpoint", folder / "checkpoint", "--output", folder / "figures"),
            *("--recogniser", args.recogniser, "--recogniser", "dlib", "--people", args.people),
        )
    return name


def _steps(folder: Path) -> int:
    return load_state(folder / "checkpoint").step


def _python(*arguments: object) -> None:
    # One thread each: small convolutions wait for one another at barriers.
    command = [sys.executable, *map(str, arguments)]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def draw(args: argparse.Namespace) -> None:
    """Figures and picture from what `run` left."""
    examples = ShardExamples(args.heldout, augmented=False)
    count = min(VIEWS, len(examples))
    chosen = [examples[i * len(examples) // count] for i in range(count)]
    batch: Example = default_collate(chosen)
    rows = {name: _figures(args.work / name, batch) for name in ORDER}
    state = load_state(args.work / WHOLE / "checkpoint")
    if any(_steps(args.work / name) != state.step for name in ORDER):
        raise SystemExit("the networks were trained for different numbers of steps: run again")
    about = {"steps": state.step, "views": state.images, "data": state.data}
    report = {"about": about, "without": rows}
    (IMAGES.parent / "ablation.json").write_text(json.dumps(report, indent=1) + "\n")
    page = IMAGES.parent / "training.md"
    before, _, rest = page.read_text().partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    page.write_text(before + MARKS[0] + markdown(report) + MARKS[1] + after)
    _picture(args.work, examples).save(IMAGES / "ablation.jpg")


def markdown(report: dict[str, Any]) -> str:
    """The table of the page."""
    heads = ["without", "L1", "asymmetry", "variation"]
    figures = {"l1": "{:.4f}", "asymmetry": "{:.4f}", "variation": "{:.4f}"}
    for name in ("mobilefacenet", "dlib"):
        for reach in ("near", "far"):
            heads.append(f"{name}, {'15 to 45' if reach == 'near' else '60 to 90'}")
            figures[f"{name}_{reach}_rank1_frontalized"] = "{:.1f}"
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, row in report["without"].items():
        cells = [shown.format(row[key]) for key, shown in figures.items()]
        lines.append("| " + " | ".join([name.replace("_", " "), *cells]) + " |")
    whole = report["without"][WHOLE]
    raw = [whole[key.replace("frontalized", "raw")] for key in list(figures)[3:]]
    cells = ["", "", f"{whole['variation_of_the_truth']:.4f}", *(f"{value:.1f}" for value in raw)]
    lines.append("| " + " | ".join(["(truth; raw view)", *cells]) + " |")
    return "\n".join(lines) + "\n"


def _figures(folder: Path, batch: Example) -> dict[str, Any]:
    network, _ = load_generator(folder / "checkpoint")
    image, target = frontalized(network, batch), batch["target"]
    found: dict[str, Any] = {
        "l1": losses.pixel(image, target).item(),
        "asymmetry": losses.symmetry(image).item(),
        "variation": losses.total_variation(image).item(),
        "variation_of_the_truth": losses.total_variation(target).item(),
    }
    report = json.loads((folder / "figures" / "results.json").read_text())
    for recogniser, rows in report["identification"].items():
        for name, yaws in (("near", NEAR), ("far", FAR)):
            those = [row for row in rows if row["yaw"] in yaws]
            probes = [row["probes"] for row in those]
            for figure in ("rank1", "cosine"):
                for side in ("raw", "frontalized"):
                    values = [row[figure][side]["value"] for row in those]
                    key = f"{recogniser}_{name}_{figure}_{side}"
                    found[key] = round(float(np.average(values, weights=probes)), 2)
            found[f"{name}_probes"] = sum(probes)
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in found.items()}


def _picture(work: Path, examples: ShardExamples) -> Canvas:
    networks = {name: load_generator(work / name / "checkpoint")[0] for name in ORDER}
    columns = ["view", *(f"no {n}".replace("_", " ") for n in WITHOUT), "truth"]
    columns.insert(1, "all parts")
    step, head = FACE + GAP, 20
    canvas = Canvas(len(columns) * step + GAP, len(SHOWN) * step + head)
    for index, title in enumerate(columns):
        canvas.text(GAP + index * step, 4, title)
    for row, (person, yaw) in enumerate(SHOWN):
        example = _view(examples, person, yaw)
        batch: Example = default_collate([example])
        made = [frontalized(networks[name], batch)[0] for name in ORDER]
        for index, picture in enumerate([example["face"], *made, example["target"]]):
            canvas.picture(_bgr(picture)[8:120, 8:120], GAP + index * step, head + row * step)
    return canvas


def _view(examples: ShardExamples, person: int, yaw: int) -> Example:
    shard = examples.shards[0]
    people = np.unique(shard.labels["identity"])
    wanted = (shard.labels["identity"] == people[person]) & (abs(shard.labels["yaw"] - yaw) < 1)
    return examples[int(np.flatnonzero(wanted)[0])]


def _bgr(picture: torch.Tensor) -> UInt8Array:
    return to_uint8((picture.permute(1, 2, 0).flip(2).numpy() + 1) * 127.5)


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("run", "draw"))
    parser.add_argument("--heldout", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="for run")
    parser.add_argument("--recogniser", type=Path, help="for run")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2, help="trainings side by side")
    parser.add_argument("--only", nargs="*", choices=ORDER)
    args = parser.parse_args(argv)
    if args.what == "run" and (args.data is None or args.recogniser is None):
        parser.error("run needs --data and --recogniser")
    {"run": run, "draw": draw}[args.what](args)


if __name__ == "__main__":
    main()
