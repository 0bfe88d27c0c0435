"""Rank-1: an oracle scores 100, a shuffled one chance, nothing found nothing."""

from __future__ import annotations

import numpy as np
import pytest

from tpgan_sdk.errors import TrainingError
from train.evaluation.identification import Gallery, Probes, hits, rank1_by_yaw

PEOPLE = 150


def unit(rng: np.random.Generator, count: int) -> np.ndarray:
    vectors = rng.normal(size=(count, 64))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def names(numbers: np.ndarray) -> np.ndarray:
    return np.array([f"person {number:03}" for number in numbers])


def test_an_oracle_scores_100_and_a_shuffled_one_chance(rng: np.random.Generator) -> None:
    truth = unit(rng, PEOPLE)
    person = np.arange(PEOPLE).repeat(4)
    yaw = np.tile([3.0, -31.0, 58.0, 92.0], PEOPLE)
    shuffled = truth[rng.permutation(PEOPLE)].repeat(4, axis=0)
    probes = Probes(shuffled, truth[person], names(person), yaw)
    rows = rank1_by_yaw(probes, Gallery(truth, names(np.arange(PEOPLE))), 200, 0)
    assert [(row.yaw, row.probes, row.people) for row in rows] == [
        (yaw, PEOPLE, PEOPLE) for yaw in (0, 30, 60, 90)
    ]
    for row in rows:
        assert (row.rank1.frontalized.low, row.rank1.frontalized.high) == (100, 100)
        assert row.cosine.frontalized.value == pytest.approx(100)
        assert row.rank1.raw.value < 3  # chance is 0.67
        assert abs(row.cosine.raw.value) < 5
        assert row.rank1.difference.low > 95


def test_left_and_right_are_one_row(rng: np.random.Generator) -> None:
    truth = unit(rng, 2)
    probes = Probes(truth, truth, names(np.arange(2)), np.array([-44.0, 46.0]))
    (row,) = rank1_by_yaw(probes, Gallery(truth, names(np.arange(2))), 20, 0)
    assert (row.yaw, row.probes) == (45, 2)


def test_it_is_the_person_that_counts_not_the_row() -> None:
    gallery = Gallery(np.eye(3), np.array(["a", "b", "a"]))
    found = hits(np.eye(3)[[2, 0, 1]], np.array(["a", "b", "b"]), gallery)
    assert found.tolist() == [True, False, True]


def test_a_face_without_result_is_an_error() -> None:
    gallery = Gallery(np.eye(2), np.array(["a", "b"]))
    lost = np.array([[np.nan, np.nan], [0.0, 1.0]])
    persons = np.array(["a", "b"])
    assert hits(lost, persons, gallery).tolist() == [False, True]
    (row,) = rank1_by_yaw(Probes(np.eye(2), lost, persons, np.zeros(2)), gallery, 20, 0)
    assert (row.rank1.raw.value, row.rank1.frontalized.value) == (100, 50)
    # A cosine that does not exist is left out, on both sides.
    assert row.cosine.frontalized.value == pytest.approx(100)


def test_a_gallery_face_that_was_not_found_is_never_the_nearest() -> None:
    gallery = Gallery(np.array([[np.nan, np.nan], [-1.0, 0.0]]), np.array(["a", "b"]))
    assert hits(np.eye(2)[:1], np.array(["a"]), gallery).tolist() == [False]


def test_probes_of_strangers_are_refused() -> None:
    gallery = Gallery(np.eye(2), np.array(["a", "b"]))
    probes = Probes(np.eye(2), np.eye(2), np.array(["a", "c"]), np.zeros(2))
    with pytest.raises(TrainingError, match=r"1 people .* no gallery photo \(c"):
        rank1_by_yaw(probes, gallery, 10, 0)
    with pytest.raises(TrainingError, match="no probes"):
        rank1_by_yaw(Probes(*(np.eye(2)[:0],) * 2, probes.persons[:0], np.zeros(0)), gallery, 1, 0)
