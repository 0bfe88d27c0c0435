"""Face detectors behind one interface: the packaged one, and those of others or the user's.

May be imported by frontalizer and cli.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import DetectorError
from .base import Detector
from .insightface import faces_from_insightface, open_insightface
from .packaged import open_packaged
from .yuface import open_yuface
from .yunet import is_yunet, open_yunet

__all__ = ["DETECTORS", "Detector", "create_detector", "faces_from_insightface"]

DETECTORS = ("packaged", "yuface", "yunet:FILE", "insightface:PATH")
"""Forms that `create_detector` takes, besides "auto" and a bare path."""


def create_detector(spec: str | Path | Detector = "auto") -> Detector:
    """A working detector. Nothing is ever downloaded.

    Args:
        spec: "auto" or "packaged" (the one in the package), "yuface" (where its wheel exists),
            "yunet:FILE", "insightface:PATH" (a model pack's folder or its det_*.onnx), a bare
            path, which is recognised, or an object with the interface of `Detector`, which is
            returned.

    Raises:
        DetectorError: unknown name, missing file, or the detector does not work here.
    """
    if not isinstance(spec, str | Path):
        if not callable(getattr(spec, "detect", None)):
            raise DetectorError(
                f"a detector was given as {type(spec).__name__}; expected a name, a path or an "
                "object with a method detect(image)"
            )
        return spec
    if spec in ("auto", "packaged"):
        return open_packaged()
    if spec == "yuface":
        return open_yuface()
    kind, _, rest = str(spec).partition(":")
    if rest and kind == "yunet":
        return open_yunet(Path(rest).expanduser())
    if rest and kind == "insightface":
        return open_insightface(Path(rest).expanduser())
    path = Path(spec).expanduser()
    if not path.exists():
        raise DetectorError(
            f"detector {str(spec)!r} is neither a known name nor a path that exists; expected "
            f"auto, {', '.join(DETECTORS)} or a path"
        )
    return open_yunet(path) if path.is_file() and is_yunet(path) else open_insightface(path)
