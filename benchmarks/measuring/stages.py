"""Where the time of one photo goes, from its file to a file with the face put back."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

from tpgan_sdk import Frontalizer, paste_back
from tpgan_sdk.images.files import read_image, write_image

from ..errors import BenchmarkError

_EXAMPLE: Final = (
    Path(__file__).parent.parent.parent / "examples" / "photos" / "astronaut_right_45.png"
)
SIZE: Final = 640
"""Width and height, px, of the photo where none is given: an example enlarged, as JPEG."""


def stages(rounds: int, photo: Path | None = None) -> dict[str, Any]:
    """A result's row: the median of each stage, in the order in which they run.

    Raises:
        BenchmarkError: no face is found in the photo.
        TPGANError: no detector or backend works here, or the photo cannot be read.
    """
    with Frontalizer() as frontalizer, tempfile.TemporaryDirectory() as folder:
        source = photo or _enlarged(Path(folder) / "photo.jpg")
        target = Path(folder) / "pasted.png"
        found = [_once(frontalizer, source, target) for _ in range(rounds + 1)][1:]
        height, width = read_image(source).shape[:2]
        row: dict[str, Any] = {
            "kind": "stages",
            "preset": frontalizer.model.name,
            "backend": frontalizer.backend.name,
            "detector": type(frontalizer.detector).__name__,
            "photo_px": f"{width}x{height}",
        }
    row |= {f"{stage}_ms": median(one[stage] for one in found) for stage in found[0]}
    return {**row, "total_ms": median(sum(one.values()) for one in found), "samples": rounds}


def _enlarged(path: Path) -> Path:
    import cv2

    write_image(path, cv2.resize(read_image(_EXAMPLE), (SIZE, SIZE)))
    return path


def _once(frontalizer: Frontalizer, photo: Path, target: Path) -> dict[str, float]:
    """Milliseconds by stage."""
    faces = frontalizer.frontalize(photo, largest_only=True)
    if not faces:
        raise BenchmarkError(f"no face found in {photo.name}; the stages after it cannot be told")
    taken = frontalizer.timings
    frame = read_image(photo)  # `frontalize` keeps no picture; this reading does not count
    begun = time.perf_counter()
    pasted = paste_back(frame, faces[0])
    put = time.perf_counter()
    write_image(target, pasted)
    written = time.perf_counter()
    return {**taken, "paste_back": (put - begun) * 1e3, "write": (written - put) * 1e3}
