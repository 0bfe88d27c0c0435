"""What each part of `edge` brings on real photos: the trained network with one part switched off.

    python scripts/parts_on_photos.py --checkpoint RUN/checkpoint --root CFP --recogniser FILE \\
        --recogniser dlib --cache DIR --output docs/parts.json

It asks how much the trained network leans on a part, not how good one trained without it would be:
that one could make up for it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from tpgan_sdk.geometry import TEMPLATES
from tpgan_sdk.images.resample import Float32Array
from train.data.cfp import read_cfp
from train.evaluation.bootstrap import DRAWS
from train.evaluation.cache import CachedEmbedder, VectorCache, cached_locate, file_name
from train.evaluation.evaluations import Setting, evaluate_pairs
from train.evaluation.landmarks import by_detector
from train.evaluation.report import table
from train.evaluation.synthesis import NetworkSynthesis
from train.networks.flow_generator import FlowGenerator
from train.recognisers.embedder import load_embedder
from train.training.checkpoint import load_generator


def no_local(network: FlowGenerator) -> None:
    """Nothing is laid over the composed picture."""
    network.local = None


def no_mirror(network: FlowGenerator) -> None:
    """The mirrored picture is the fetched one again, and has no share to begin with."""
    network.spec = replace(network.spec, mirror=False)


def no_composer(network: FlowGenerator) -> None:
    """Shares as visibility has them; holes are filled from around and nothing is drawn."""
    network.composer = None


def no_gates(network: FlowGenerator) -> None:
    """What is fetched is decided by visibility alone: not by the silhouette, nor the Jacobian."""
    pathway = network.pathway
    pathway.turned = lambda flow: torch.zeros_like(flow[:, :1, :1, :1])  # type: ignore[method-assign]
    pathway.sampled = lambda flow: torch.ones_like(flow[:, :1])  # type: ignore[method-assign]


def no_flow(network: FlowGenerator) -> None:
    """Everything stays where it is: the crop itself, composed and redrawn."""
    head = network.pathway.head
    with torch.no_grad():
        head.weight[:2] = 0
        head.bias[:2] = 0  # type: ignore[index]


def whole(_: FlowGenerator) -> None:
    """The network as it is."""


PARTS: Final[Mapping[str, Callable[[FlowGenerator], None]]] = {
    "nothing": whole,
    "local pathways": no_local,
    "mirror image": no_mirror,
    "composer": no_composer,
    "gates": no_gates,
    "margin": whole,
    "flow": no_flow,
}


def synthesis(checkpoint: Path, part: str) -> NetworkSynthesis:
    """The network without `part`."""
    network, _ = load_generator(checkpoint)
    if not isinstance(network, FlowGenerator):
        raise SystemExit(f"{checkpoint} is no network that fetches; expected one like edge")
    PARTS[part](network)
    edge = network.spec.margin if part == "margin" else 0

    @torch.inference_mode()
    def run(inputs: Mapping[str, Float32Array]) -> Float32Array:
        face = inputs["face"]
        if edge:  # the crop alone, its border repeated
            inner = face[:, :, edge:-edge, edge:-edge]
            face = np.pad(inner, ((0, 0), (0, 0), (edge, edge), (edge, edge)), mode="edge")
        picture: Float32Array = network(torch.from_numpy(face)).image.numpy()
        return picture

    return NetworkSynthesis(part, TEMPLATES[network.spec.template], run, network.inputs)


def main() -> None:
    """Evaluates every row, writes the figures and prints a table."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--checkpoint", type=Path, required=True)
    p.add_argument("--root", type=Path, required=True, help="of Celebrities in Frontal-Profile")
    p.add_argument("--recogniser", action="append", required=True, help="may be repeated")
    p.add_argument("--cache", type=Path, required=True)
    p.add_argument("--output", type=Path, required=True)
    args = p.parse_args()
    locate, name = by_detector()
    points = VectorCache(args.cache / f"points-{file_name(name)}")
    faces = {r: VectorCache(args.cache / f"faces-{file_name(r)}-parts") for r in args.recogniser}
    embedders = {}
    for r, cache in faces.items():
        embedder = load_embedder(r)
        embedders[embedder.name] = CachedEmbedder(embedder, cache)
    pairs = read_cfp(args.root)
    rows, figures = [], {}
    for part in PARTS:
        setting = Setting(synthesis(args.checkpoint, part), embedders, name, 0, DRAWS)
        report, _ = evaluate_pairs("cfp FP", pairs, cached_locate(locate, points), setting)
        found = {who: one.eer.frontalized for who, one in report.verification.items()}
        figures[part] = {who: asdict(one) for who, one in found.items()}
        rows.append(
            [part, *(f"{v.value:.1f} ({v.low:.1f} to {v.high:.1f})" for v in found.values())]
        )
        for cache in (points, *faces.values()):
            cache.save()
        print(rows[-1], flush=True)
    args.output.write_text(json.dumps(figures, indent=1) + "\n")
    print(table(["without", *embedders], rows))


if __name__ == "__main__":
    main()
