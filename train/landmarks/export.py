"""From the refiner's weights to the ONNX and sidecar of the package.

python -m train.landmarks.export --weights DIR/refiner.safetensors --output refiner.onnx
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

from export.graphs.torch_graph import plain_graph
from tpgan_sdk.errors import ExportError
from tpgan_sdk.faces.refiner import FORMAT, INPUT_SIZE, KIND, WINDOW, input_transform, to_input
from tpgan_sdk.images.resample import warp
from train.auxiliary.command import export_command
from train.auxiliary.onnx_file import parity_faces, run_graph, with_fp16_weights, write_onnx
from train.auxiliary.weights import training_note
from train.networks.measure import parameters

from .network import Refiner, flops
from .trainer import load_refiner

INPUT: Final = "crop"
OUTPUT: Final = "points_and_pose"
MAX_DIFFERENCE: Final = 1e-4
"""Of ONNX Runtime and torch with the same weights; 1 is half the input."""
MAX_PIXELS: Final = 0.1
"""What the rounded weights may move a point, in px of the 128x128 crop."""


def to_graph(network: Refiner) -> onnx.ModelProto:
    """ONNX with a dynamic batch."""
    example = torch.zeros(2, 3, INPUT_SIZE, INPUT_SIZE)
    shape = {0: torch.export.Dim("batch")}
    return plain_graph(network, (example,), [INPUT], [OUTPUT], (shape,))


def parity_inputs() -> npt.NDArray[np.float32]:
    """(16, 3, 96, 96): the package's aligned faces as the refiner sees them."""
    seen = input_transform(np.eye(2, 3))
    crops = (warp(face, seen, INPUT_SIZE, INPUT_SIZE) for face in parity_faces())
    return np.concatenate([to_input(crop) for crop in crops])


def _run(graph: onnx.ModelProto, crops: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return run_graph(graph, {INPUT: crops})[OUTPUT]


def export_refiner(
    weights: Path, output: Path, figures: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Writes ONNX and sidecar, which is returned.

    Args:
        weights: of `train.landmarks.refiner`.
        output: the ONNX; the sidecar lies beside it.
        figures: what `train.landmarks.evaluate` measured, for the sidecar.

    Raises:
        TrainingError: no such weights.
        ExportError: the ONNX does not give what torch gives; nothing is written then.
    """
    network = load_refiner(weights)
    graph, crops = to_graph(network), parity_inputs()
    with torch.no_grad():
        exact = network(torch.from_numpy(crops)).numpy()
    against_torch = float(np.abs(_run(graph, crops) - exact).max())
    graph = with_fp16_weights(graph)
    moved = float(np.abs(_run(graph, crops) - exact)[:, :10].max()) * WINDOW / 2
    if against_torch > MAX_DIFFERENCE or moved > MAX_PIXELS:
        raise ExportError(
            f"ONNX and torch differ by {against_torch:.1e} (at most {MAX_DIFFERENCE:.0e}), FP16 "
            f"weights move a point by {moved:.2f} px (at most {MAX_PIXELS}); nothing was written"
        )
    about = {
        "colour": "RGB",
        "input_range": [-1.0, 1.0],
        "parameters": parameters(network),
        "flops": flops(),
        "parity": {"onnx_vs_torch": against_torch, "fp16_weights_px": moved, "faces": len(crops)},
        "training": training_note(weights),
        "figures": figures or {},
    }
    return write_onnx(graph, output, KIND, FORMAT, about)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    shown = ("parameters", "flops", "parity")
    return export_command("train.landmarks", export_refiner, shown, argv)


if __name__ == "__main__":
    sys.exit(main())
