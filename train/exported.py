"""Begins a training with an exported model: its weights, back in the layers they came from.

An exported model has no batch norm left, its convolutions hold it. So each batch norm is set to
what it does to a batch of views, undone again: the network makes the same pictures as before and
trains on from there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from tpgan_sdk.crops import INPUT_NAMES
from tpgan_sdk.errors import TrainingError
from tpgan_sdk.model import resolve_model

from .batch_norm import normalised
from .data.example import Example
from .networks import Generator

_PREFIX = "generator."
_FILM = "film."
_OPTIONAL = ("classifier", _FILM)
"""What no model has, and what one without a recogniser in it lacks: its beginning changes no
picture."""


def start_from_model(source: Path, network: Generator, sample: Callable[[], Example]) -> None:
    """Gives `network` the weights of an exported model.

    Args:
        source: an ONNX of `python -m export.to_onnx`, or the name of a packaged model; stored in
            FP32 or as "fp16-weights", channels not padded.
        network: of the preset that was exported.
        sample: views on which the batch norms measure what they see.

    Raises:
        ModelError: no such model.
        TrainingError: one of another preset, or whose weights are not those of its layers.
    """
    model = resolve_model(source if source.suffix else str(source))
    if model.info.preset != network.spec.name or model.info.template != network.spec.template:
        raise TrainingError(
            f"{model.path} is of preset {model.info.preset!r} and template "
            f"{model.info.template!r}; this run has {network.spec.name!r} and "
            f"{network.spec.template!r}: choose the same for both"
        )
    _load(network, _weights(model.path), model.path)
    _measure(network, sample())


def _weights(path: Path) -> dict[str, Tensor]:
    """By the name that torch has for them."""
    graph = onnx.load(path).graph
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


def _load(network: Generator, weights: dict[str, Tensor], path: Path) -> None:
    norms = {pair.conv_name: pair for pair in normalised(network)}
    optional = ("classifier",) if any(k.startswith(_FILM) for k in weights) else _OPTIONAL
    state: dict[str, Tensor] = {}
    for name, module in network.named_modules():
        if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            continue
        if f"{name}.weight" not in weights:
            if name.startswith(optional):
                continue
            raise TrainingError(
                f"{path} has no weights of {name}; expected the export of a trained network"
            )
        weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        whole = torch.zeros_like(module.weight)
        if name.startswith("seeds.grow."):  # the graph is exported without the noise's part
            whole[: len(weight)] = weight
            weight = whole
        if weight.shape != whole.shape:
            raise TrainingError(
                f"{path} has {tuple(weight.shape)} weights for {name}, which has "
                f"{tuple(whole.shape)}; export it again, unpadded"
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
def _measure(network: Generator, sample: Example) -> None:
    """Batch norms that do nothing become ones that do what they have measured, and undo it."""

    def see(norm: nn.Module, inputs: tuple[Any, ...]) -> None:
        wide = inputs[0].float()
        seen[norm].append((wide.mean((0, 2, 3)), wide.var((0, 2, 3))))

    pairs = normalised(network)
    own = [pair.norm for pair in pairs if not pair.norm_name.startswith(_FILM)]
    seen: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {norm: [] for norm in own}
    handles = [norm.register_forward_pre_hook(see) for norm in own]
    network.eval()
    face, *patches = (sample[name] for name in INPUT_NAMES)
    network(face, patches)
    for handle in handles:
        handle.remove()
    for norm in own:
        # One that both eyes share has seen either.
        mean, variance = (
            torch.stack(values).mean(dim=0) for values in zip(*seen[norm], strict=True)
        )
        state = norm.state_dict()
        state["running_mean"].copy_(mean)
        state["running_var"].copy_(variance)
        state["weight"].copy_((variance + norm.eps).sqrt())
        state["bias"].add_(mean)
