"""From views to embeddings of the raw and of the frontalized face, by every recogniser at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray, Template
from tpgan_sdk.images.resample import Float32Array, UInt8Array

from ..recognisers.embedder import Embedder
from .eyes import Opening
from .similarity import asymmetry, psnr, sharpness, ssim, ssim_in_face
from .synthesis import Synthesis
from .views import View, aligned_face

Face = tuple[UInt8Array, FloatArray]
"""A picture, (H, W, 3) RGB, and its five points."""

BATCH: Final = 32
NAN: Final = float("nan")
FRONTAL: Final = 15.0
"""Degrees: up to here a photo is frontal, and its frontal face should be the photo."""


@dataclass(frozen=True, slots=True)
class ProbePictures:
    """Pictures of one probe for the figure, RGB."""

    key: str
    person: str
    yaw: float
    raw: UInt8Array
    """(128, 128, 3)."""
    frontalized: UInt8Array
    truth: UInt8Array | None


@dataclass(frozen=True, slots=True)
class Measured:
    """One row a view, in the order in which they came."""

    keys: list[str]
    persons: npt.NDArray[np.str_]
    yaw: FloatArray
    """Degrees; NaN where no face was found."""
    probe: npt.NDArray[np.bool_]
    raw: Mapping[str, Float32Array]
    """(N, D) by recogniser; NaN rows where there is no face."""
    frontalized: Mapping[str, Float32Array]
    """(N, D) by recogniser; NaN rows where there is no result."""
    ssim: FloatArray
    """Of the frontalized face to the true one; NaN without either."""
    psnr: FloatArray
    """dB, likewise."""
    sharpness: FloatArray
    """(N, 2) of the frontalized face, and of the true one; NaN where there is none. Of a frontal
    photo in the gallery, which is frontalized for this: the photo itself is the truth."""
    asymmetry: FloatArray
    """(N, 2) likewise."""
    eyes: FloatArray
    """(N, 2) likewise, `eyes.opening`; NaN where it was not asked for."""
    photo_ssim: FloatArray
    """Of a frontal photo in the gallery to itself, frontalized, within the face; NaN for others."""
    sheets: list[ProbePictures]

    @property
    def without_result(self) -> npt.NDArray[np.bool_]:
        """(N,): probes that gave no frontal face."""
        some = next(iter(self.frontalized.values()))
        return self.probe & np.isnan(some[:, 0])


def measure(
    views: Iterable[View],
    synthesis: Synthesis,
    embedders: Mapping[str, Embedder],
    shown: Callable[[View], bool] = lambda _: False,
    opening: Opening | None = None,
) -> Measured:
    """Cuts, frontalizes and recognises every view once.

    Args:
        embedders: by name, at least one.
        shown: which probes' pictures are kept for the figure.
        opening: measures eyes; they are not measured without it.

    Raises:
        TrainingError: there is no view.
    """
    rows: list[_Row] = []
    for batch in _batches(views):
        given = [view for view in batch if view.probe or _is_frontal(view)]
        results = iter(synthesis.frontalize(given) if given else [])
        every = [next(results) if view.probe or _is_frontal(view) else None for view in batch]
        made = [picture if view.probe else None for picture, view in zip(every, batch, strict=True)]
        frontal = np.asarray(synthesis.template.points)
        raw = [None if v.points is None else (v.picture, v.points) for v in batch]
        front = [None if picture is None else (picture, frontal) for picture in made]
        embedded = {
            name: (_embed(embedder, raw), _embed(embedder, front))
            for name, embedder in embedders.items()
        }
        for index, view in enumerate(batch):
            vectors = {name: (a[index], b[index]) for name, (a, b) in embedded.items()}
            sheet = _sheet(view, made[index], synthesis.template) if shown(view) else None
            truth = view.truth if view.probe else aligned_face(view, synthesis.template)
            rows.append(_row(view, every[index], truth, vectors, sheet, opening))
    if not rows:
        raise TrainingError("no picture to measure: the chosen people have none")
    return _joined(rows, list(embedders))


@dataclass(frozen=True, slots=True)
class _Row:
    view: tuple[str, str, float, bool]
    vectors: Mapping[str, tuple[Float32Array, Float32Array]]
    ssim: float
    psnr: float
    photo_ssim: float
    sharpness: tuple[float, float]
    asymmetry: tuple[float, float]
    eyes: tuple[float, float]
    sheet: ProbePictures | None


def _is_frontal(view: View) -> bool:
    return not view.probe and abs(view.yaw) <= FRONTAL


def _row(
    view: View,
    made: UInt8Array | None,
    truth: UInt8Array | None,
    vectors: Mapping[str, tuple[Float32Array, Float32Array]],
    sheet: ProbePictures | None,
    opening: Opening | None,
) -> _Row:
    likeness, noise, itself = NAN, NAN, NAN
    if made is not None and truth is not None:
        if view.probe:
            likeness, noise = ssim(made, truth), psnr(made, truth)
        else:
            itself = ssim_in_face(made, truth)
    return _Row(
        (view.key, view.person, view.yaw, view.probe),
        vectors,
        likeness,
        noise,
        itself,
        _both(sharpness, made, truth),
        _both(asymmetry, made, truth),
        _both(opening, made, truth) if view.probe else (NAN, NAN),
        sheet,
    )


def _both(
    figure: Callable[[UInt8Array], float] | None, made: UInt8Array | None, truth: UInt8Array | None
) -> tuple[float, float]:
    a, b = (NAN if p is None or figure is None else figure(p) for p in (made, truth))
    return a, b


def _sheet(view: View, made: UInt8Array | None, template: Template) -> ProbePictures | None:
    raw = aligned_face(view, template)
    if raw is None or made is None:
        return None
    return ProbePictures(view.key, view.person, view.yaw, raw, made, view.truth)


def _joined(rows: Sequence[_Row], names: Sequence[str]) -> Measured:
    keys, persons, yaw, probe = zip(*(row.view for row in rows), strict=True)
    stacked = {name: [row.vectors[name] for row in rows] for name in names}
    return Measured(
        keys=list(keys),
        persons=np.array(persons),
        yaw=np.array(yaw),
        probe=np.array(probe),
        raw={name: np.stack([a for a, _ in pairs]) for name, pairs in stacked.items()},
        frontalized={name: np.stack([b for _, b in pairs]) for name, pairs in stacked.items()},
        ssim=np.array([row.ssim for row in rows]),
        psnr=np.array([row.psnr for row in rows]),
        sharpness=np.array([row.sharpness for row in rows]),
        asymmetry=np.array([row.asymmetry for row in rows]),
        eyes=np.array([row.eyes for row in rows]),
        photo_ssim=np.array([row.photo_ssim for row in rows]),
        sheets=[row.sheet for row in rows if row.sheet is not None],
    )


def _embed(embedder: Embedder, faces: Sequence[Face | None]) -> Float32Array:
    """(N, D), NaN where there is no face."""
    there = [(index, face) for index, face in enumerate(faces) if face is not None]
    vectors = embedder.embed(
        [picture for _, (picture, _) in there], np.array([points for _, (_, points) in there])
    )
    result = np.full((len(faces), vectors.shape[1]), np.nan, np.float32)
    result[[index for index, _ in there]] = vectors
    return result


def _batches(views: Iterable[View]) -> Iterator[list[View]]:
    rest = iter(views)
    while batch := list(islice(rest, BATCH)):
        yield batch
