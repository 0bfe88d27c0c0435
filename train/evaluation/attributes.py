"""Sex, as a fixed classifier reads it from the embedding of a raw and of a frontalized face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..recognisers.attributes import SexClassifier, fit_sex_classifier, sex_of
from ..recognisers.embedder import Embedder
from .bootstrap import Comparison, compare, draws, means
from .embedding import Measured
from .views import View, nearest_yaw


@dataclass(frozen=True, slots=True)
class SexRow:
    """One yaw: percent of the probes whose sex is read rightly. No result counts as an error."""

    yaw: int
    probes: int
    accuracy: Comparison


def fit_on_gallery(
    views: list[View], portraits: Mapping[str, str], embedder: Embedder
) -> SexClassifier:
    """The classifier, from frontal photos of people who are not evaluated.

    Args:
        views: one frontal photo a person.
        portraits: the file name of each person's portrait, which says the sex.

    Raises:
        TrainingError: the names say nothing, or one sex only.
    """
    labelled = [(v, sex_of(portraits.get(v.person, ""))) for v in views if v.points is not None]
    known = [(view, sex) for view, sex in labelled if sex is not None]
    found = embedder.embed([v.picture for v, _ in known], np.array([v.points for v, _ in known]))
    return fit_sex_classifier(found, [sex for _, sex in known])


def sex_by_yaw(
    found: Measured,
    name: str,
    classifier: SexClassifier,
    portraits: Mapping[str, str],
    count: int,
    seed: int,
) -> list[SexRow]:
    """Of the probes whose portrait's name says the sex.

    Args:
        name: the recogniser whose embeddings the classifier was fitted on.
        count, seed: draws of the bootstrap.
    """
    truth = np.array([sex_of(portraits.get(person, "")) or "" for person in found.persons])
    used = found.probe & (truth != "")
    people, person = np.unique(found.persons[used], return_inverse=True)
    drawn = draws(len(people), count, seed)
    right = [
        _right(classifier, vectors[name][used], truth[used])
        for vectors in (found.raw, found.frontalized)
    ]
    bins = np.array([nearest_yaw(yaw) for yaw in found.yaw[used]])
    rows = []
    for yaw in np.unique(bins):
        at = bins == yaw
        raw, front = (values[at] for values in right)
        of_raw, of_front = (means(values, person[at], drawn) for values in (raw, front))
        compared = compare(float(raw.mean()), float(front.mean()), of_raw, of_front)
        rows.append(SexRow(int(yaw), int(at.sum()), compared))
    return rows


def _right(
    classifier: SexClassifier, vectors: npt.NDArray[np.floating], truth: npt.NDArray[np.str_]
) -> npt.NDArray[np.float64]:
    there = ~np.isnan(vectors[:, 0])
    said = classifier.predict(np.nan_to_num(vectors))
    return np.where(there & (said == truth), 100.0, 0.0)
