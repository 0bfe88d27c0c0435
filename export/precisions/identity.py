"""Identity parity: cosine of a recogniser's embeddings of two networks' faces. Needs torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

Pictures = npt.NDArray[np.float32]


def identity_cosine(reference: Pictures, other: Pictures, weights: Path) -> dict[str, float]:
    """Cosines of each picture's embedding in both batches, (N, 3, 128, 128) RGB in [-1, 1].

    Args:
        weights: a recogniser that `train.recognisers.load_recogniser` reads.

    Returns:
        Mean and minimum.

    Raises:
        TrainingError: no such recogniser.
    """
    import torch

    from train.recognisers import load_recogniser

    recogniser = load_recogniser(weights)
    with torch.inference_mode():
        first, second = (recogniser(torch.from_numpy(batch))[1] for batch in (reference, other))
        cosines = (first * second).sum(dim=1)
    return {"identity_mean": float(cosines.mean()), "identity_min": float(cosines.min())}
