"""Which portraits are rendered, and which views of each: all that is random is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tpgan_sdk.errors import TrainingError

from .camera import Camera, Light
from .split import held_out, name_hash

SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
MAX_YAW: Final = 90.0
# Camera distance in eye-to-mouth lengths: 0.6 to 4 metres. Nearer ones distort more, so the
# inverse is drawn.
DISTANCES: Final = (8.5, 57.0)
# Share of the views that are relit, how much, and how much of that light is ambient.
RELIT: Final = 0.75
STRENGTH: Final = (0.1, 0.8)
AMBIENT: Final = (0.35, 0.75)
# Degrees in which the light's direction is drawn: sideways, and above the eyes.
AZIMUTH: Final = (-80.0, 80.0)
HEIGHT: Final = (-20.0, 65.0)
# Colour temperature as blue against red, and brightness: standard deviations of their logarithm.
TINT: Final = (0.05, 0.08)
TINT_LIMIT: Final = 0.2


@dataclass(frozen=True, slots=True)
class RenderConfig:
    """What is rendered from each portrait."""

    views: int = 13
    """Views a portrait, their yaws spread evenly over 0 to 90 degrees and jittered."""
    yaws: tuple[float, ...] = ()
    """Exact yaws in place of that, each from portrait and mirror image (0 only once)."""
    pitch: float = 15.0
    """Largest pitch in degrees, small ones being more frequent."""
    roll: float = 4.0
    """Largest roll in degrees."""
    seed: int = 0

    def __post_init__(self) -> None:
        bad = [yaw for yaw in self.yaws if not 0 <= yaw <= MAX_YAW]
        if bad:
            raise TrainingError(
                f"yaw {bad[0]:g} cannot be rendered; expected 0 to {MAX_YAW:g} degrees (the other "
                "half of the person comes from the mirror image)"
            )
        if self.views < 1:
            raise TrainingError(f"{self.views} views a portrait; expected at least 1")

    @property
    def views_each(self) -> int:
        """Views of one portrait."""
        return sum(2 if yaw > 0 else 1 for yaw in self.yaws) or self.views


def find_portraits(folders: Sequence[Path], split: str) -> list[Path]:
    """Portraits of one split ("train" or "heldout"), in an order that only names decide.

    Raises:
        TrainingError: a folder is missing or holds no pictures.
    """
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise TrainingError(f"{folder} is not a folder; --portraits takes folders of photos")
        pictures = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES]
        if not pictures:
            raise TrainingError(
                f"no pictures in {folder}; expected files ending in " + ", ".join(SUFFIXES)
            )
        found += pictures
    # By hash, so that every shard is a mixture of all folders.
    chosen = (p for p in found if held_out(p.name) == (split == "heldout"))
    return sorted(chosen, key=lambda p: (name_hash(p.name), str(p)))


def portrait_generator(seed: int, filename: str) -> np.random.Generator:
    """Random numbers of one portrait: independent of all others and of their order."""
    return np.random.default_rng([seed, name_hash(filename)])


def plan_views(config: RenderConfig, rng: np.random.Generator) -> list[tuple[Camera, Light, bool]]:
    """Camera, light and whether the portrait is mirrored, for each view of one portrait."""
    if config.yaws:
        sides = [(yaw, side) for yaw in config.yaws for side in (False, True)]
        poses = [(yaw, side) for yaw, side in sides if yaw > 0 or not side]
    else:
        bands = (np.arange(config.views) + rng.random(config.views)) / config.views
        first = int(rng.integers(2))
        poses = [(float(b) * MAX_YAW, bool((k + first) % 2)) for k, b in enumerate(bands)]
    plan = []
    for yaw, mirrored in poses:
        pitch = config.pitch * float(rng.triangular(-1.0, 0.0, 1.0))
        roll = config.roll * float(rng.uniform(-1.0, 1.0))
        distance = 1.0 / float(rng.uniform(1.0 / DISTANCES[1], 1.0 / DISTANCES[0]))
        plan.append((Camera(yaw, pitch, roll, distance), _random_light(rng), mirrored))
    return plan


def _random_light(rng: np.random.Generator) -> Light:
    """A light from the viewer's half of the room, more often from above."""
    azimuth, height = np.radians(rng.uniform(*AZIMUTH)), np.radians(rng.uniform(*HEIGHT))
    strength = float(rng.uniform(*STRENGTH)) * float(rng.random() < RELIT)
    direction = (
        strength * float(np.sin(azimuth) * np.cos(height)),
        strength * float(-np.sin(height)),
        strength * float(-np.cos(azimuth) * np.cos(height)),
    )
    warmth, bright = rng.normal(0.0, TINT).clip(-TINT_LIMIT, TINT_LIMIT)
    blue, green, red = (float(np.exp(bright + sign * warmth)) for sign in (1.0, 0.0, -1.0))
    return Light(direction, float(rng.uniform(*AMBIENT)), (blue, green, red))
