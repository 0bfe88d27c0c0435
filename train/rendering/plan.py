"""Render plan: which portraits, and which views of each; all randomness is decided here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.images.files import SUFFIXES

from ..data.split import held_out, name_hash
from .camera import Camera
from .light import Light

MAX_YAW: Final = 90.0
# Camera distance in eye-to-mouth lengths: 0.6 to 4 metres. Nearer ones distort more, so the
# inverse is drawn.
DISTANCES: Final = (8.5, 57.0)
# Views of somebody who smiles, relative to others.
SMILING_VIEWS: Final = 0.7
# Share of the views that are relit, how much, and how much of that light is ambient.
RELIT: Final = 0.75
STRENGTH: Final = (0.1, 1.0)
AMBIENT: Final = (0.2, 0.75)
# Degrees in which the lamp's direction is drawn: sideways, and above the eyes.
AZIMUTH: Final = (-110.0, 110.0)
HEIGHT: Final = (-25.0, 70.0)
# Deviation of the environment's harmonics of the first order and of the second.
ENVIRONMENT: Final = (0.15,) * 3 + (0.07,) * 5
# Grey levels of a highlight on dull and on shiny skin.
GLOSS: Final = (0.0, 70.0)
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
    pitch: float = 20.0
    """Largest pitch in degrees, small ones being more frequent."""
    roll: float = 4.0
    """Largest roll in degrees."""
    new_people: float = 1.0
    """People made from two portraits, for each portrait."""
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
        if self.new_people < 0:
            raise TrainingError(f"{self.new_people:g} new people; expected 0 or more")

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
                f"no pictures in {folder}; expected files ending in " + ", ".join(sorted(SUFFIXES))
            )
        found += pictures
    # By hash, so that every shard is a mixture of all folders.
    chosen = (p for p in found if held_out(p.name) == (split == "heldout"))
    return sorted(chosen, key=lambda p: (name_hash(p.name), str(p)))


@dataclass(frozen=True, slots=True)
class Person:
    """One identity of the shards."""

    identity: int
    portrait: Path
    partner: Path | None = None
    """A second portrait, where the person is made from two."""

    @property
    def name(self) -> str:
        """Folder and file of the portrait, or both portraits joined by "+"."""
        return "+".join(f"{path.parent.name}/{path.name}" for path in self._paths)

    @property
    def key(self) -> str:
        """File names alone, from which everything random about the person comes."""
        return "+".join(path.name for path in self._paths)

    @property
    def _paths(self) -> list[Path]:
        return [self.portrait] if self.partner is None else [self.portrait, self.partner]


def plan_people(portraits: Sequence[Path], config: RenderConfig) -> list[Person]:
    """Those of the portraits, and new ones made from two of them.

    Second portraits come from all folders alike: small collections, which hold what the large
    ones lack, are in half of the new people so. The same two portraits never make two people.
    """
    people = [Person(k, path) for k, path in enumerate(portraits)]
    folders: dict[Path, list[Path]] = {}
    for path in portraits:
        folders.setdefault(path.parent, []).append(path)
    rng = np.random.default_rng([config.seed, len(portraits)])
    groups = list(folders.values())
    taken: dict[Path, set[Path]] = {}
    for k in range(round(config.new_people * len(portraits)) if len(portraits) > 1 else 0):
        portrait = portraits[k % len(portraits)]
        group = groups[int(rng.integers(len(groups)))]
        used = taken.setdefault(portrait, {portrait})
        others = [path for path in group if path not in used]
        others = others or [path for path in portraits if path not in used]
        if others:
            partner = others[int(rng.integers(len(others)))]
            used.add(partner)
            people.append(Person(len(people), portrait, partner))
    # Mixed anew, so that every shard has both kinds.
    return sorted(people, key=lambda person: name_hash(person.key))


def portrait_generator(seed: int, filename: str) -> np.random.Generator:
    """Random numbers of one portrait: independent of all others and of their order."""
    return np.random.default_rng([seed, name_hash(filename)])


def plan_views(
    config: RenderConfig, rng: np.random.Generator, smiling: bool = False
) -> list[tuple[Camera, Light, bool]]:
    """Camera, light and whether the portrait is mirrored, for each view of one portrait.

    Portraits smile more than people do; who smiles gets fewer views, or a network learns to make
    everybody smile.
    """
    if config.yaws:
        sides = [(yaw, side) for yaw in config.yaws for side in (False, True)]
        poses = [(yaw, side) for yaw, side in sides if yaw > 0 or not side]
    else:
        count = max(1, round(config.views * SMILING_VIEWS)) if smiling else config.views
        bands = (np.arange(count) + rng.random(count)) / count
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
    """A lamp, more often above the eyes than below, in an environment of its own."""
    azimuth, height = np.radians(rng.uniform(*AZIMUTH)), np.radians(rng.uniform(*HEIGHT))
    strength = float(rng.uniform(*STRENGTH)) * float(rng.random() < RELIT)
    direction = (
        strength * float(np.sin(azimuth) * np.cos(height)),
        strength * float(-np.sin(height)),
        strength * float(-np.cos(azimuth) * np.cos(height)),
    )
    return Light(
        direction,
        ambient=float(rng.uniform(*AMBIENT)),
        gain=_tint(rng),
        lamp=_tint(rng),
        environment=tuple(float(value) for value in rng.normal(0.0, ENVIRONMENT)),
        gloss=float(rng.uniform(*GLOSS)) * float(rng.random() < 0.5),
    )


def _tint(rng: np.random.Generator) -> tuple[float, float, float]:
    """Factors of blue, green and red, from cold to warm and a little darker or brighter."""
    warmth, bright = rng.normal(0.0, TINT).clip(-TINT_LIMIT, TINT_LIMIT)
    blue, green, red = (float(np.exp(bright + sign * warmth)) for sign in (1.0, 0.0, -1.0))
    return blue, green, red
