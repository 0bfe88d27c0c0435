"""The package's ONNX files: FP16 weights and a sidecar."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, numpy_helper

from export.graphs.torch_graph import OPSET
from export.precisions.half import store_weights_fp16
from tpgan_sdk.backends.parity import FACES
from tpgan_sdk.images.resample import UInt8Array
from tpgan_sdk.models.model import sha256_of, sidecar_path


def parity_faces() -> list[UInt8Array]:
    """The package's 16 aligned faces, (128, 128, 3) BGR."""
    paths = sorted(FACES.glob("*.png"))
    return [np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR), dtype=np.uint8) for path in paths]


def run_graph(
    graph: onnx.ModelProto, inputs: dict[str, npt.NDArray[np.float32]]
) -> dict[str, npt.NDArray[np.float32]]:
    """A graph's outputs by name, of ONNX Runtime on the CPU."""
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def with_fp16_weights(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose weights are the nearest FP16 numbers, the large ones also stored as such."""
    rounded = onnx.ModelProto()
    rounded.CopyFrom(graph)
    for tensor in rounded.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor).astype(np.float16).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return store_weights_fp16(rounded)


def write_onnx(
    graph: onnx.ModelProto, output: Path, kind: str, form: int, about: dict[str, Any]
) -> dict[str, Any]:
    """Writes ONNX and sidecar, which is returned.

    Args:
        graph: of `with_fp16_weights`.
        output: the ONNX; the sidecar lies beside it.
        kind: of network, as the SDK calls it.
        form: number of the sidecar's format.
        about: the rest of the sidecar.
    """
    output.write_bytes(graph.SerializeToString())
    info = {
        "kind": kind,
        "format": form,
        "sha256": sha256_of(output),
        "precision": "fp16-weights",
        "opset": OPSET,
        **about,
    }
    sidecar_path(output).write_text(json.dumps(info, indent=2) + "\n")
    return info
