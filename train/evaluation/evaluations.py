"""Evaluations by data set: people, a synthesis and recognisers to a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray

from ..data.people import Pair, Photo
from ..recognisers.attributes import SEX_WORDS, sex_of
from ..recognisers.embedder import Embedder
from .attributes import SexRow, fit_on_gallery, sex_by_yaw
from .bootstrap import DRAWS, IntArray, Interval, draws, interval, means
from .embedding import Measured, measure
from .eyes import Opening, as_open
from .identification import Gallery, Probes, Rank1, rank1_by_yaw
from .landmarks import Locate, open_view
from .multipie import multipie_views
from .rendered import gallery_views, heldout_views, portrait_names
from .report import PhotoRow, Report, SimilarityRow
from .similarity import cosine
from .synthesis import Synthesis
from .verification import Trials, verify
from .views import View, nearest_yaw


@dataclass(frozen=True, slots=True)
class Setting:
    """What every evaluation is given."""

    synthesis: Synthesis
    embedders: Mapping[str, Embedder]
    landmarks: str = "exact"
    """Where the five points come from, for the report."""
    seed: int = 0
    draws: int = DRAWS
    shown: Callable[[View], bool] = lambda _: False
    """Which probes' pictures are kept for the figure."""
    opening: Opening | None = None
    """Measures eyes, where that is wanted."""

    def about(self, dataset: str, found: Measured, **more: Any) -> dict[str, Any]:
        """The report's first line."""
        return {
            "dataset": dataset,
            "source": self.synthesis.name,
            "recognisers": ", ".join(self.embedders),
            "landmarks": self.landmarks,
            **more,
            "people": len(set(found.persons)),
            "probes": int(found.probe.sum()),
            "probes without a result": int(found.without_result.sum()),
            "seed": self.seed,
            "draws": self.draws,
        }


def evaluate_rendered(
    folder: Path, people: int, setting: Setting, sex_from: Path | None = None
) -> tuple[Report, Measured]:
    """Held-out renderings: rank-1 by yaw among all of them, and likeness to the truth.

    Args:
        folder: of shards.
        people: only the first so many.
        sex_from: shards of other people, whose frontal photos teach the classifier of sex.
    """
    found = _measured(heldout_views(folder, people, setting.seed), setting)
    return Report(
        setting.about("rendered", found),
        identification=_identified(found, ~found.probe, setting),
        by_sex=_identified_by_sex(found, folder, setting),
        likeness=_alike(found, setting),
        sex=_sexes(found, folder, sex_from, setting) if sex_from else {},
    ), found


def evaluate_multipie(
    root: Path, number: int, locate: Locate, setting: Setting
) -> tuple[Report, Measured]:
    """Setting 1 or 2 of the paper: rank-1 by yaw."""
    found = _measured(multipie_views(root, number, locate), setting)
    return Report(
        setting.about(f"multipie, setting {number}", found),
        identification=_identified(found, ~found.probe, setting),
    ), found


def evaluate_people(
    photos: Sequence[Photo], locate: Locate, setting: Setting
) -> tuple[Report, Measured]:
    """Any folder of people: the most frontal photo of each is the gallery, the rest are probes."""
    found = _measured((open_view(photo, locate) for photo in photos), setting)
    # Which ones are gallery is known only now that their yaws are.
    turned = np.nan_to_num(np.abs(found.yaw), nan=np.inf)
    gallery = np.zeros(len(turned), np.bool_)
    for person in np.unique(found.persons):
        own = np.flatnonzero(found.persons == person)
        gallery[own[np.argmin(turned[own])]] = True
    probes = replace(found, probe=~gallery)
    return Report(
        setting.about("people", probes), identification=_identified(found, gallery, setting)
    ), found


def evaluate_pairs(
    dataset: str, pairs: Sequence[Pair], locate: Locate, setting: Setting
) -> tuple[Report, Measured]:
    """Verification: the probe of every pair raw and frontalized, the other photo always raw."""
    probes = {pair.probe.key for pair in pairs}
    photos = {p.key: p for pair in pairs for p in (pair.gallery, pair.probe)}
    views = (open_view(photo, locate, key in probes) for key, photo in photos.items())
    found = _measured(views, setting)
    row = {key: index for index, key in enumerate(found.keys)}
    left = [row[pair.probe.key] for pair in pairs]
    right = [row[pair.gallery.key] for pair in pairs]
    _, person = np.unique(found.persons, return_inverse=True)
    trials = Trials(
        same=np.array([pair.same for pair in pairs]),
        fold=np.array([pair.fold for pair in pairs]),
        people=np.stack([person[left], person[right]], axis=1),
    )
    verified = {}
    for name in setting.embedders:
        raw = cosine(found.raw[name][left], found.raw[name][right])
        front = cosine(found.frontalized[name][left], found.raw[name][right])
        verified[name] = verify(raw, front, trials, setting.draws, setting.seed)
    folds = len(set(trials.fold))
    about = setting.about(dataset, found, pairs=len(pairs), folds=folds)
    beside = _beside_photos(found, setting)
    return Report(about, verification=verified, photos=beside), found


def _measured(views: Iterable[View], setting: Setting) -> Measured:
    return measure(views, setting.synthesis, setting.embedders, setting.shown, setting.opening)


def _identified(
    found: Measured, gallery: np.ndarray[Any, np.dtype[np.bool_]], setting: Setting
) -> dict[str, list[Rank1]]:
    probe = found.probe & ~gallery
    rows = {}
    for name in setting.embedders:
        raw, front = found.raw[name], found.frontalized[name]
        rows[name] = rank1_by_yaw(
            Probes(raw[probe], front[probe], found.persons[probe], found.yaw[probe]),
            Gallery(raw[gallery], found.persons[gallery]),
            setting.draws,
            setting.seed,
        )
    return rows


def _identified_by_sex(found: Measured, folder: Path, setting: Setting) -> dict[str, list[Rank1]]:
    """Where the portraits' names say the sex; nothing where none does."""
    names = portrait_names(folder)
    sexes = np.array([sex_of(names.get(person, "")) or "" for person in found.persons])
    rows = {}
    for sex in sorted(set(sexes[found.probe]) - {""}):
        of_sex = replace(found, probe=found.probe & (sexes == sex))
        for name, one in _identified(of_sex, ~found.probe, setting).items():
            rows[f"{SEX_WORDS[sex]}, by {name}"] = one
    return rows


def _alike(found: Measured, setting: Setting) -> list[SimilarityRow]:
    there = ~np.isnan(found.ssim) & found.probe
    if not there.any():
        raise TrainingError(
            f"{setting.synthesis.name} gave no result for any view; expected frontal faces: with "
            "--results, files named as the views are (docs/evaluation.md)"
        )
    people, person = np.unique(found.persons, return_inverse=True)
    drawn = draws(len(people), setting.draws, setting.seed)
    bins = np.array([nearest_yaw(yaw) for yaw in found.yaw])
    rows = []
    for yaw in np.unique(bins[there]):
        at = there & (bins == yaw)
        figures = [
            interval(float(values[at].mean()), means(values[at], person[at], drawn))
            for values in (found.ssim, found.psnr)
        ]
        figures += [
            _ratio(values[at, 0], values[at, 1], person[at], person[at], drawn)
            for values in (found.sharpness, found.asymmetry)
        ]
        figures.append(_eyes(found.eyes[at], person[at], drawn))
        rows.append(SimilarityRow(int(yaw), int(at.sum()), *figures))
    return rows


def _eyes(openings: FloatArray, person: IntArray, drawn: IntArray) -> Interval:
    """Percent of results whose eyes are as open as the true ones; NaN where none was measured."""
    right = 100 * as_open(openings[:, 0], openings[:, 1])
    there = ~np.isnan(right)
    if not there.any():
        return Interval(float("nan"), float("nan"), float("nan"))
    return interval(float(right[there].mean()), means(right[there], person[there], drawn))


def _beside_photos(found: Measured, setting: Setting) -> PhotoRow | None:
    """Results of turned faces beside the gallery's frontal photos; None without either."""
    result = found.probe & ~np.isnan(found.sharpness[:, 0])
    photo = ~np.isnan(found.photo_ssim)
    if not (result.any() and photo.any()):
        return None
    people, person = np.unique(found.persons, return_inverse=True)
    drawn = draws(len(people), setting.draws, setting.seed)
    itself = found.photo_ssim[photo]
    return PhotoRow(
        int(photo.sum()),
        int(result.sum()),
        interval(float(itself.mean()), means(itself, person[photo], drawn)),
        *(
            _ratio(values[result, 0], values[photo, 1], person[result], person[photo], drawn)
            for values in (found.sharpness, found.asymmetry)
        ),
    )


def _ratio(
    above: FloatArray, below: FloatArray, one: IntArray, other: IntArray, drawn: IntArray
) -> Interval:
    """Of two means, over the people drawn; `one`, `other`: the person of each value."""
    with np.errstate(divide="ignore", invalid="ignore"):  # flat pictures have neither
        ratio = float(above.mean() / below.mean())
        return interval(ratio, means(above, one, drawn) / means(below, other, drawn))


def _sexes(
    found: Measured, folder: Path, others: Path, setting: Setting
) -> dict[str, list[SexRow]]:
    views, teachers = list(gallery_views(others, setting.seed)), portrait_names(others)
    names = portrait_names(folder)
    rows = {}
    for name, embedder in setting.embedders.items():
        classifier = fit_on_gallery(views, teachers, embedder)
        rows[name] = sex_by_yaw(found, name, classifier, names, setting.draws, setting.seed)
    return rows
