"""From the detector's weights to the ONNX and sidecar of the package.

    python -m train.detector.export --weights DIR/detector.safetensors --output detector.onnx

Inputs and outputs have YuNet's names and meaning, so that whatever runs YuNet runs it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from export.graphs.torch_graph import plain_graph
from tpgan_sdk.detectors.packaged import FORMAT, KIND
from tpgan_sdk.errors import ExportError
from train.auxiliary.command import export_command
from train.auxiliary.onnx_file import parity_faces, run_graph, with_fp16_weights, write_onnx
from train.auxiliary.weights import training_note
from train.networks.measure import parameters

from .box_codec import cells_of, decode
from .network import KINDS, STRIDES, DetectorNetwork, flops
from .scene import SIZE
from .trainer import load_network

INPUT: Final = "input"
SURE: Final = 0.5
"""Cells of less score are not compared: nobody reads their boxes."""
MAX_DIFFERENCE: Final = 1e-3
"""Of scores, and of boxes and points in px, between ONNX Runtime and torch."""
MAX_PIXELS: Final = 0.3
"""What the rounded weights may move a point of a face 128 px large."""
MAX_SCORE: Final = 0.01
"""What they may change a score."""


class Deployed(nn.Module):
    """The network with YuNet's twelve outputs: each kind, at strides 8, 16 and 32."""

    def __init__(self, network: DetectorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        parts = [part.split(list(KINDS.values()), dim=-1) for part in self.network.maps(image)]
        told = dict(zip(KINDS, zip(*parts, strict=True), strict=True))
        return tuple(
            value.sigmoid() if kind in ("cls", "obj") else value
            for kind in KINDS
            for value in told[kind]
        )


def output_names() -> list[str]:
    """In the order of `Deployed`."""
    return [f"{kind}_{stride}" for kind in KINDS for stride in STRIDES]


def to_graph(network: DetectorNetwork) -> onnx.ModelProto:
    """ONNX with dynamic batch, height and width."""
    shape = {0: torch.export.Dim("batch")}
    shape |= {2: 32 * torch.export.Dim("rows"), 3: 32 * torch.export.Dim("columns")}
    example = torch.zeros(2, 3, SIZE, SIZE - 64)
    return plain_graph(Deployed(network), (example,), [INPUT], output_names(), (shape,))


def parity_inputs() -> npt.NDArray[np.float32]:
    """(16, 3, 192, 192): the package's faces, as photos that end near them."""
    framed = (np.pad(face, ((32, 32), (32, 32), (0, 0)), mode="edge") for face in parity_faces())
    return np.stack([picture.astype(np.float32).transpose(2, 0, 1) for picture in framed])


def run(graph: onnx.ModelProto, images: npt.NDArray[np.float32]) -> Tensor:
    """(N, cells, 16) as the network tells it, but probabilities in place of logits."""
    found = run_graph(graph, {INPUT: images})
    levels = [np.concatenate([found[f"{k}_{s}"] for k in KINDS], axis=2) for s in STRIDES]
    return torch.from_numpy(np.concatenate(levels, axis=1))


def differences(output: Tensor, exact: Tensor, side: int) -> tuple[float, float]:
    """How far scores, and boxes and points in px, of `run` are off where a face is.

    Args:
        output: of `run`.
        exact: of the network itself.
        side: of the pictures, px.
    """
    cells = cells_of(side, side)
    told, truth = decode(output, cells), decode(exact, cells)
    scores = (told.cls * told.obj).sqrt()
    sure = truth.scores > SURE
    score = float((scores - truth.scores).abs().max())
    moved = [(told.boxes - truth.boxes)[sure], (told.points - truth.points)[sure].flatten(1)]
    return score, float(torch.cat(moved, dim=1).abs().max())


def export_detector(
    weights: Path, output: Path, figures: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Writes ONNX and sidecar, which is returned.

    Args:
        weights: of `python -m train.detector`.
        output: the ONNX; the sidecar lies beside it.
        figures: what `train.detector.evaluate` measured, for the sidecar.

    Raises:
        TrainingError: no such weights.
        ExportError: the ONNX does not give what torch gives; nothing is written then.
    """
    network = load_network(weights)
    graph, images = to_graph(network), parity_inputs()
    side = images.shape[-1]
    with torch.no_grad():
        exact = network(torch.from_numpy(images))
    off = differences(run(graph, images), exact, side)
    graph = with_fp16_weights(graph)
    rounded = differences(run(graph, images), exact, side)
    if max(off) > MAX_DIFFERENCE or rounded[0] > MAX_SCORE or rounded[1] > MAX_PIXELS:
        raise ExportError(
            f"ONNX and torch differ by {max(off):.1e} (at most {MAX_DIFFERENCE:.0e}), FP16 weights "
            f"change a score by {rounded[0]:.3f} (at most {MAX_SCORE}) and move a point by "
            f"{rounded[1]:.2f} px (at most {MAX_PIXELS}); nothing was written"
        )
    about = {
        "colour": "BGR",
        "input_range": [0.0, 255.0],
        "parameters": parameters(network),
        "flops_320": flops(SIZE),
        "parity": {
            "onnx_vs_torch": max(off),
            "fp16_weights_score": rounded[0],
            "fp16_weights_px": rounded[1],
            "faces": len(images),
        },
        "training": training_note(weights),
        "figures": figures or {},
    }
    return write_onnx(graph, output, KIND, FORMAT, about)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    shown = ("parameters", "flops_320", "parity")
    return export_command("train.detector", export_detector, shown, argv)


if __name__ == "__main__":
    sys.exit(main())
