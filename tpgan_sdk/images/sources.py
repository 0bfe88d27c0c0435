"""Whatever holds a picture to the SDK's array: a path, an encoded file, an object of a library."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..errors import ImageError
from .files import MAX_BYTES, check_image, decode_image, read_image
from .resample import UInt8Array


class PillowImage(Protocol):
    """What `PIL.Image.Image` is told by; Pillow need not be installed."""

    @property
    def mode(self) -> str: ...

    @property
    def width(self) -> int: ...


_MODES = {"1": "L", "L": "L", "LA": "RGBA", "PA": "RGBA", "RGBA": "RGBA", "RGBa": "RGBA"}
"""Pillow's modes and what they become; all others: RGB."""


def load_image(source: Any) -> UInt8Array:
    """A picture in main memory, in any form that the SDK takes.

    Args:
        source: path; encoded file as bytes, or an open binary file or buffer of it; `PIL.Image`
            (its EXIF rotation is applied); array, or an object with `__array__`, as for
            `check_image`: BGR.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        ImageError: it is none of these, or cannot be read.
    """
    if isinstance(source, str | Path):
        return read_image(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return decode_image(bytes(source), "the encoded picture")
    library = type(source).__module__.partition(".")[0]
    if library == "torch":
        raise ImageError(
            f"the image is a {type(source).__name__}; expected (H, W, 3) uint8 in BGR order: of a "
            f"torch tensor of RGB in 0..1, (3, H, W) (this one: {tuple(source.shape)}), "
            "tensor.flip(0).permute(1, 2, 0).mul(255).round().byte().cpu().numpy()"
        )
    if any(kind.__module__.partition(".")[0] == "PIL" for kind in type(source).__mro__):
        return _of_pillow(source)
    if hasattr(source, "read"):
        return _of_file(source)
    if not isinstance(source, np.ndarray) and hasattr(source, "__array__"):
        return check_image(np.asarray(source))
    return check_image(source)


def _of_file(file: Any) -> UInt8Array:
    name = str(getattr(file, "name", "the open file"))
    try:
        data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # a closed one; text that is no text
        raise ImageError(f"{name} cannot be read: {error}") from error
    if isinstance(data, str):
        raise ImageError(f"{name} is a file opened as text; open it with mode 'rb'")
    return decode_image(data, name)


def _of_pillow(picture: Any) -> UInt8Array:
    from PIL import ImageOps

    if str(picture.mode).startswith("I;16"):
        return check_image(np.asarray(ImageOps.exif_transpose(picture), dtype=np.uint16))
    try:
        upright = ImageOps.exif_transpose(picture).convert(_MODES.get(picture.mode, "RGB"))
    except (OSError, ValueError) as error:  # the file behind it is read only now
        raise ImageError(f"the PIL image cannot be read: {error}") from error
    pixels = np.asarray(upright)
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]
    return check_image(pixels)
