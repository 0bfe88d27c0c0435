"""Celebrities in Frontal-Profile (Sengupta et al., WACV 2016) in its original layout.

``Data/Images/ID/{frontal,profile}/NN.jpg``, ``Data/Fiducials`` likewise with 30 lines ``x,y``,
``Protocol/Pair_list_{F,P}.txt`` with numbered paths and ``Protocol/Split/{FF,FP}/NN/{same,diff}``
with pairs of these numbers, the frontal photo first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray

from .people import Pair, Photo, existing

PROTOCOLS = ("FP", "FF")


def read_cfp(root: Path, protocol: str = "FP") -> list[Pair]:
    """The pairs of every fold that is there. In FP the profile photo is the probe.

    Raises:
        TrainingError: lists or folds are missing or damaged, or a photo is.
    """
    frontal = _numbered(root / "Protocol" / "Pair_list_F.txt", root)
    second = _numbered(root / "Protocol" / "Pair_list_P.txt", root) if protocol == "FP" else frontal
    folds = sorted(p for p in (root / "Protocol" / "Split" / protocol).glob("*") if p.is_dir())
    if not folds:
        raise TrainingError(
            f"no folds in {root / 'Protocol' / 'Split' / protocol}; expected 01, 02, ... with "
            "same.txt and diff.txt"
        )
    pairs = []
    for fold, folder in enumerate(folds):
        for name in ("same", "diff"):
            for a, b in _numbers(folder / f"{name}.txt"):
                try:
                    gallery, probe = frontal[a], second[b]
                except KeyError as error:
                    raise TrainingError(
                        f"{folder / name}.txt names photo {error}, which the pair lists do not "
                        "hold; copy the protocol again"
                    ) from None
                pairs.append(Pair(existing(probe), existing(gallery), fold))
                if pairs[-1].same != (name == "same"):
                    raise TrainingError(
                        f"{folder / name}.txt has {a},{b}, which are {probe.key} and "
                        f"{gallery.key}; copy the protocol again"
                    )
    return pairs


def read_fiducials(root: Path, photo: Photo) -> FloatArray:
    """The 30 points of a photo, (30, 2) px.

    Raises:
        TrainingError: they are missing or damaged.
    """
    path = root / "Data" / "Fiducials" / f"{photo.key}.txt"
    try:
        points = np.loadtxt(path, delimiter=",", dtype=np.float64, ndmin=2)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{path} cannot be read ({error}); expected 30 lines x,y, or use --landmarks detector"
        ) from None
    if points.shape != (30, 2):
        raise TrainingError(f"{path} holds {points.shape} numbers; expected 30 lines x,y")
    return points


def _numbered(path: Path, root: Path) -> dict[int, Photo]:
    photos = {}
    try:
        for line in path.read_text().splitlines():
            number, name = line.split()
            person, side, file = name.split("/")[-3:]
            key = f"{person}/{side}/{Path(file).stem}"
            place = root / "Data" / "Images" / person / side / file
            photos[int(number)] = Photo(key, person, place)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{path} cannot be read ({error}); expected lines of a number and a path"
        ) from None
    return photos


def _numbers(path: Path) -> list[tuple[int, int]]:
    try:
        lines = path.read_text().split()
        return [(int(a), int(b)) for a, b in (line.split(",") for line in lines)]
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read ({error}); expected lines a,b") from None
