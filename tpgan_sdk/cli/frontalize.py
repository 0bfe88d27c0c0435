"""`tpgan frontalize`: files and folders in, one PNG a face and a report out."""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from ..backends import Backend, create_backend
from ..errors import BackendError, DetectorError, TPGANError
from ..faces.layers import SIZES
from ..frontalizer import Frontalizer
from ..images.files import SUFFIXES, find_images
from ..images.folders import in_words
from ..models.model import resolve_model
from ..system.cores import usable_cores
from ..system.opencv import load_opencv
from . import USAGE_ERROR
from .earlier_faces import EarlierFaces
from .input_report import LEFT_OUT, InputReport, report_input
from .output_paths import Results
from .process_input import Options
from .progress import progress
from .report_file import Report
from .worker_pool import INPUTS_EACH, NoWorkersError, default_workers, map_in_processes

log = logging.getLogger("tpgan_sdk")

ALL_FAILED, SOME_FAILED = 1, 3
REASONS_SHOWN = 3
"""Inputs without a result whose reason is shown at the end; the report has them all."""

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
    options = Options(Results(args.output, args.all_faces, args.paste_back), args.aligned)
    try:
        _set_up_logs(args.verbose)
        with _open(args, make_frontalizer) as frontalizer:
            return _run(frontalizer, args, options, make_frontalizer)
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
        help="auto, tensorrt, onnxruntime-cuda, onnxruntime-cpu, openvino or the path of an "
        ".engine (default: auto)",
    )
    add(
        "--trust",
        action="store_true",
        help="run the engine of --backend although no sidecar vouches for it; it is code",
    )
    add(
        "--size",
        type=int,
        default=SIZES[0],
        choices=SIZES,
        help="width and height of the frontal pictures; more than 128 needs a model that fetches "
        "(default: 128)",
    )
    add("--no-refine", action="store_true", help="keep the detector's landmarks as they are")
    add("--model", help="name of a packaged model, or path of an exported ONNX")
    add(
        "--detector",
        default="auto",
        help="auto, packaged, yuface, yunet:FILE, insightface:PATH or a path (default: auto)",
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
    add(
        "--workers",
        type=_whole_number,
        metavar="N",
        help="processes that share the inputs, each with a model of its own (default: one for each "
        f"core, at least {INPUTS_EACH} inputs each; one on a GPU)",
    )
    add("-v", "--verbose", action="store_true", help="say what is chosen and why")
    return parser


def _whole_number(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number, at least 1")
    return int(text)


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
            size=args.size,
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
    cv2 = load_opencv()  # missing, it ends the run here and not with every file
    cv2.setNumThreads(usable_cores())  # it knows no quota
    if not verbose:
        # What OpenCV says about a bad file stands in the report, in words that help.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _run(
    frontalizer: Frontalizer,
    args: argparse.Namespace,
    options: Options,
    make_frontalizer: Callable[..., Frontalizer],
) -> int:
    common = {
        "model": frontalizer.model.name,
        "backend": frontalizer.backend.name,
        "detector": _detector_name(frontalizer, options),
    }
    print(", ".join(f"{key} {value}" for key, value in common.items()), file=sys.stderr)
    # A folder's own results are no input of the next run.
    others: Counter[str] = Counter()
    found = list(find_images(args.inputs, options.results.folder, others))
    if others:
        log.warning(
            "left out of the folders, by ending: %s; images end in %s",
            in_words(others),
            " ".join(sorted(SUFFIXES)),
        )
    options.results.spare_inputs(found)
    workers = args.workers or default_workers(len(found), frontalizer.backend.device)
    workers = max(1, min(workers, len(found)))  # who has no input would still hold cores
    good = faces = 0
    failed: list[str] = []
    earlier = EarlierFaces(options.results)
    with ExitStack() as stack:
        report = stack.enter_context(Report(options.results.folder, common))
        if workers == 1:
            outcomes: Iterator[InputReport] = map(_task(frontalizer, options), found)
        else:
            frontalizer.close()  # every worker opens its own
            make = partial(_open_in_worker, args, make_frontalizer, options)
            try:
                outcomes = stack.enter_context(map_in_processes(make, found, workers, _lost))
            except NoWorkersError as error:
                log.warning("%s; this process does all the work", error)
                again = stack.enter_context(_open(args, make_frontalizer))
                outcomes = map(_task(again, options), found)
        for path, name in progress(found):
            outcome = next(outcomes)
            if outcome.looked_at:
                earlier.remove_beyond(name, outcome.faces)
            for why in outcome.left_out:
                log.warning("%s: %s%s", path, LEFT_OUT, why)
            for line in outcome.lines:
                report.add(path, **line)
            good, faces = good + (outcome.faces > 0), faces + outcome.faces
            if not outcome.faces:
                failed.append(_told(path, outcome))
        for reason in failed[:REASONS_SHOWN]:
            print(reason, file=sys.stderr)
        print(f"{good} of {len(found)} inputs gave {faces} faces; see {report.path}")
    return 0 if good == len(found) else SOME_FAILED if good else ALL_FAILED


def _told(path: Path, outcome: InputReport) -> str:
    """Why an input has no result; most reasons begin with its path."""
    reason = str(outcome.lines[0]["reason"])
    return reason if str(path) in reason else f"{path}: {reason}"


def _task(frontalizer: Frontalizer, options: Options) -> Callable[[tuple[Path, Path]], InputReport]:
    return lambda found: report_input(frontalizer, *found, options)


def _open_in_worker(
    args: argparse.Namespace, make_frontalizer: Callable[..., Frontalizer], options: Options
) -> Callable[[tuple[Path, Path]], InputReport]:
    _set_up_logs(verbose=False)  # what is chosen and why has been told
    return _task(_open(args, make_frontalizer), options)


def _lost(found: tuple[Path, Path], reason: str) -> InputReport:
    """Of an input over which its worker ended."""
    return InputReport(0, [{"reason": reason}], [], looked_at=False)


def _detector_name(frontalizer: Frontalizer, options: Options) -> str | None:
    try:
        name = frontalizer.detector.name
    except DetectorError:
        if options.aligned:
            return None
        raise
    _ = frontalizer.refiner  # missing, it ends the run here and not with every file
    return name
