"""Rank-1 identification by yaw: is the nearest gallery face the probe's own?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray

from .bootstrap import Comparison, IntArray, compare, means
from .bootstrap import draws as draw_people
from .views import nearest_yaw

Names = npt.NDArray[np.str_]
Vectors = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Gallery:
    """One face a person, or several."""

    embeddings: Vectors
    """(M, D) unit vectors; NaN where no face was found."""
    persons: Names


@dataclass(frozen=True, slots=True)
class Probes:
    """What is looked for, before and after the synthesis."""

    raw: Vectors
    """(N, D) unit vectors; NaN where no face was found, which counts as an error."""
    frontalized: Vectors
    persons: Names
    yaw: FloatArray
    """Degrees of either sign."""


@dataclass(frozen=True, slots=True)
class Rank1:
    """One row of the table, percent."""

    yaw: int
    probes: int
    people: int
    rank1: Comparison
    cosine: Comparison
    """To the person's own gallery face, times 100; probes without a result left out."""


def hits(probes: Vectors, persons: Names, gallery: Gallery) -> npt.NDArray[np.bool_]:
    """(N,): whether the nearest face of the gallery is the probe's person. Cosine similarity."""
    similarity = np.nan_to_num(probes @ gallery.embeddings.T, nan=-2.0)
    own = gallery.persons[np.argmax(similarity, axis=1)] == persons
    result: npt.NDArray[np.bool_] = own & ~np.isnan(probes[:, 0])
    return result


def rank1_by_yaw(probes: Probes, gallery: Gallery, count: int, seed: int) -> list[Rank1]:
    """One row for each yaw in steps of 15 degrees, left and right together.

    Args:
        count, seed: draws of the bootstrap.

    Raises:
        TrainingError: a probe's person is not in the gallery, or there is no probe.
    """
    if not len(probes.persons):
        raise TrainingError("no probes: expected pictures besides those of the gallery")
    if strangers := set(probes.persons) - set(gallery.persons):
        raise TrainingError(
            f"{len(strangers)} people have probes but no gallery photo ({min(strangers)}, for "
            "one); give each a frontal one"
        )
    people, person = np.unique(probes.persons, return_inverse=True)
    drawn = draw_people(len(people), count, seed)
    both = (probes.raw, probes.frontalized)
    hit = [hits(found, probes.persons, gallery).astype(np.float64) for found in both]
    alike = [_own_cosine(found, probes.persons, gallery) for found in both]
    bins = np.array([nearest_yaw(yaw) for yaw in probes.yaw])
    rows = []
    for yaw in np.unique(bins):
        at = bins == yaw
        rank1, cosine = (
            _compared(100 * raw[at], 100 * front[at], person[at], drawn)
            for raw, front in (hit, alike)
        )
        rows.append(Rank1(int(yaw), int(at.sum()), len(set(person[at])), rank1, cosine))
    return rows


def _own_cosine(found: Vectors, persons: Names, gallery: Gallery) -> FloatArray:
    """(N,): to the person's nearest own face; NaN where there is none on either side."""
    own = persons[:, None] == gallery.persons[None]
    similarity = np.where(own, found @ gallery.embeddings.T, -np.inf)
    best: FloatArray = similarity.max(axis=1).astype(np.float64)
    return best


def _compared(raw: FloatArray, front: FloatArray, person: IntArray, drawn: IntArray) -> Comparison:
    there = ~(np.isnan(raw) | np.isnan(front))
    raw, front, person = raw[there], front[there], person[there]
    if not len(raw):
        raw = front = np.array([np.nan])
        person = np.zeros(1, np.int64)
    return compare(
        float(raw.mean()),
        float(front.mean()),
        means(raw, person, drawn),
        means(front, person, drawn),
    )
