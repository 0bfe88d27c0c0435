"""Processes one input of `tpgan frontalize`: read, frontalize, write."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DetectorError, GeometryError
from ..faces.crops import detector_fault
from ..faces.pasting import paste_back
from ..frontalizer import Frontalizer
from ..images.files import read_image, write_image
from ..images.resample import UInt8Array
from ..types import Detection, Face
from .output_paths import Results


@dataclass(frozen=True, slots=True)
class Options:
    results: Results
    aligned: bool


@dataclass(frozen=True, slots=True)
class ProcessedInput:
    """What came of one input."""

    faces: Sequence[Face]
    outputs: Sequence[Path]
    fields: dict[str, Any]
    """Of the report's lines of all its faces."""


def frontalize_one(
    frontalizer: Frontalizer, path: Path, name: Path, options: Options
) -> ProcessedInput:
    """Reads one input, finds its faces and writes them.

    Args:
        name: of the results, as `find_images` gives it.

    Raises:
        TPGANError: it cannot be read, used or written.
    """
    begun = time.perf_counter()
    image = read_image(path)
    timings = {"read": _since(begun)}
    fields: dict[str, Any] = {}
    if options.aligned:
        begun = time.perf_counter()
        found = _face_of_crop(frontalizer, image)
        timings |= {stage: frontalizer.timings.get(stage, 0.0) for stage in ("detect", "refine")}
        try:
            faces = frontalizer.frontalize_aligned([image], [found.landmarks if found else None])
        except GeometryError as error:  # of the detector's landmarks: the user gave none
            fault = detector_fault(error, frontalizer.detector.name)
            raise GeometryError(f"{path}: {fault}") from error
        fields["landmarks_from"] = "detector" if found else "template"
        fields["score"] = round(found.score, 4) if found else None
    else:
        faces = frontalizer.frontalize(image, largest_only=not options.results.all_faces)
    for stage, spent in frontalizer.timings.items():  # it has a "read" of its own
        timings[stage] = timings.get(stage, 0.0) + spent
    begun = time.perf_counter()
    outputs = [options.results.face(name, index) for index in range(len(faces))]
    for face, output in zip(faces, outputs, strict=True):
        write_image(output, face.image)
    if options.results.paste_back and faces:
        fields["pasted"] = str(options.results.pasted(name))
        write_image(options.results.pasted(name), _pasted(image, faces))
    timings["write"] = _since(begun)
    fields["timings_ms"] = {stage: round(value, 2) for stage, value in timings.items()}
    return ProcessedInput(faces, outputs, fields)


def _since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1e3


def _face_of_crop(frontalizer: Frontalizer, crop: UInt8Array) -> Detection | None:
    try:
        found = frontalizer.detect(crop)
    except DetectorError:
        return None
    return max(found, key=lambda face: face.area, default=None)


def _pasted(image: UInt8Array, faces: Sequence[Face]) -> UInt8Array:
    for face in faces:
        image = paste_back(image, face)
    return image
