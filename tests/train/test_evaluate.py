"""The evaluator itself: an oracle scores 100, chance scores chance, figures are hand-worked."""

from __future__ import annotations

import numpy as np
import pytest

from train.evaluate import Measured, markdown, rank1, table


def measured(raw: np.ndarray, frontalized: np.ndarray, truth: np.ndarray) -> Measured:
    count = len(truth)
    return Measured(
        yaw=np.where(np.arange(count) % 2, 46.0, 1.0),
        identity=np.arange(count) // 2,
        absolute=np.full(count, 2 / 255),
        squared=np.full(count, 0.04),
        raw=raw,
        frontalized=frontalized,
        truth=truth,
    )


def unit(rng: np.random.Generator, count: int) -> np.ndarray:
    vectors = rng.normal(size=(count, 64))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_an_oracle_scores_100_and_a_stranger_chance(rng: np.random.Generator) -> None:
    people = 200
    truth = unit(rng, people).repeat(2, axis=0)
    rows = table(measured(unit(rng, 2 * people), truth, truth))
    assert [row.yaw for row in rows] == [0, 45]
    for row in rows:
        assert row.views == people
        assert (row.rank1_frontalized, row.cosine_frontalized) == (100.0, 1.0)
        assert row.rank1_raw < 4  # chance is 0.5
        assert abs(row.cosine_raw) < 0.05
        assert row.levels == pytest.approx(1.0, abs=0.01)
        assert row.psnr == pytest.approx(20.0)


def test_rank1_counts_by_identity_not_by_row() -> None:
    gallery = np.eye(3)
    hits = rank1(np.eye(3)[[2, 0, 1]], np.array([7, 5, 5]), gallery, np.array([5, 6, 7]))
    assert hits.tolist() == [True, True, False]


def test_the_table_has_a_line_for_each_yaw(rng: np.random.Generator) -> None:
    truth = unit(rng, 4)
    lines = markdown(table(measured(truth, truth, truth))).splitlines()
    assert len(lines) == 4
    assert all(line.count("|") == 9 for line in lines)
