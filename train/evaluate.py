"""`python -m train.evaluate`: whether the frontalized face is still the person.

Always the raw photo beside the frontalized one, through the same recognisers and five points; a
face without a result counts as an error; intervals are 95 % by bootstrap over people. A
recogniser that trained the network flatters it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tpgan_sdk.errors import TPGANError, TrainingError

from .data.cfp import PROTOCOLS, read_cfp
from .data.people import first_pairs, first_photos, read_lfw, read_people
from .evaluation.bootstrap import DRAWS
from .evaluation.cache import CachedEmbedder, VectorCache, cached_locate, file_name
from .evaluation.embedding import Measured
from .evaluation.evaluations import (
    Setting,
    evaluate_multipie,
    evaluate_pairs,
    evaluate_people,
    evaluate_rendered,
)
from .evaluation.eyes import Opening, by_landmarks
from .evaluation.landmarks import Locate, by_detector, by_fiducials
from .evaluation.multipie import by_points_file
from .evaluation.plots import draw_figure, draw_grid
from .evaluation.report import Report, markdown, write_report
from .evaluation.synthesis import FolderSynthesis, Synthesis, from_checkpoint, from_onnx
from .evaluation.views import View, nearest_yaw
from .recognisers.embedder import Embedder, load_embedder
from .rendering.landmarks import PortraitAnalyser

DATASETS = ("rendered", "cfp", "lfw", "people", "multipie")
GRID_PEOPLE = 10


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = argparse.ArgumentParser(prog="python -m train.evaluate", description=__doc__)
    p.add_argument("--dataset", choices=DATASETS, default="rendered")
    p.add_argument("--root", type=Path, required=True, help="folder of the data set")
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", type=Path, help="as training wrote it")
    source.add_argument("--onnx", help="exported model, or the name of a packaged one")
    source.add_argument("--results", type=Path, help="folder of frontal faces, 128x128")
    p.add_argument(
        "--recogniser", action="append", required=True, help="weights, or dlib; may be repeated"
    )
    p.add_argument("--output", type=Path, help="folder for results.json, results.md, figures")
    p.add_argument("--landmarks", choices=("detector", "fiducials"), default="detector")
    p.add_argument("--detector", default="auto", help="the SDK's detector for real photos")
    p.add_argument("--no-refine", action="store_true", help="keep the detector's points")
    p.add_argument("--protocol", choices=PROTOCOLS, default=PROTOCOLS[0], help="of CFP")
    p.add_argument("--setting", type=int, choices=(1, 2), default=2, help="of Multi-PIE")
    p.add_argument("--people", type=_count, default=10**9, help="only the first so many")
    p.add_argument("--sex-from", type=Path, help="rendered: shards of others, to learn sex from")
    p.add_argument("--cache", type=Path, help="folder that keeps landmarks and embeddings")
    p.add_argument("--seed", type=int, default=0, help="of degradation and bootstrap")
    p.add_argument("--draws", type=_count, default=DRAWS, help="of the bootstrap")
    p.add_argument("--eyes", action="store_true", help="rendered: eyes as open as the true ones")
    p.add_argument("--grid", action="store_true", help="grid.png of real photos, too")
    return p


def _count(text: str) -> int:
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        report, found = run(args)
        print(markdown(report))
        if args.output:
            write_report(args.output, report)
            draw_figure(args.output / "curve.png", report)
            if found.sheets:
                draw_grid(args.output / "grid.png", found.sheets)
    except TPGANError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 1
    return 0


def run(args: argparse.Namespace) -> tuple[Report, Measured]:
    """The evaluation that the flags ask for."""
    kept: list[VectorCache] = []
    rendered = args.dataset == "rendered"
    setting = Setting(
        synthesis(args),
        _recognisers(args, kept),
        "exact",
        args.seed,
        args.draws,
        _shown(args.grid or rendered),
    )
    if rendered:
        with _eye_meter(args.eyes) as opening:
            setting = replace(setting, opening=opening)
            result = evaluate_rendered(args.root, args.people, setting, args.sex_from)
    else:
        locate, landmarks = locator(args, kept)
        result = _photos(args, locate, replace(setting, landmarks=landmarks))
    for one in kept:
        one.save()
    return result


@contextmanager
def _eye_meter(wanted: bool) -> Iterator[Opening | None]:
    if not wanted:
        yield None
        return
    with PortraitAnalyser() as analyser:
        yield by_landmarks(analyser)


def _photos(args: argparse.Namespace, locate: Locate, setting: Setting) -> tuple[Report, Measured]:
    if args.dataset == "multipie":
        return evaluate_multipie(args.root, args.setting, locate, setting)
    if args.dataset == "people":
        return evaluate_people(first_photos(read_people(args.root), args.people), locate, setting)
    if args.dataset == "lfw":
        name, pairs = "lfw", read_lfw(args.root)
    else:
        name, pairs = f"cfp {args.protocol}", read_cfp(args.root, args.protocol)
    return evaluate_pairs(name, first_pairs(pairs, args.people), locate, setting)


def synthesis(args: argparse.Namespace) -> Synthesis:
    """Where the frontal faces come from."""
    if args.checkpoint:
        return from_checkpoint(args.checkpoint)
    return from_onnx(args.onnx) if args.onnx else FolderSynthesis(args.results)


def locator(args: argparse.Namespace, kept: list[VectorCache]) -> tuple[Locate, str]:
    """Where the five points of real photos come from; what must be saved is added to `kept`.

    Returns:
        Also its name, for the report.

    Raises:
        TrainingError: fiducials of a set that has none.
    """
    if args.landmarks == "detector":
        locate, name = by_detector(args.detector, not args.no_refine)
        if not args.cache:
            return locate, name
        kept.append(VectorCache(args.cache / f"points-{file_name(name)}"))
        return cached_locate(locate, kept[-1]), name
    if args.dataset == "cfp":
        return by_fiducials(args.root), "fiducials"
    if args.dataset == "multipie":
        return by_points_file, "point files"
    raise TrainingError(f"--dataset {args.dataset} has no fiducials; expected --landmarks detector")


def _recognisers(args: argparse.Namespace, kept: list[VectorCache]) -> dict[str, Embedder]:
    found: dict[str, Embedder] = {}
    for spec in args.recogniser:
        embedder = load_embedder(spec)
        name = embedder.name if embedder.name not in found else f"{embedder.name} ({spec})"
        if args.cache:
            kept.append(VectorCache(args.cache / f"faces-{file_name(embedder.name, spec)}"))
            embedder = CachedEmbedder(embedder, kept[-1])
        found[name] = embedder
    return found


def _shown(wanted: bool) -> Callable[[View], bool]:
    """Keeps one picture for each yaw of the first people who come."""
    seen: dict[str, set[int]] = {}

    def shown(view: View) -> bool:
        if not wanted or not view.probe or view.points is None:
            return False
        if view.person not in seen and len(seen) == GRID_PEOPLE:
            return False
        yaws, yaw = seen.setdefault(view.person, set()), nearest_yaw(view.yaw)
        new = yaw not in yaws
        yaws.add(yaw)
        return new

    return shown


if __name__ == "__main__":
    sys.exit(main())
