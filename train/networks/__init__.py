"""The generators, built from tables.

May be imported by training, landmarks, detector, export and benchmarks.
"""

from __future__ import annotations

from typing import Final

from .flow_generator import FlowGenerator, FrontalFlow
from .flow_spec import EDGE, TINY_FLOW, FlowSpec
from .generator import Frontal, Generator
from .spec import PRESETS as DRAWING
from .spec import GeneratorSpec

Spec = GeneratorSpec | FlowSpec
Network = Generator | FlowGenerator
PRESETS: Final[dict[str, Spec]] = {**DRAWING, **{s.name: s for s in (EDGE, TINY_FLOW)}}


def build(spec: Spec, classes: int = 0) -> Network:
    """The network of a table.

    Args:
        spec: the table.
        classes: of the cross-entropy on the code; a `FlowGenerator` has none.
    """
    return FlowGenerator(spec) if isinstance(spec, FlowSpec) else Generator(spec, classes)


__all__ = [
    "PRESETS",
    "FlowGenerator",
    "FlowSpec",
    "Frontal",
    "FrontalFlow",
    "Generator",
    "GeneratorSpec",
    "Network",
    "Spec",
    "build",
]
