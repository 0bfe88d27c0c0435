"""`tpgan frontalize`: files and folders in, one PNG a face and a report out."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ..backends import Backend, create_backend
from ..errors import BackendError, DetectorError, TPGANError
from ..frontalizer import Frontalizer
from ..images import find_images
from ..model import resolve_model
from . import USAGE_ERROR
from .one_input import Options, frontalize_one
from .progress import progress
from .report import Report, face_fields
from .results import Results

log = logging.getLogger("tpgan_sdk")

ALL_FAILED, SOME_FAILED = 1, 3
NO_FACE = (
    "no face found that can be aligned; expected eyes, nose and mouth in sight. Try another "
    "--detector, or --aligned where this is an aligned crop"
)
LEFT_OUT: Final = "a detected face is left out: "
"""How the SDK's warning begins."""

_EPILOG = """\
results: DIR/a/b.png for INPUT/a/b.jpg; b_0.png, b_1.png, ... with --all-faces, best detected
first; b.pasted.png with --paste-back. Where two inputs would share a name, the later one keeps its
ending (a.jpg, a.png: a.png, a.png.png). Results of an earlier run are replaced, its lines in
DIR/report.jsonl are kept: the field "run" tells runs apart. No result ever replaces an input: where
one would, nothing is written (2).
exit code: 0 every input gave a face, 3 some did, 1 none did, 2 wrong usage or set-up,
130 interrupted."""


def main(
    arguments: Sequence[str], make_frontalizer: Callable[..., Frontalizer] = Frontalizer
) -> int:
    """Runs the command; the exit code is documented in its help."""
    args = _parser().parse_args(arguments)
    _set_up_logs(args.verbose)
    options = Options(Results(args.output, args.all_faces, args.paste_back), args.aligned)
    try:
        with _open(args, make_frontalizer) as frontalizer:
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
    add(
        "--backend",
        default="auto",
        help="auto, tensorrt, onnxruntime-cuda, onnxruntime-cpu or the path of an .engine "
        "(default: auto)",
    )
    add(
        "--trust",
        action="store_true",
        help="run the engine of --backend although no sidecar vouches for it; it is code",
    )
    add("--no-refine", action="store_true", help="keep the detector's landmarks as they are")
    add("--model", help="name of a packaged model, or path of an exported ONNX")
    add(
        "--detector",
        default="auto",
        help="auto, yuface, yunet:FILE, insightface:PATH or a path (default: auto)",
    )
    add("--device", help="cpu, cuda or cuda:N (default: what the backend prefers)")
    add(
        "--max-batch",
        type=int,
        default=16,
        metavar="N",
        help="faces of one photo that the network is given at once (default: 16); fewer need less "
        "memory. Faces of different files are never put together",
    )
    add("-v", "--verbose", action="store_true", help="say what is chosen and why")
    return parser


def _open(args: argparse.Namespace, make_frontalizer: Callable[..., Frontalizer]) -> Frontalizer:
    backend = _backend(args)
    try:
        return make_frontalizer(
            model=args.model,
            backend=backend,
            detector=args.detector,
            device=args.device,
            max_batch=args.max_batch,
            refine=not args.no_refine,
        )
    except BaseException:
        if not isinstance(backend, str):
            backend.close()
        raise


def _backend(args: argparse.Namespace) -> str | Backend:
    """What Frontalizer is given: a name, or the trusted engine."""
    if not args.trust:
        return str(args.backend)
    if not args.backend.endswith(".engine"):
        raise BackendError(f"--trust is for an engine: --backend PATH.engine, not {args.backend}")
    return create_backend(resolve_model(args.model), args.backend, args.device, trust=True)


def _set_up_logs(verbose: bool) -> None:
    # \x1b[K clears the progress bar, on whose line the message would begin.
    start = "\r\x1b[K" if sys.stderr.isatty() else ""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(format=f"{start}%(message)s", level=level)
    import cv2  # missing, it ends the run here and not with every file

    if not verbose:
        # What OpenCV says about a bad file stands in the report, in words that help.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _run(frontalizer: Frontalizer, inputs: Sequence[Path], options: Options) -> int:
    common = {
        "model": frontalizer.model.name,
        "backend": frontalizer.backend.name,
        "detector": _detector_name(frontalizer, options),
    }
    print(", ".join(f"{key} {value}" for key, value in common.items()), file=sys.stderr)
    # A folder's own results are no input of the next run.
    found = list(find_images(inputs, leave_out=options.results.folder))
    options.results.spare_inputs(found)
    good = faces = 0
    with Report(options.results.folder, common) as report:
        for path, name in progress(found):
            number = _report_one(frontalizer, path, name, options, report)
            good, faces = good + (number > 0), faces + number
        print(f"{good} of {len(found)} inputs gave {faces} faces; see {report.path}")
    return 0 if good == len(found) else SOME_FAILED if good else ALL_FAILED


def _detector_name(frontalizer: Frontalizer, options: Options) -> str | None:
    try:
        name = frontalizer.detector.name
    except DetectorError:
        if options.aligned:
            return None
        raise
    _ = frontalizer.refiner  # missing, it ends the run here and not with every file
    return name


def _report_one(
    frontalizer: Frontalizer, path: Path, name: Path, options: Options, report: Report
) -> int:
    """One input and its lines in the report; the number of its faces."""
    number, reason = 0, NO_FACE
    with _faces_left_out() as left_out:
        try:
            done = frontalize_one(frontalizer, path, name, options)
            common = done.fields | _field(left_out)
            for face, output in zip(done.faces, done.outputs, strict=True):
                report.add(path, output=str(output), **(face_fields(face) | common))
            number = len(done.faces)
            if left_out:
                reason = f"no detected face can be used: {'; '.join(left_out)}"
        except TPGANError as error:
            reason = str(error)
        except Exception as error:  # one bad file never ends the run
            log.debug("%s", path, exc_info=True)
            reason = f"unexpected {type(error).__name__}: {error}"
    for why in left_out:
        log.warning("%s: %s%s", path, LEFT_OUT, why)
    if not number:
        report.add(path, reason=reason, **_field(left_out))
    return number


def _field(left_out: list[str]) -> dict[str, Any]:
    return {"left_out": left_out} if left_out else {}


@contextmanager
def _faces_left_out() -> Iterator[list[str]]:
    """Takes the SDK's warnings of faces that it leaves out from its log: they name no file."""
    reasons: list[str] = []

    def keep(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if not text.startswith(LEFT_OUT):
            return True
        reasons.append(text.removeprefix(LEFT_OUT))
        return False

    log.addFilter(keep)
    try:
        yield reasons
    finally:
        log.removeFilter(keep)
