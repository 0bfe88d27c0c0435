"""`python -m benchmarks.folder`: a folder of photos, against detection and network alone.

The photos are scaled and cropped copies of examples/photos, at most 640 px, written to a temporary
folder. `tpgan frontalize` works through all of them with its default workers; the time of its
process, starting and writing included, is compared with what detection (with its refiner) and the
network take alone on one core, divided by the cores.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np

from tpgan_sdk.images.files import find_images, read_image, write_image
from tpgan_sdk.images.resample import UInt8Array
from tpgan_sdk.system.cores import usable_cores

from .command import command, conclude
from .errors import BenchmarkError
from .hardware.cores import use_cores
from .hardware.machine import describe
from .reporting.results import Result

PHOTOS: Final = Path(__file__).parent.parent / "examples" / "photos"
LONGEST: Final = 640
GOAL: Final = 1.15
COUNT: Final = 1000
ALONE: Final = 100
"""Photos, evenly spread, that detection and network are measured alone on."""


@dataclass(frozen=True, slots=True)
class SingleCoreTimes:
    """Mean seconds a photo on one core."""

    detection: float
    network: float
    """Of a photo in which a face was found."""
    found: float
    """Share of the photos with a face."""

    @property
    def photo(self) -> float:
        """Both."""
        return self.detection + self.found * self.network


def make_photos(folder: Path, count: int, seed: int = 0) -> None:
    """Writes JPEGs of different sizes, every one with a face.

    Raises:
        BenchmarkError: the examples are not there, as in an installed package.
    """
    import cv2

    sources = [read_image(path) for path, _ in find_images([PHOTOS]) if path.is_file()]
    if not sources:
        raise BenchmarkError(f"no photos in {PHOTOS}; run this from the repository")
    rng = np.random.default_rng(seed)
    for number in range(count):
        picture = cropped(sources[number % len(sources)], rng)
        scale = rng.integers(LONGEST // 2, LONGEST + 1) / max(picture.shape[:2])
        how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        write_image(
            folder / f"{number:04d}.jpg",
            np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how), np.uint8),
        )


def cropped(picture: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """Up to a tenth less on each side: the face in the middle stays."""
    height, width = picture.shape[:2]
    top, bottom = rng.integers(0, height // 10 + 1, 2)
    left, right = rng.integers(0, width // 10 + 1, 2)
    return picture[top : height - bottom, left : width - right]


def ratio_to_alone(wall: float, photos: int, alone: SingleCoreTimes, cores: int) -> float:
    """How many times as long as detection and network need on all cores together."""
    return wall / (photos * alone.photo / cores)


def measure_alone(paths: Sequence[Path]) -> SingleCoreTimes:
    """In this process, which is to be kept on one core before.

    Raises:
        TPGANError: no detector or backend works here.
    """
    from tpgan_sdk import Frontalizer

    detection, network = [], []
    with Frontalizer(device="cpu") as frontalizer:
        pictures = [read_image(path) for path in paths]
        frontalizer.frontalize(pictures[0])
        for picture in pictures:
            begun = time.perf_counter()
            found = frontalizer.detect(picture)
            detection.append(time.perf_counter() - begun)
            if found:
                largest = max(found, key=lambda face: face.area)
                frontalizer.frontalize(picture, faces=[largest])
                network.append(frontalizer.timings["network"] / 1e3)
    if not network:
        raise BenchmarkError(f"no face was found in any of {len(paths)} photos")
    return SingleCoreTimes(fmean(detection), fmean(network), len(network) / len(paths))


def measure(count: int = COUNT, workers: int | None = None, quick: bool = False) -> Result:
    """Makes the photos, measures both parts alone, runs the command, measures alone again.

    Args:
        count: photos.
        workers: of the command; None: its own choice.
        quick: 40 photos, whatever `count` says.

    Raises:
        TPGANError: no photos, or the command does not work here.
    """
    machine, cores = describe(), usable_cores()
    count, alone_on = (40, 10) if quick else (count, ALONE)
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        make_photos(photos, count)
        paths = sorted(photos.iterdir())[:: max(1, count // alone_on)]
        before = _on_one_core(paths)
        wall = _command(photos, Path(folder) / "out", workers)
        after = _on_one_core(paths)
    # The machine may be faster before than after: the mean is that of the time between.
    alone = SingleCoreTimes(
        fmean([before.detection, after.detection]),
        fmean([before.network, after.network]),
        before.found,
    )
    row: dict[str, Any] = {
        **{"photos": count, "cores": cores, "workers": workers, "wall_s": wall},
        "photos_per_s": count / wall,
        "detection_ms": alone.detection * 1e3,
        "network_ms": alone.network * 1e3,
        "faces_found": alone.found,
        "drift": after.photo / before.photo,
        "ratio": ratio_to_alone(wall, count, alone, cores),
        "goal": GOAL,
    }
    settings = {"longest_px": LONGEST, "alone_on": len(paths), "quick": quick}
    return Result("folder", machine, settings, [row])


def _on_one_core(paths: Sequence[Path]) -> SingleCoreTimes:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, use_cores, (1,)) as pool:
        return pool.submit(measure_alone, paths).result()


def _command(photos: Path, output: Path, workers: int | None) -> float:
    """Seconds of `tpgan frontalize` for all photos."""
    command = [sys.executable, "-m", "tpgan_sdk", "frontalize", str(photos), "-o", str(output)]
    command += ["--device", "cpu"]
    if workers is not None:
        command += ["--workers", str(workers)]
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - begun
    if done.returncode not in (0, 3):  # 3: in some photos no face was found
        raise BenchmarkError(f"tpgan frontalize failed: {done.stderr.strip()[-500:]}")
    return wall


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = command("folder", __doc__, "40 photos: mostly the start of the workers")
    add = p.add_argument
    add("--photos", type=int, default=COUNT, metavar="N", help=f"default: {COUNT}")
    add("--workers", type=int, metavar="N", help="of the command; default: its own choice")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1: refused."""
    args = parser().parse_args(argv)
    asked = (args.photos, args.workers, args.quick)
    return conclude("folder", args.output, lambda: measure(*asked), _lines)


def _lines(result: Result) -> Iterator[str]:
    row = result.rows[0]
    yield (
        f"{row['photos']} photos in {row['wall_s']:.1f} s, {row['ratio']:.2f} times detection "
        f"({row['detection_ms']:.0f} ms) and network ({row['network_ms']:.0f} ms) alone on "
        f"{row['cores']} cores"
    )


if __name__ == "__main__":
    sys.exit(main())
