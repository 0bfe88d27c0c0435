"""Whether an engine makes the pictures that its model makes: run after a build and, for engines
that were built without a GPU, when they are first loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ...errors import BackendError
from ...models.model import Model
from .. import parity
from ..base import Backend

MAX_MEAN_LEVELS: Final = 2.0
"""What an engine may change on average, in grey levels of 255; the limit of FP16 exports too."""

Pictures = npt.NDArray[np.float32]


def check_parity(
    backend: Backend,
    model: Model,
    faces: Path | None = None,
    also: Callable[[Pictures, Pictures], dict[str, float]] | None = None,
) -> dict[str, float]:
    """Compares with ONNX Runtime on the CPU, on aligned faces (default: the package's 16).

    Args:
        also: measures more on ONNX Runtime's pictures and on the backend's.

    Returns:
        The figures of `tpgan_sdk.backends.parity.Parity`, and those of `also`.

    Raises:
        BackendError: the pictures differ too much, or ONNX Runtime is not there to compare with.
    """
    inputs = parity.load_parity_faces(faces or parity.FACES, model.template, model.inputs)
    try:
        expected = parity.run_onnx(model.path, inputs)
    except ImportError as error:
        raise BackendError(
            f"the engine was never compared with ONNX Runtime, and cannot be here ({error}); "
            "install it for that: pip install 'tpgan-sdk[cpu]'"
        ) from None
    pictures = backend.run(inputs)
    found = parity.compare(expected, pictures)
    # Written so that NaN fails too.
    if not found.mean_levels <= MAX_MEAN_LEVELS:
        raise BackendError(
            f"the engine differs from ONNX Runtime by {found.mean_levels:.2f} grey levels on "
            f"average; the limit is {MAX_MEAN_LEVELS}: it is not used; try --precision fp32"
        )
    more = also(expected, pictures) if also else {}
    return {**found.figures(), **more}
