"""From a trained network to a plain, simplified ONNX graph. Needs torch."""

from __future__ import annotations

import copy
import io
import logging
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any, TypeVar

import onnx
import onnxsim
import torch
from torch import Tensor, nn
from torch.nn.utils import fusion

from tpgan_sdk.errors import ExportError
from train.networks import FlowGenerator, Network
from train.networks.measure import example_inputs_of
from train.training.batch_norm import normalised

N = TypeVar("N", bound=nn.Module)

OPSET = 18
"""The newest that TensorRT 10.3 (JetPack 6) and ONNX Runtime 1.23 both read in full."""


class Deployed(nn.Module):
    """The inputs in, the outputs out, the frontal picture first; the noise is its mean, so the
    result is deterministic."""

    def __init__(self, generator: Network) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, face: Tensor, *patches: Tensor) -> tuple[Tensor, ...]:
        if isinstance(self.generator, FlowGenerator):
            return self.generator.deployed(face)
        return (self.generator(face, patches).image,)


def fold_batch_norm(generator: N) -> N:
    """A copy in evaluation mode whose convolutions hold their batch norms."""
    folded = copy.deepcopy(generator).eval()
    for pair in normalised(folded):
        folded.set_submodule(pair.conv_name, fusion.fuse_conv_bn_eval(pair.conv, pair.norm))
        folded.set_submodule(pair.norm_name, nn.Identity())
    return folded


def round_weights(generator: N) -> N:
    """A copy whose weights are the nearest FP16 numbers, still held as float32."""
    rounded = copy.deepcopy(generator)
    for parameter in rounded.parameters():
        parameter.data = parameter.data.half().float()
    return rounded


def to_graph(generator: Network) -> onnx.ModelProto:
    """`plain_graph` of a generator, with a dynamic batch.

    Raises:
        ExportError: no graph, or the simplifier's own check fails.
    """
    names = list(generator.inputs)
    batch = torch.export.Dim("batch")
    graph = plain_graph(
        Deployed(generator),
        tuple(example_inputs_of(generator.inputs, batch=2)),
        names,
        list(generator.outputs),
        ({0: batch}, *([tuple({0: batch} for _ in names[1:])] if names[1:] else [])),
    )
    onnx.checker.check_model(graph, full_check=True)
    return graph


def plain_graph(
    network: nn.Module,
    examples: tuple[Tensor, ...],
    input_names: Sequence[str],
    output_names: Sequence[str],
    dynamic_shapes: dict[str, Any] | tuple[Any, ...],
) -> onnx.ModelProto:
    """ONNX simplified by onnx-simplifier, without the exporter's notes on this machine.

    Args:
        network: is set to evaluation mode.
        examples: what it takes.
        input_names: in the graph.
        output_names: in the graph.
        dynamic_shapes: as `torch.export.export` takes them.

    Raises:
        ExportError: no graph, or the simplifier's own check fails.
    """
    program = _quietly(
        lambda: torch.onnx.export(
            network.eval(),
            examples,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(input_names),
            output_names=list(output_names),
            dynamic_shapes=dynamic_shapes,
            external_data=False,
            verbose=False,
        )
    )
    simplified: onnx.ModelProto
    simplified, same = onnxsim.simplify(program.model_proto)
    if not same:
        raise ExportError("onnx-simplifier changed the graph's results; nothing was written")
    del simplified.metadata_props[:]
    graph = simplified.graph
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output):
        # The exporter notes source lines and paths of the exporting machine.
        del part.metadata_props[:]
        part.doc_string = ""
    for tensor in graph.initializer:
        tensor.doc_string = ""
    simplified.producer_name = "tpgan-sdk"
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
