"""From a file of weights to a recogniser: the tensors say which architecture it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tpgan_sdk.errors import TrainingError

from .base import FaceNetwork, Recogniser
from .light_cnn import LightCNN9, LightCNN29, LightCNN29v2
from .mobilefacenet import MobileFaceNet

NETWORKS: dict[str, type[FaceNetwork]] = {
    network.name: network for network in (MobileFaceNet, LightCNN9, LightCNN29, LightCNN29v2)
}
_CLASSIFIER = "fc2."
"""Light CNN's checkpoints end in a layer over their training identities, which nobody needs."""


def load_recogniser(path: Path) -> Recogniser:
    """A frozen recogniser from a published checkpoint or one of `python -m train.recogniser`.

    Args:
        path: `.safetensors`, or what `torch.save` wrote of a state dict or of a dictionary that
            holds one under "state_dict". It is read without executing anything in it.

    Raises:
        TrainingError: no such file, not weights, or of no architecture in `NETWORKS`.
    """
    return Recogniser(read_network(path))


def read_network(path: Path) -> FaceNetwork:
    """As `load_recogniser`, but trainable: to go on from these weights."""
    state = _read_state(path)
    for architecture in NETWORKS.values():
        name, shape = architecture.signature
        if name in state and tuple(state[name].shape) == shape:
            break
    else:
        expected = "; ".join(
            f"{known.name}: {known.signature[0]} {known.signature[1]}"
            for known in NETWORKS.values()
        )
        raise TrainingError(
            f"{path} holds {len(state)} tensors of no known recogniser; expected one of these "
            f"({expected})"
        )
    network = architecture()
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise TrainingError(f"{path} looks like {network.name} but differs: {reason}") from None
    return network


def _read_state(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise TrainingError(
            f"no recogniser weights at {path}; expected a file with the weights of "
            + ", ".join(NETWORKS)
        )
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError) as error:
        raise TrainingError(f"{path} cannot be read: {error}") from None
    except Exception as error:  # torch.load raises whatever its unpickler does
        reason = str(error).partition("\n")[0]  # the rest suggests to unpickle anything
        raise TrainingError(
            f"{path} cannot be read as weights: {reason}; expected a state dict that torch.save "
            "or safetensors wrote"
        ) from None
    state = content.get("state_dict", content) if isinstance(content, dict) else {}
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    # Trained by nn.DataParallel, every name begins with "module.".
    plain = {name.removeprefix("module."): value for name, value in tensors.items()}
    return {name: value for name, value in plain.items() if not name.startswith(_CLASSIFIER)}
