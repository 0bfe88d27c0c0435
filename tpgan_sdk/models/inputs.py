"""The inputs that a model can take: names, shapes, and the margin around the face."""

from __future__ import annotations

from typing import Final

from ..geometry import CROP_SIZE, PATCHES

INPUT_NAMES: Final = ("face", *(patch.name for patch in PATCHES))
"""Names and order of the inputs that a model can take."""
InputShapes = dict[str, list[int]]
"""Channels, height and width of each input of a model, by name, in its order."""
INPUT_SHAPES: Final[InputShapes] = {
    "face": [3, CROP_SIZE, CROP_SIZE],
    **{patch.name: [3, patch.height, patch.width] for patch in PATCHES},
}
"""Of a model of face and four patches, such as `paper`."""


def face_input(margin: int) -> InputShapes:
    """Of a model of the face alone, with so many crop px around the crop."""
    return {"face": [3, CROP_SIZE + 2 * margin, CROP_SIZE + 2 * margin]}


def margin_of(shapes: InputShapes) -> int:
    """Crop px that a model's face input shows around the crop, on every side."""
    return (shapes["face"][1] - CROP_SIZE) // 2
