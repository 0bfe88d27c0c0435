"""`python -m train.evaluate`: how well held-out people come out, by yaw, on rendered views.

For every view: the difference of the picture to the true frontal face, and whether a frozen
recogniser finds the person again among all held-out people by the frontal faces, from the raw
profile and from the frontalized one. Raw and frontalized enter the recogniser through the same
fixed crop. The recogniser that trained the network flatters it: the table says which it is.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tpgan_sdk.crops import INPUT_NAMES
from tpgan_sdk.errors import TPGANError, TrainingError

from .checkpoint import load_generator
from .data.examples import Examples, in_order
from .networks import Generator
from .recogniser import Recogniser

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Row:
    """Means over the views of one yaw."""

    yaw: int
    """Degrees, rounded to 15."""
    views: int
    levels: float
    """Mean absolute difference to the true frontal face, grey levels of 255."""
    psnr: float
    """dB, mean over views."""
    cosine_raw: float
    """Of the recogniser's embeddings of the raw profile and of the true frontal face."""
    cosine_frontalized: float
    rank1_raw: float
    """Percent of views whose nearest frontal face is the person's own."""
    rank1_frontalized: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One value a view."""

    yaw: FloatArray
    identity: IntArray
    absolute: FloatArray
    squared: FloatArray
    raw: FloatArray
    """(N, D) unit-length embeddings."""
    frontalized: FloatArray
    truth: FloatArray


@torch.inference_mode()
def measure(
    network: Generator, recogniser: Recogniser, examples: Examples, people: int
) -> Measured:
    """Runs network and recogniser over the views of the first `people` identities."""
    parts: list[tuple[Tensor, ...]] = []
    for batch in in_order(examples, 32):
        keep = batch["identity"] < people
        if not keep.any():
            continue
        face, *patches = (batch[name][keep] for name in INPUT_NAMES)
        target = batch["target"][keep]
        image = network(face, patches).image.clamp(-1, 1)
        difference = (image - target).flatten(1)
        parts.append(
            (
                batch["yaw"][keep],
                batch["identity"][keep],
                difference.abs().mean(dim=1),
                (difference**2).mean(dim=1),
                recogniser(face)[1],
                recogniser(image)[1],
                recogniser(target)[1],
            )
        )
    if not parts:
        raise TrainingError("no view to measure: --people leaves none of the shards' identities")
    columns = [torch.cat(column).numpy() for column in zip(*parts, strict=True)]
    return Measured(*columns)


def rank1(
    probes: FloatArray, identity: IntArray, gallery: FloatArray, own: IntArray
) -> npt.NDArray[np.bool_]:
    """Whether the nearest gallery entry (rows: people, `own` their identities) is the probe's."""
    nearest = own[np.argmax(probes @ gallery.T, axis=1)]
    result: npt.NDArray[np.bool_] = nearest == identity
    return result


def table(found: Measured) -> list[Row]:
    """Means by yaw in steps of 15 degrees."""
    own, first = np.unique(found.identity, return_index=True)
    gallery = found.truth[first]
    hit_raw = rank1(found.raw, found.identity, gallery, own)
    hit_front = rank1(found.frontalized, found.identity, gallery, own)
    cosine_raw = (found.raw * found.truth).sum(axis=1)
    cosine_front = (found.frontalized * found.truth).sum(axis=1)
    psnr = 10 * np.log10(4 / np.maximum(found.squared, 1e-12))
    bins = (np.round(found.yaw / 15) * 15).astype(int)
    rows = []
    for yaw in np.unique(bins):
        at = bins == yaw
        rows.append(
            Row(
                yaw=int(yaw),
                views=int(at.sum()),
                levels=round(float(found.absolute[at].mean() * 127.5), 2),
                psnr=round(float(psnr[at].mean()), 2),
                cosine_raw=round(float(cosine_raw[at].mean()), 3),
                cosine_frontalized=round(float(cosine_front[at].mean()), 3),
                rank1_raw=round(float(hit_raw[at].mean() * 100), 1),
                rank1_frontalized=round(float(hit_front[at].mean() * 100), 1),
            )
        )
    return rows


def markdown(rows: list[Row]) -> str:
    """The rows as a table."""
    head = (
        "| yaw | views | difference, levels | PSNR, dB | cosine raw | cosine frontalized "
        "| rank-1 raw, % | rank-1 frontalized, % |"
    )
    lines = [head, "|---" * 8 + "|"]
    lines += [
        "| " + " | ".join(str(value) for value in asdict(row).values()) + " |" for row in rows
    ]
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = argparse.ArgumentParser(prog="python -m train.evaluate", description=__doc__)
    p.add_argument("--checkpoint", type=Path, required=True)
    p.add_argument("--data", type=Path, required=True, help="held-out shards")
    p.add_argument("--recogniser", type=Path, required=True, help="MobileFaceNet weights")
    p.add_argument("--people", type=int, default=10**9, help="only the first so many identities")
    p.add_argument("--output", type=Path, help="JSON to write")
    return p


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        network, _ = load_generator(args.checkpoint)
        examples = Examples(args.data, augmented=False, template=network.spec.template)
        rows = table(measure(network, Recogniser(args.recogniser), examples, args.people))
    except TPGANError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 1
    print(markdown(rows))
    if args.output:
        args.output.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
