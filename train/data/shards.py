"""Rendered views on disk: folders of plain NumPy arrays that are memory-mapped.

A shard holds about 64 portraits:

========================  =======================================================================
``views.npy``             (N, 192, 192, 4) uint8 BGR and alpha, premultiplied; the 128x128 crop
                          begins at (32, 32), so that a face with margin can be cut and jittered;
                          alpha is the view's silhouette
``flow.npy``              (N, 2, 64, 64) int16: x, y in the view's crop, in 1/64 px, of what the
                          target shows at the centre of each cell of 2x2 crop px
``visibility.npy``        (N, 64, 64) uint8: whether the view shows it: 0 the target shows no
                          surface there, 1 hidden, 2 seen
``targets.npy``           (T, 128, 128, 4) uint8, the same for the frontal faces
``labels.npy``            (N,) of `LABELS`
``meta.json``             format version, template, seed, configuration, file name per identity
========================  =======================================================================

A picture is composed at load time: ``colour + background * (1 - alpha)``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.geometry import CROP_SIZE
from tpgan_sdk.images.resample import UInt8Array

FORMAT_VERSION: Final = 2
VIEW_MARGIN: Final = 32
"""Crop pixels around the 128x128 crop of a view, on every side."""
VIEW_SIZE: Final = CROP_SIZE + 2 * VIEW_MARGIN
FLOW_GRID: Final = 64
"""Cells of the correspondence on each axis of the target."""
FLOW_UNIT: Final = 64
"""Units of ``flow.npy`` in a crop pixel."""
NO_SURFACE: Final = 0
HIDDEN: Final = 1
SEEN: Final = 2

LABELS: Final = np.dtype(
    [
        ("target", "<i4"),  # row of targets.npy
        ("identity", "<i4"),  # running number in the split; the mirror image has the same
        ("mirrored", "?"),  # rendered from the mirrored portrait
        ("yaw", "<f4"),  # degrees, 0 to 90
        ("pitch", "<f4"),  # degrees, positive looks up
        ("roll", "<f4"),  # degrees, positive clockwise; alignment removes most of it
        ("light", "<f4", (3,)),  # towards the light: x right, y down, z away; length 0 to 1
        ("landmarks", "<f4", (5, 2)),  # px of the 128x128 crop, may lie outside it
    ]
)


def write_shard(
    folder: Path,
    views: Sequence[UInt8Array],
    flow: Sequence[npt.NDArray[np.int16]],
    visibility: Sequence[UInt8Array],
    targets: Sequence[UInt8Array],
    labels: Sequence[tuple[Any, ...]],
    meta: Mapping[str, Any],
) -> None:
    """Write one shard; it appears under its name only when complete.

    Args:
        folder: for example ``OUTPUT/train/shard-00000``; replaced when it exists.
        views: (192, 192, 4) uint8 each.
        flow: (2, 64, 64) int16 each.
        visibility: (64, 64) uint8 each.
        targets: (128, 128, 4) uint8 each.
        labels: one tuple of `LABELS` a view.
        meta: ends up in ``meta.json``, the format version is added.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    np.save(part / "views.npy", np.stack(views))
    np.save(part / "flow.npy", np.stack(flow))
    np.save(part / "visibility.npy", np.stack(visibility))
    np.save(part / "targets.npy", np.stack(targets))
    np.save(part / "labels.npy", np.array(list(labels), dtype=LABELS))
    text = json.dumps({"format": FORMAT_VERSION, **meta}, indent=1, sort_keys=True)
    (part / "meta.json").write_text(text + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


class ShardReader:
    """One shard, memory-mapped: nothing is read before it is used.

    Args:
        folder: a ``shard-NNNNN`` folder.

    Raises:
        TrainingError: not a shard, of another format version, or damaged.
    """

    views: npt.NDArray[np.uint8]
    """(N, 192, 192, 4) premultiplied BGR and alpha."""
    flow: npt.NDArray[np.int16]
    """(N, 2, 64, 64) x, y in the view's crop, 1/64 px."""
    visibility: npt.NDArray[np.uint8]
    """(N, 64, 64) `NO_SURFACE`, `HIDDEN` or `SEEN`."""
    targets: npt.NDArray[np.uint8]
    """(T, 128, 128, 4) premultiplied BGR and alpha."""
    labels: npt.NDArray[np.void]
    """(N,) of `LABELS`."""
    meta: dict[str, Any]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.meta = json.loads((folder / "meta.json").read_text())
            version = self.meta.get("format")
            if version != FORMAT_VERSION:
                raise TrainingError(
                    f"{folder} has shard format {version}, this code reads {FORMAT_VERSION}; "
                    "render the portraits again"
                )
            self.views = np.load(folder / "views.npy", mmap_mode="r")
            self.flow = np.load(folder / "flow.npy", mmap_mode="r")
            self.visibility = np.load(folder / "visibility.npy", mmap_mode="r")
            self.targets = np.load(folder / "targets.npy", mmap_mode="r")
            self.labels = np.load(folder / "labels.npy", mmap_mode="r")
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{folder} is not a readable shard ({error}); expected a folder written by "
                "`python -m train.data.render`: render it again"
            ) from error
        self._check()

    def _check(self) -> None:
        count = len(self.labels)
        faults = {
            "views.npy": self.views.shape == (count, VIEW_SIZE, VIEW_SIZE, 4),
            "flow.npy": self.flow.shape == (count, 2, FLOW_GRID, FLOW_GRID)
            and self.flow.dtype == np.int16,
            "visibility.npy": self.visibility.shape == (count, FLOW_GRID, FLOW_GRID),
            "targets.npy": self.targets.shape[1:] == (CROP_SIZE, CROP_SIZE, 4),
            "labels.npy": self.labels.dtype == LABELS
            and bool((self.labels["target"] < len(self.targets)).all()),
        }
        wrong = [name for name, good in faults.items() if not good]
        if wrong:
            raise TrainingError(
                f"{', '.join(wrong)} of {self.folder} do not fit together (views "
                f"{self.views.shape}, targets {self.targets.shape}, {count} labels); render the "
                "portraits again"
            )

    def __len__(self) -> int:
        """Number of views."""
        return len(self.labels)


def find_shards(folder: Path) -> list[Path]:
    """The shard folders in ``OUTPUT/train`` or ``OUTPUT/heldout``, in order.

    Raises:
        TrainingError: there is none.
    """
    shards = sorted(p for p in folder.glob("shard-*") if p.is_dir() and p.suffix != ".part")
    if not shards:
        raise TrainingError(
            f"no shards in {folder}; expected folders shard-00000, ... written by "
            "`python -m train.data.render --output`"
        )
    return shards
