"""Cache of landmarks and embeddings: photos do not change while a network trains.

Everything is filed under the hash of what it was made from, so that other points, another picture
or another recogniser never meet an old result. A detector is known by its name alone: delete the
folder when its code or its weights changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import FloatArray
from tpgan_sdk.images.resample import Float32Array, UInt8Array

from ..data.people import Photo
from ..recognisers.embedder import Embedder
from .landmarks import Locate


class VectorCache:
    """Vectors of one length by the hash of their source, in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.vectors: dict[str, npt.NDArray[np.float64]] = {}
        self._unsaved = False
        if path.is_file():
            try:
                with np.load(path, allow_pickle=False) as file:
                    self.vectors = dict(zip(file["keys"].tolist(), file["rows"], strict=True))
            except (OSError, ValueError, KeyError) as error:
                raise TrainingError(f"{path} is damaged ({error}); delete it") from None

    def put(self, key: str, vector: npt.ArrayLike) -> None:
        """Kept from now on, on disk after `save`."""
        self.vectors[key] = np.asarray(vector, dtype=np.float64)
        self._unsaved = True

    def save(self) -> None:
        """Written beside and moved into place."""
        if not self._unsaved:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part.npz")
        np.savez(part, keys=list(self.vectors), rows=list(self.vectors.values()))
        part.replace(self.path)
        self._unsaved = False


class CachedEmbedder:
    """A recogniser that does not look twice at the same face."""

    def __init__(self, embedder: Embedder, kept: VectorCache) -> None:
        self.name = embedder.name
        self._embedder, self._kept = embedder, kept

    def embed(
        self, pictures: Sequence[UInt8Array] | UInt8Array, points: npt.ArrayLike
    ) -> Float32Array:
        """As `Embedder.embed`."""
        faces = np.asarray(points, dtype=np.float64).reshape(-1, 5, 2)
        keys = [_hash(picture, face) for picture, face in zip(pictures, faces, strict=True)]
        new = [i for i, key in enumerate(keys) if key not in self._kept.vectors]
        found = self._embedder.embed([pictures[i] for i in new], faces[new])
        for index, vector in zip(new, found, strict=True):
            self._kept.put(keys[index], vector)
        rows = [self._kept.vectors[key] for key in keys]
        return np.array(rows, np.float32).reshape(-1, found.shape[1])


def cached_locate(locate: Locate, kept: VectorCache) -> Locate:
    """A source of landmarks that is not asked twice about the same photo."""

    def find(photo: Photo, picture: UInt8Array) -> FloatArray | None:
        key = _hash(picture)
        if key not in kept.vectors:
            points = locate(photo, picture)
            kept.put(key, np.full(10, np.nan) if points is None else points.ravel())
        row = kept.vectors[key]
        return None if np.isnan(row).any() else row.reshape(5, 2)

    return find


def file_name(*parts: str) -> str:
    """A name for what these make together, as recogniser and weights: hashes of files that are."""
    texts = [
        hashlib.sha256(Path(part).read_bytes()).hexdigest() if Path(part).is_file() else part
        for part in parts
    ]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16] + ".npz"


def _hash(*arrays: npt.NDArray[np.generic]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
