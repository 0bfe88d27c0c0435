"""Initial weights from an exported model, back in the layers they came from.

An exported model has no batch norm left, its convolutions hold it. So each batch norm is set to
what it does to a batch of views, undone again: the network makes the same pictures as before and
trains on from there. Needs onnx.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.models.model import Model, resolve_model

from ..data.example import Example
from ..networks import Network
from .batch_norm import normalised

SAMPLE = 96
"""Views on which the batch norms are measured."""
_PREFIX = "generator."
_PRECISIONS = ("fp32", "fp16-weights")


def start_from_model(source: Path, network: Network, sample: Example) -> None:
    """Gives `network` the weights of an exported model.

    Args:
        source: an ONNX of `python -m export.to_onnx`, or the name of a packaged model; stored in
            FP32 or as "fp16-weights", neither padded nor tiled.
        network: of the preset that was exported.
        sample: views on which the batch norms measure what they see, on the network's device.

    Raises:
        ModelError: no such model.
        TrainingError: one of another preset or precision, or whose weights are not those of its
            layers; or onnx is not installed.
    """
    model = resolve_model(source)
    info = model.info
    if info.preset != network.spec.name or info.template != network.spec.template:
        raise TrainingError(
            f"{model.path} is of preset {info.preset!r} and template {info.template!r}; this run "
            f"has {network.spec.name!r} and {network.spec.template!r}: choose the same for both"
        )
    if info.precision not in _PRECISIONS:
        raise TrainingError(
            f"{model.path} is stored as {info.precision}; expected {' or '.join(_PRECISIONS)}"
        )
    weights = _weights(model)
    if any(name.startswith("local.") for name in weights) != (network.local is not None):
        raise TrainingError(
            f"either {model.path} or this run has no local pathways; choose the same for both"
        )
    _load(network, weights, model.path)
    _measure(network, sample)


def _weights(model: Model) -> dict[str, Tensor]:
    """By the name that torch has for them."""
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError:
        raise TrainingError(
            "beginning with an exported model needs onnx: pip install 'tpgan-sdk[export]'"
        ) from None

    graph = onnx.load(model.path).graph
    stored = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Cast"}
    arrays = {tensor.name: tensor for tensor in graph.initializer}
    found: dict[str, Tensor] = {}
    for node in graph.node:
        if node.op_type not in ("Conv", "ConvTranspose", "Gemm") or len(node.input) < 3:
            continue
        # The exporter keeps the bias's name, not always the weight's.
        weight, bias = (stored.get(name, name) for name in node.input[1:3])
        layer = node.input[2].removeprefix(_PREFIX).removesuffix(".bias")
        for name, tensor in (("weight", weight), ("bias", bias)):
            values = numpy_helper.to_array(arrays[tensor]).astype("float32")
            found[f"{layer}.{name}"] = torch.from_numpy(values)
    return found


def _load(network: Network, weights: dict[str, Tensor], path: Path) -> None:
    norms = {pair.conv_name: pair for pair in normalised(network)}
    state: dict[str, Tensor] = {}
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            continue
        if name == "classifier":  # for training only
            continue
        if f"{name}.weight" not in weights:
            raise TrainingError(
                f"{path} has no weights of {name}; expected the export of a trained network, its "
                "channels not padded and its convolutions not tiled"
            )
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        whole = torch.zeros_like(module.weight)
        if name.startswith("seeds.grow.") and weight.shape[1:] == whole.shape[1:]:
            whole[: len(weight)] = weight  # the graph is exported without the noise's part
            weight = whole
        if weight.shape != whole.shape:
            raise TrainingError(
                f"{path} has {tuple(weight.shape)} weights for {name}, which has "
                f"{tuple(whole.shape)}; expected a model of the same widths"
            )
        state[f"{name}.weight"] = weight
        pair = norms.get(name)
        if pair is None:
            state[f"{name}.bias"] = bias
            continue
        key, zeros, ones = pair.norm_name, torch.zeros_like(bias), torch.ones_like(bias)
        state |= {f"{key}.weight": ones, f"{key}.bias": bias, f"{key}.running_mean": zeros}
        state[f"{key}.running_var"] = ones - pair.norm.eps
        if module.bias is not None:
            state[f"{name}.bias"] = zeros
    network.load_state_dict(state, strict=False)


@torch.no_grad()
def _measure(network: Network, sample: Example) -> None:
    """Batch norms that do nothing become ones that do what they have measured, and undo it."""

    def see(norm: nn.Module, inputs: tuple[Any, ...]) -> None:
        wide = inputs[0].float()
        seen[norm] = wide.mean((0, 2, 3)), wide.var((0, 2, 3))

    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    norms = [pair.norm for pair in normalised(network)]
    handles = [norm.register_forward_pre_hook(see) for norm in norms]
    network.eval()
    face, *patches = (sample[name] for name in network.inputs)
    network(face, patches)
    for handle in handles:
        handle.remove()
    for norm in norms:
        mean, variance = seen[norm]
        state = norm.state_dict()
        state["running_mean"].copy_(mean)
        state["running_var"].copy_(variance)
        state["weight"].copy_((variance + norm.eps).sqrt())
        state["bias"].add_(mean)
