"""Figures: recognition by yaw with its intervals, and a grid of faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from tpgan_sdk.errors import TrainingError
from tpgan_sdk.images.files import write_image
from tpgan_sdk.images.resample import UInt8Array

from .bootstrap import Comparison
from .embedding import ProbePictures
from .identification import Rank1
from .report import Report
from .verification import Verification
from .views import UNKNOWN, nearest_yaw

_RAW, _FRONTALIZED = "#8a8f98", "#c2410c"
_GAP: Final = 4
"""Pixels between two faces of the grid."""


def draw_figure(path: Path, report: Report) -> None:
    """Rank-1 by yaw, or the errors of the verification, raw beside frontalized.

    Raises:
        TrainingError: matplotlib is not installed.
    """
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        raise TrainingError(
            "curve.png needs matplotlib; install it: pip install matplotlib"
        ) from None
    names = list(report.identification or report.verification)
    size = (4.5 * len(names), 3.4)
    figure, axes = pyplot.subplots(1, len(names), figsize=size, sharey=True, squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        if report.identification:
            _by_yaw(axis, report.identification[name])
        else:
            _bars(axis, report.verification[name])
        axis.set_title(name)
        axis.grid(alpha=0.3)
    axes[0, 0].legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _by_yaw(axis, rows: Sequence[Rank1]) -> None:  # type: ignore[no-untyped-def]
    rows = [row for row in rows if row.yaw != UNKNOWN]
    yaws = [row.yaw for row in rows]
    for label, colour in (("raw", _RAW), ("frontalized", _FRONTALIZED)):
        found = [getattr(row.rank1, label) for row in rows]
        axis.plot(yaws, [f.value for f in found], marker="o", color=colour, label=label)
        axis.fill_between(
            yaws, [f.low for f in found], [f.high for f in found], color=colour, alpha=0.18
        )
    axis.set(xlabel="yaw, degrees", ylabel="rank-1, %", xticks=yaws, ylim=(0, 102))


def _bars(axis, found: Verification) -> None:  # type: ignore[no-untyped-def]
    figures: Mapping[str, Comparison] = {
        "EER": found.eer,
        "100 - AUC": _complement(found.auc),
        "100 - accuracy": _complement(found.accuracy),
    }
    places = np.arange(len(figures))
    for shift, label, colour in ((-0.2, "raw", _RAW), (0.2, "frontalized", _FRONTALIZED)):
        values = [getattr(f, label) for f in figures.values()]
        spread = [[v.value - v.low for v in values], [v.high - v.value for v in values]]
        heights = [v.value for v in values]
        axis.bar(places + shift, heights, 0.38, color=colour, label=label)
        axis.errorbar(places + shift, heights, np.maximum(spread, 0), fmt="none", ecolor="black")
    axis.set(xticks=places, xticklabels=list(figures), ylabel="error, %")


def _complement(found: Comparison) -> Comparison:
    turned = {}
    for name in ("raw", "frontalized", "difference"):
        one = getattr(found, name)
        full = 0.0 if name == "difference" else 100.0
        turned[name] = type(one)(full - one.value, full - one.high, full - one.low)
    return Comparison(**turned)


def draw_grid(path: Path, sheets: Sequence[ProbePictures]) -> None:
    """For each person two rows, raw above frontalized, by yaw; the true face ends the row.

    Raises:
        TrainingError: there is nothing to show.
    """
    if not sheets:
        raise TrainingError("no face to show: no probe gave a result")
    people = list(dict.fromkeys(sheet.person for sheet in sheets))
    yaws = sorted({nearest_yaw(sheet.yaw) for sheet in sheets})
    blank = np.full_like(sheets[0].frontalized, 255)
    rows = []
    for person in people:
        by_yaw = {nearest_yaw(s.yaw): s for s in sheets if s.person == person}
        truth = next((s.truth for s in by_yaw.values() if s.truth is not None), blank)
        for kind in ("raw", "frontalized"):
            faces = [getattr(by_yaw[yaw], kind) if yaw in by_yaw else blank for yaw in yaws]
            rows.append(_line([*faces, truth if kind == "frontalized" else blank]))
    write_image(path, np.ascontiguousarray(np.vstack(rows)[..., ::-1]))


def _line(faces: Sequence[UInt8Array]) -> UInt8Array:
    framed = [np.pad(f, ((_GAP, 0), (_GAP, 0), (0, 0)), constant_values=255) for f in faces]
    return np.hstack(framed)
