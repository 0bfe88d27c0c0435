"""Files of weights that say how they were trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tpgan_sdk.errors import TrainingError

Network = TypeVar("Network", bound=nn.Module)


def save_weights(state: Mapping[str, Tensor], path: Path, note: Mapping[str, Any]) -> None:
    """Writes a network's state with a note on its training."""
    tensors = {name: value.contiguous() for name, value in state.items()}
    save_file(tensors, path, {"training": json.dumps(note)})


def load_weights(network: Network, path: Path, kind: str, expected: str) -> Network:
    """The network with trained weights, in evaluation mode.

    Args:
        network: takes the weights.
        path: of `save_weights`.
        kind: of network, for the error.
        expected: the usual file and what writes it, for the error.

    Raises:
        TrainingError: no such file, or the weights of another network.
    """
    try:
        network.load_state_dict(load_file(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise TrainingError(
            f"{path} does not hold a {kind}'s weights ({error}); expected {expected}"
        ) from error
    return network.eval()


def training_note(path: Path) -> dict[str, Any]:
    """What a file of weights says about its training; empty where it says nothing."""
    with safe_open(path, "pt") as file:
        note: dict[str, Any] = json.loads((file.metadata() or {}).get("training", "{}"))
    return note
