"""The generators, built from tables."""

from .generator import Frontal, Generator
from .spec import PRESETS, GeneratorSpec

__all__ = ["PRESETS", "Frontal", "Generator", "GeneratorSpec"]
