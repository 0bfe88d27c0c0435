"""From a trained generator to a plain, simplified ONNX graph. Needs torch."""

from __future__ import annotations

import copy
import io
import logging
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout

import onnx
import onnxsim
import torch
from torch import Tensor, nn
from torch.nn.utils import fusion

from tpgan_sdk.crops import INPUT_NAMES
from tpgan_sdk.errors import ExportError
from train.batch_norm import normalised
from train.networks import Generator
from train.networks.measure import example_inputs

OPSET = 18
"""The newest that TensorRT 10.3 (JetPack 6) and ONNX Runtime 1.23 both read in full."""
OUTPUT_NAME = "frontal"


class Deployed(nn.Module):
    """Five tensors in, the frontal picture out; the noise is its mean, so it is deterministic."""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(
        self, face: Tensor, left_eye: Tensor, right_eye: Tensor, nose: Tensor, mouth: Tensor
    ) -> Tensor:
        image: Tensor = self.generator(face, (left_eye, right_eye, nose, mouth)).image
        return image


def fold_batch_norm(generator: Generator) -> Generator:
    """A copy in evaluation mode whose convolutions hold their batch norms."""
    folded = copy.deepcopy(generator).eval()
    for pair in normalised(folded):
        folded.set_submodule(pair.conv_name, fusion.fuse_conv_bn_eval(pair.conv, pair.norm))
        folded.set_submodule(pair.norm_name, nn.Identity())
    return folded


def round_weights(generator: Generator) -> Generator:
    """A copy whose weights are the nearest FP16 numbers, still held as float32."""
    rounded = copy.deepcopy(generator)
    for parameter in rounded.parameters():
        parameter.data = parameter.data.half().float()
    return rounded


def to_graph(generator: Generator) -> onnx.ModelProto:
    """ONNX with a dynamic batch, simplified by onnx-simplifier.

    Raises:
        ExportError: the simplifier's own check fails.
    """
    network = Deployed(generator).eval()
    face, patches = example_inputs(batch=2)
    batch = torch.export.Dim("batch")
    shapes = {name: {0: batch} for name in INPUT_NAMES}
    program = _quietly(
        lambda: torch.onnx.export(
            network,
            (face, *patches),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(INPUT_NAMES),
            output_names=[OUTPUT_NAME],
            dynamic_shapes=shapes,
            external_data=False,
            verbose=False,
        )
    )
    simplified: onnx.ModelProto
    simplified, same = onnxsim.simplify(program.model_proto)
    if not same:
        raise ExportError("onnx-simplifier changed the graph's results; nothing was written")
    del simplified.metadata_props[:]
    for node in simplified.graph.node:
        # The exporter notes source lines and paths of the exporting machine at every node.
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*simplified.graph.value_info, *simplified.graph.input, *simplified.graph.output):
        del value.metadata_props[:]
        value.doc_string = ""
    for tensor in simplified.graph.initializer:
        tensor.doc_string = ""
    simplified.producer_name = "tpgan-sdk"
    onnx.checker.check_model(simplified, full_check=True)
    return simplified


def _quietly(call: Callable[[], torch.onnx.ONNXProgram | None]) -> torch.onnx.ONNXProgram:
    """The exporter prints and warns about its own internals."""
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            program = call()
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
    if program is None:
        raise ExportError("torch.onnx.export returned no program")
    return program
