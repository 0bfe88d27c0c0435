"""From the refiner's weights to the ONNX and sidecar of the package.

python -m train.landmarks.export --weights DIR/refiner.safetensors --output refiner.onnx
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import onnxsim
import torch
from onnx import TensorProto, numpy_helper

from export.graph import OPSET
from export.parity import FACES
from export.precision import store_weights_fp16
from tpgan_sdk.errors import ExportError, TPGANError
from tpgan_sdk.model import sha256_of, sidecar_path
from tpgan_sdk.refiner import FORMAT, INPUT_SIZE, WINDOW, input_transform, to_input
from tpgan_sdk.resample import warp

from .network import Refiner, flops
from .refiner import load_refiner, training_note

MAX_DIFFERENCE: Final = 1e-4
"""Of ONNX Runtime and torch with the same weights; 1 is half the input."""
MAX_PIXELS: Final = 0.1
"""What the rounded weights may move a point, in px of the 128x128 crop."""


def to_graph(network: Refiner) -> onnx.ModelProto:
    """ONNX with a dynamic batch, without the exporter's notes on this machine."""
    example = torch.zeros(2, 3, INPUT_SIZE, INPUT_SIZE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the exporter's own internals
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["crop"],
            output_names=["points_and_pose"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise ExportError("torch.onnx.export returned no program")
    graph: onnx.ModelProto
    graph, same = onnxsim.simplify(program.model_proto)
    if not same:
        raise ExportError("onnx-simplifier changed the graph's results; nothing was written")
    del graph.metadata_props[:]
    for part in (*graph.graph.node, *graph.graph.value_info, *graph.graph.input):
        del part.metadata_props[:]
        part.doc_string = ""
    graph.producer_name = "tpgan-sdk"
    return graph


def round_weights(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose weights are the nearest FP16 numbers, still held as float32."""
    rounded = onnx.ModelProto()
    rounded.CopyFrom(graph)
    for tensor in rounded.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor).astype(np.float16).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return rounded


def parity_inputs() -> npt.NDArray[np.float32]:
    """(16, 3, 96, 96): the package's aligned faces as the refiner sees them."""
    crops = []
    for path in sorted(FACES.glob("*.png")):
        face = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR), dtype=np.uint8)
        pixels = warp(face, input_transform(np.eye(2, 3)), INPUT_SIZE, INPUT_SIZE)
        crops.append(to_input(pixels))
    return np.concatenate(crops)


def _run(graph: onnx.ModelProto, crops: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    result: npt.NDArray[np.float32] = session.run(None, {"crop": crops})[0]
    return result


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
    graph = store_weights_fp16(round_weights(graph))
    moved = float(np.abs(_run(graph, crops) - exact)[:, :10].max()) * WINDOW / 2
    if against_torch > MAX_DIFFERENCE or moved > MAX_PIXELS:
        raise ExportError(
            f"ONNX and torch differ by {against_torch:.1e} (at most {MAX_DIFFERENCE:.0e}), FP16 "
            f"weights move a point by {moved:.2f} px (at most {MAX_PIXELS}); nothing was written"
        )
    output.write_bytes(graph.SerializeToString())
    info = {
        "kind": "landmark refiner",
        "format": FORMAT,
        "sha256": sha256_of(output),
        "precision": "fp16-weights",
        "opset": OPSET,
        "colour": "RGB",
        "input_range": [-1.0, 1.0],
        "parameters": sum(value.numel() for value in network.parameters()),
        "flops": flops(),
        "parity": {"onnx_vs_torch": against_torch, "fp16_weights_px": moved, "faces": len(crops)},
        "training": training_note(weights),
        "figures": figures or {},
    }
    sidecar_path(output).write_text(json.dumps(info, indent=2) + "\n")
    return info


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m train.landmarks.export")
    parser.add_argument("--weights", type=Path, required=True, metavar="FILE")
    parser.add_argument("--output", type=Path, required=True, metavar="ONNX")
    parser.add_argument("--figures", type=Path, help="JSON of train.landmarks.evaluate to keep")
    arguments = parser.parse_args(argv)
    try:
        figures = json.loads(arguments.figures.read_text()) if arguments.figures else None
        info = export_refiner(arguments.weights, arguments.output, figures)
    except TPGANError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps({key: info[key] for key in ("parameters", "flops", "parity")}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
