"""`tpgan frontalize`: files and folders in, one PNG a face and a report out."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ..errors import DetectorError, TPGANError
from ..frontalizer import Frontalizer
from ..images import PASTED, find_images, read_image, write_image
from ..pasting import paste_back
from ..resample import UInt8Array
from ..types import Face
from . import USAGE_ERROR
from .progress import progress
from .report import Report, face_fields

log = logging.getLogger("tpgan_sdk")

ALL_FAILED, SOME_FAILED = 1, 3
NO_FACE = (
    "no face found that can be aligned; expected eyes, nose and mouth in sight. Try another "
    "--detector, or --aligned where this is an aligned crop"
)

_EPILOG = """\
results: DIR/a/b.png for INPUT/a/b.jpg; b_0.png, b_1.png, ... with --all-faces, best detected
first; b.pasted.png with --paste-back. Where two inputs would share a name, the later one keeps its
ending (a.jpg, a.png: a.png, a.png.png). Results of an earlier run are replaced, its lines in
DIR/report.jsonl are kept: the field "run" tells runs apart.
exit code: 0 every input gave a face, 3 some did, 1 none did, 2 wrong usage or set-up,
130 interrupted."""


@dataclass(frozen=True, slots=True)
class _Options:
    output: Path
    aligned: bool
    all_faces: bool
    paste_back: bool


def main(
    arguments: Sequence[str], make_frontalizer: Callable[..., Frontalizer] = Frontalizer
) -> int:
    """Runs the command; the exit code is documented in its help."""
    args = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.INFO if args.verbose else logging.ERROR)
    options = _Options(args.output, args.aligned, args.all_faces, args.paste_back)
    try:
        with make_frontalizer(
            model=args.model,
            backend=args.backend,
            detector=args.detector,
            device=args.device,
            max_batch=args.max_batch,
        ) as frontalizer:
            return _run(frontalizer, args.inputs, options)
    except (TPGANError, ValueError) as error:
        print(f"tpgan frontalize: {error}", file=sys.stderr)
        return USAGE_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tpgan frontalize",
        description="Turns faces in photos to the front.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("inputs", nargs="+", type=Path, metavar="INPUT", help="image file, or folder to search")
    add("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the results")
    add(
        "--aligned",
        action="store_true",
        help="inputs are 128x128 crops, aligned already; a detector, where one works, only finds "
        "the landmarks, else the face is taken for frontal",
    )
    add("--all-faces", action="store_true", help="every face of a photo (default: the largest)")
    add("--paste-back", action="store_true", help="write the photo with its faces put back, too")
    add("--backend", default="auto", help="auto, onnxruntime-cuda, onnxruntime-cpu (default: auto)")
    add("--model", help="name of a packaged model, or path of an exported ONNX")
    add(
        "--detector",
        default="auto",
        help="auto, yuface, yunet:FILE, insightface:PATH or a path (default: auto)",
    )
    add("--device", help="cpu, cuda or cuda:N (default: what the backend prefers)")
    add("--max-batch", type=int, default=16, metavar="N", help="faces at once (default: 16)")
    add("-v", "--verbose", action="store_true", help="say what is chosen and why")
    return parser


def _run(frontalizer: Frontalizer, inputs: Sequence[Path], options: _Options) -> int:
    common = {
        "model": frontalizer.model.name,
        "backend": frontalizer.backend.name,
        "detector": _detector_name(frontalizer, options),
    }
    print(", ".join(f"{key} {value}" for key, value in common.items()), file=sys.stderr)
    # A folder's own results are no input of the next run.
    found = list(find_images(inputs, leave_out=options.output))
    good = faces = 0
    with Report(options.output, common) as report:
        for path, name in progress(found):
            try:
                number = _one(frontalizer, path, name, options, report)
            except TPGANError as error:
                number, reason = 0, str(error)
            except Exception as error:  # one bad file never ends the run
                log.debug("%s", path, exc_info=True)
                number, reason = 0, f"unexpected {type(error).__name__}: {error}"
            else:
                reason = "" if number else NO_FACE
            if reason:
                report.add(path, reason=reason)
            good, faces = good + (number > 0), faces + number
        print(f"{good} of {len(found)} inputs gave {faces} faces; see {report.path}")
    return 0 if good == len(found) else SOME_FAILED if good else ALL_FAILED


def _detector_name(frontalizer: Frontalizer, options: _Options) -> str | None:
    try:
        return frontalizer.detector.name
    except DetectorError:
        if options.aligned:
            return None
        raise


def _one(
    frontalizer: Frontalizer, path: Path, name: Path, options: _Options, report: Report
) -> int:
    """One input from reading to its lines in the report; the number of its faces."""
    begun = time.perf_counter()
    image = read_image(path)
    read_ms = (time.perf_counter() - begun) * 1e3
    if options.aligned:
        landmarks = _landmarks_of_crop(frontalizer, image)
        faces = frontalizer.frontalize_aligned([image], [landmarks])
        extra: dict[str, Any] = {"landmarks_from": "template" if landmarks is None else "detector"}
    else:
        faces = frontalizer.frontalize(image, largest_only=not options.all_faces)
        extra = {}
    timings = {"read": read_ms} | frontalizer.timings
    begun = time.perf_counter()
    outputs = _write(faces, name, options)
    if options.paste_back and faces:
        extra["pasted"] = str(_write_pasted(image, faces, name, options))
    timings["write"] = (time.perf_counter() - begun) * 1e3
    extra["timings_ms"] = {stage: round(value, 2) for stage, value in timings.items()}
    for face, output in zip(faces, outputs, strict=True):
        report.add(path, output=str(output), **face_fields(face), **extra)
    return len(faces)


def _landmarks_of_crop(frontalizer: Frontalizer, crop: UInt8Array) -> npt.ArrayLike | None:
    try:
        found = frontalizer.detector.detect(crop)
    except DetectorError:
        return None
    return max(found, key=lambda face: face.area).landmarks if found else None


def _write(faces: Sequence[Face], name: Path, options: _Options) -> list[Path]:
    outputs = []
    for index, face in enumerate(faces):
        ending = f"_{index}.png" if options.all_faces else ".png"
        output = options.output / f"{name}{ending}"
        write_image(output, face.image)
        outputs.append(output)
    return outputs


def _write_pasted(image: UInt8Array, faces: Sequence[Face], name: Path, options: _Options) -> Path:
    for face in faces:
        image = paste_back(image, face)
    output = options.output / f"{name}{PASTED}.png"
    write_image(output, image)
    return output
