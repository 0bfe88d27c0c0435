"""Ablation: configurations without one part of the method."""

from __future__ import annotations

from typing import Any

from tpgan_sdk.errors import TrainingError

from .config import TrainConfig, replace_checked

WITHOUT: dict[str, dict[str, Any]] = {
    "pixel": {
        "pixel_128": 0.0,
        "pixel_64": 0.0,
        "pixel_32": 0.0,
        "pixel_patches": 0.0,
        "pixel_fetched": 0.0,
        "pixel_composed": 0.0,
    },
    "symmetry": {
        "symmetry_128": 0.0,
        "symmetry_64": 0.0,
        "symmetry_32": 0.0,
        "symmetry_laplacian": 0.0,
    },
    "identity": {
        "identity": 0.0,
        "identity_contrast": 0.0,
        "identity_embedding": 0.0,
        "identity_features": 0.0,
    },
    "total_variation": {"total_variation": 0.0},
    "adversarial": {"adversarial": 0.0},
    "cross_entropy": {"cross_entropy": 0.0},
    "local": {"local_pathways": False, "pixel_patches": 0.0},
}
"""What each name turns off."""


def without(config: TrainConfig, name: str) -> TrainConfig:
    """The configuration with one part turned off.

    Raises:
        TrainingError: an unknown name, or a part that the configuration has not.
    """
    if name not in WITHOUT:
        raise TrainingError(f"cannot ablate {name!r}; known: {', '.join(WITHOUT)}")
    changed = replace_checked(config, WITHOUT[name])
    if changed == config:
        raise TrainingError(
            f"cannot ablate {name!r}: this configuration has it turned off already; choose one "
            "that has it, as --config paper"
        )
    return changed
