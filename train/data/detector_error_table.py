"""A detector's errors by yaw, as a table: read, written, and drawn from.

`sample` draws from the table of the default detector, ``detector_errors.json``, which
`python -m train.data.detector_errors` has written.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray

SHIPPED: Final = Path(__file__).with_name("detector_errors.json")
_ARRAYS: Final = {"distances": (5,), "mean": (5, 2), "covariance": (10, 10)}


@dataclass(frozen=True, slots=True)
class Band:
    """Errors around one yaw, in px of the aligned 128x128 crop, found minus exact."""

    yaw: float
    """Degrees, mean of the views that were shown."""
    views: int
    found: float
    """Share of the views in which the face was found, 0 to 1."""
    distances: FloatArray
    """(5,) mean distance of each point."""
    mean: FloatArray
    """(5, 2) mean error."""
    covariance: FloatArray
    """(10, 10) of the error, x and y of one point after the other."""


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """A detector's errors by yaw."""

    detector: str
    bands: tuple[Band, ...]
    """By rising yaw."""

    def at(self, yaw: float) -> tuple[FloatArray, FloatArray]:
        """Mean (5, 2) and covariance (10, 10): of the two nearest bands, mixed linearly.

        Beyond the outermost bands theirs hold.
        """
        place = float(np.interp(yaw, [b.yaw for b in self.bands], np.arange(len(self.bands))))
        low = self.bands[int(place)]
        high = self.bands[min(int(place) + 1, len(self.bands) - 1)]
        share = place - int(place)
        mean = low.mean + share * (high.mean - low.mean)
        covariance = low.covariance + share * (high.covariance - low.covariance)
        return mean, covariance

    def sample(self, rng: np.random.Generator, yaw: float) -> FloatArray:
        """(5, 2) float64 crop px to add to exact landmarks: normally distributed.

        Args:
            rng: gives ten numbers.
            yaw: degrees, 0 to 90; the occluded side is on the right.
        """
        mean, covariance = self.at(yaw)
        drawn = np.linalg.cholesky(covariance) @ rng.standard_normal(10)
        result: FloatArray = mean + drawn.reshape(5, 2)
        return result

    def write(self, path: Path) -> None:
        """As JSON, one band a line."""
        bands = ",\n".join(json.dumps(_to_json(band)) for band in self.bands)
        path.write_text(f'{{"detector": {json.dumps(self.detector)}, "bands": [\n{bands}\n]}}\n')


def sample(rng: np.random.Generator, yaw: float) -> FloatArray:
    """As `ErrorTable.sample`, from the table of the default detector."""
    return _shipped().sample(rng, yaw)


@functools.cache
def _shipped() -> ErrorTable:
    return load_table(SHIPPED)


def load_table(path: Path) -> ErrorTable:
    """A table that `ErrorTable.write` wrote.

    Raises:
        TrainingError: missing, or no such table.
    """
    try:
        table = json.loads(path.read_text())
        bands = tuple(_from_json(band) for band in table["bands"])
        if not bands:
            raise ValueError("no bands")
        return ErrorTable(str(table["detector"]), bands)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{path} is no readable table of errors ({type(error).__name__}: {error}); write one "
            "with `python -m train.data.detector_errors`"
        ) from error


def _to_json(band: Band) -> dict[str, Any]:
    arrays = {name: getattr(band, name).round(3).tolist() for name in _ARRAYS}
    scalars = {"yaw": round(band.yaw, 2), "views": band.views, "found": round(band.found, 4)}
    return scalars | arrays


def _from_json(band: dict[str, Any]) -> Band:
    arrays = {
        name: np.asarray(band[name], dtype=np.float64).reshape(shape)
        for name, shape in _ARRAYS.items()
    }
    np.linalg.cholesky(arrays["covariance"])  # its LinAlgError is a ValueError
    return Band(float(band["yaw"]), int(band["views"]), float(band["found"]), **arrays)
