"""The classifier of sex: the optimum that another solver finds, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from tpgan_sdk.errors import TrainingError
from train.recognisers.attributes import fit_sex_classifier, sex_of


@pytest.fixture
def people(rng: np.random.Generator) -> tuple[np.ndarray, list[str]]:
    """200 unit vectors on both sides of a plane, a few of them on the wrong side."""
    points = rng.normal(size=(200, 8))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    noisy = points[:, 0] + 0.3 * points[:, 1] + rng.normal(scale=0.05, size=200)
    return points.astype(np.float32), ["m" if v > 0.1 else "f" for v in noisy]


def test_the_fit_is_the_optimum_of_its_objective(people: tuple[np.ndarray, list[str]]) -> None:
    points, labels = people
    signs = np.array([1 if label == "m" else -1 for label in labels])

    def objective(solution: np.ndarray) -> float:
        margins = signs * (points @ solution[:-1] + solution[-1])
        return float(np.logaddexp(0, -margins).sum() + 0.05 * (solution[:-1] ** 2).sum())

    best = minimize(objective, np.zeros(9), method="BFGS", options={"gtol": 1e-6}).x
    found = fit_sex_classifier(points, labels, penalty=0.1)
    assert found.weights == pytest.approx(best[:-1], rel=1e-3, abs=1e-3)
    assert found.bias == pytest.approx(best[-1], rel=1e-3)


def test_new_people_on_the_same_sides_are_told_apart(
    people: tuple[np.ndarray, list[str]], rng: np.random.Generator
) -> None:
    classifier = fit_sex_classifier(*people)
    new = rng.normal(size=(300, 8))
    new /= np.linalg.norm(new, axis=1, keepdims=True)
    truth = new[:, 0] + 0.3 * new[:, 1]
    clear = np.abs(truth - 0.1) > 0.1
    said = classifier.predict(new[clear])
    assert (said == np.where(truth[clear] > 0.1, "m", "f")).mean() > 0.97
    assert ((classifier.male(new[clear]) > 0.5) == (said == "m")).all()


def test_separable_people_do_not_diverge() -> None:
    points = np.array([[1.0, 0.0], [0.9, 0.1], [-1.0, 0.0], [-0.9, 0.1]])
    classifier = fit_sex_classifier(points, ["m", "m", "f", "f"])
    assert np.isfinite(classifier.weights).all()
    assert classifier.predict(points).tolist() == ["m", "m", "f", "f"]


def test_names_carry_the_sex() -> None:
    assert sex_of("folder/f00034ebc40.jpg") == "f"
    assert sex_of("m0a1b2c3d4e.jpg") == "m"
    assert sex_of("frida.jpg") is None
    assert sex_of("seed0001.png") is None
    assert sex_of("a/f00034ebc40.jpg+a/f0a1b2c3d4e.jpg") == "f"
    assert sex_of("a/f00034ebc40.jpg+b/m0a1b2c3d4e.jpg") is None
    assert sex_of("a/f00034ebc40.jpg+b/seed0001.png") is None


def test_unusable_labels_are_refused(people: tuple[np.ndarray, list[str]]) -> None:
    points, labels = people
    with pytest.raises(TrainingError, match=r"200 embeddings with 199 labels \(f, m\)"):
        fit_sex_classifier(points, labels[:-1])
    with pytest.raises(TrainingError, match=r"labels \(f\); expected one each, of both 'f' and"):
        fit_sex_classifier(points, ["f"] * 200)
