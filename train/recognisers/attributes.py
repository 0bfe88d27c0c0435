"""Sex from an embedding: one fixed linear classifier, to see whether synthesis keeps it.

The generated portraits carry it in their names: f0a1b2c3d4e.jpg and m0a1b2c3d4e.jpg. Fit it on
frontal portraits of the training split; it then judges raw and frontalized faces alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import numpy as np
import numpy.typing as npt

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray

FEMALE: Final = "f"
MALE: Final = "m"
SEX_WORDS: Final = {FEMALE: "women", MALE: "men"}
_NAME: Final = re.compile(r"([fm])[0-9a-f]{10}\.")
_NEWTON_STEPS: Final = 20


def sex_of(filename: str) -> str | None:
    """ "f" or "m" from a generated portrait's file name; None where the name does not say.

    Of somebody made from two, whose names "+" joins, it is the sex of both.
    """
    found = [_NAME.match(PurePath(part).name) for part in filename.split("+")]
    sexes = {match.group(1) if match else None for match in found}
    return sexes.pop() if len(sexes) == 1 else None


@dataclass(frozen=True, slots=True)
class SexClassifier:
    """Logistic regression over unit-length embeddings."""

    weights: FloatArray
    """(D,)."""
    bias: float

    def male(self, embeddings: npt.NDArray[np.floating]) -> FloatArray:
        """(N, D) embeddings to the probability (N,) of "m"."""
        scores = embeddings.astype(np.float64) @ self.weights + self.bias
        return _logistic(scores)

    def predict(self, embeddings: npt.NDArray[np.floating]) -> npt.NDArray[np.str_]:
        """(N, D) embeddings to (N,) of "f" and "m"."""
        return np.where(self.male(embeddings) > 0.5, MALE, FEMALE)


def fit_sex_classifier(
    embeddings: npt.NDArray[np.floating], labels: Sequence[str], penalty: float = 0.1
) -> SexClassifier:
    """Maximum likelihood with an L2 penalty on the weights, by Newton's method.

    Args:
        embeddings: (N, D) of unit length.
        labels: N times "f" or "m".
        penalty: added as ``penalty / 2 * |weights|**2`` to the sum of the N losses; the bias is
            free.

    Raises:
        TrainingError: labels of another kind or number, or of one sex only.
    """
    truth = np.array([label == MALE for label in labels], dtype=np.float64)
    if set(labels) != {FEMALE, MALE} or len(labels) != len(embeddings):
        raise TrainingError(
            f"{len(embeddings)} embeddings with {len(labels)} labels "
            f"({', '.join(sorted(set(labels))) or 'none'}); expected one each, of both "
            f"{FEMALE!r} and {MALE!r}"
        )
    inputs = np.column_stack([embeddings.astype(np.float64), np.ones(len(embeddings))])
    ridge = np.full(inputs.shape[1], penalty)
    ridge[-1] = 0.0
    solution = np.zeros(inputs.shape[1])
    for _ in range(_NEWTON_STEPS):
        chance = _logistic(inputs @ solution)
        gradient = inputs.T @ (chance - truth) + ridge * solution
        curvature = (inputs.T * (chance * (1 - chance))) @ inputs + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        solution -= step
        if np.abs(step).max() < 1e-9:
            break
    return SexClassifier(solution[:-1], float(solution[-1]))


def _logistic(scores: FloatArray) -> FloatArray:
    result: FloatArray = 0.5 + 0.5 * np.tanh(scores / 2)  # never overflows
    return result
