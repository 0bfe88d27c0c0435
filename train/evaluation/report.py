"""Evaluation reports: JSON, and Markdown tables."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .attributes import SexRow
from .bootstrap import Comparison, Interval
from .identification import Rank1
from .verification import Verification
from .views import UNKNOWN


@dataclass(frozen=True, slots=True)
class SimilarityRow:
    """One row: pictures beside the true frontal face."""

    yaw: int
    views: int
    ssim: Interval
    psnr: Interval
    """dB."""
    sharpness: Interval
    """Of the results, in parts of the true faces'."""
    asymmetry: Interval
    """Likewise."""
    eyes: Interval
    """Percent of results whose eyes are as open as the true ones (`eyes.as_open`); NaN where that
    was not measured."""


@dataclass(frozen=True, slots=True)
class PhotoRow:
    """Results of photos, whose true frontal face nobody knows, beside other photos."""

    frontal_photos: int
    results: int
    ssim: Interval
    """Of frontal photos to themselves, frontalized, within the face."""
    sharpness: Interval
    """Of the results, in parts of the frontal photos'."""
    asymmetry: Interval
    """Likewise."""


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one run, percent unless said otherwise."""

    about: Mapping[str, Any]
    """Dataset, source, landmarks, counts, seed."""
    identification: Mapping[str, Sequence[Rank1]] = field(default_factory=dict)
    """By recogniser."""
    by_sex: Mapping[str, Sequence[Rank1]] = field(default_factory=dict)
    """The same for one sex's probes, by recogniser and sex; the gallery is everybody's."""
    verification: Mapping[str, Verification] = field(default_factory=dict)
    likeness: Sequence[SimilarityRow] = ()
    photos: PhotoRow | None = None
    sex: Mapping[str, Sequence[SexRow]] = field(default_factory=dict)
    """By recogniser."""


def write_report(folder: Path, report: Report) -> None:
    """``results.json`` and ``results.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_rounded(asdict(report)), indent=1)
    (folder / "results.json").write_text(text + "\n")
    (folder / "results.md").write_text(markdown(report) + "\n")


def markdown(report: Report) -> str:
    """Every table of the report, with a line that says what was measured."""
    parts = ["; ".join(f"{key}: {value}" for key, value in report.about.items())]
    for name, rows in report.identification.items():
        parts.append(f"Rank-1 and cosine to the gallery photo, %, by {name}:\n\n{_rank1(rows)}")
    for name, rows in report.by_sex.items():
        parts.append(f"Of these, probes of {name}:\n\n{_rank1(rows)}")
    if report.verification:
        parts.append(f"Verification, %:\n\n{_verification(report.verification)}")
    if report.likeness:
        parts.append(f"Beside the true frontal face:\n\n{_likeness(report.likeness)}")
    if report.photos is not None:
        parts.append(f"Beside frontal photos:\n\n{_photos(report.photos)}")
    for name, sexes in report.sex.items():
        parts.append(f"Sex read rightly, %, from embeddings of {name}:\n\n{_sex(sexes)}")
    return "\n\n".join(parts)


def _rank1(rows: Sequence[Rank1]) -> str:
    head = (
        "yaw",
        "views",
        "rank-1 raw",
        "rank-1 frontalized",
        "difference",
        "cosine raw",
        "cosine frontalized",
    )
    return table(
        head,
        [
            [
                _yaw(row.yaw),
                row.probes,
                *_compared(row.rank1),
                _figure(row.cosine.raw),
                _figure(row.cosine.frontalized),
            ]
            for row in rows
        ],
    )


def _verification(found: Mapping[str, Verification]) -> str:
    rows = []
    for name, one in found.items():
        for what, compared in (("EER", one.eer), ("AUC", one.auc), ("accuracy", one.accuracy)):
            rows.append([name, what, *_compared(compared)])
    return table(("recogniser", "figure", "raw", "frontalized", "difference"), rows)


def _likeness(rows: Sequence[SimilarityRow]) -> str:
    head = ("yaw", "views", "SSIM", "PSNR, dB", "sharpness, ratio", "asymmetry, ratio", "eyes, %")
    return table(
        head,
        [
            [
                row.yaw,
                row.views,
                _figure(row.ssim, 3),
                _figure(row.psnr, 2),
                _figure(row.sharpness, 2),
                _figure(row.asymmetry, 2),
                _figure(row.eyes),
            ]
            for row in rows
        ],
    )


def _photos(row: PhotoRow) -> str:
    head = (
        "frontal photos",
        "SSIM of a frontal photo to its result, in the face",
        "results",
        "sharpness, ratio",
        "asymmetry, ratio",
    )
    figures = [_figure(row.sharpness, 2), _figure(row.asymmetry, 2)]
    return table(head, [[row.frontal_photos, _figure(row.ssim, 3), row.results, *figures]])


def _sex(rows: Sequence[SexRow]) -> str:
    head = ("yaw", "views", "raw", "frontalized", "difference")
    return table(head, [[_yaw(row.yaw), row.probes, *_compared(row.accuracy)] for row in rows])


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _yaw(yaw: int) -> str:
    return "no face" if yaw == UNKNOWN else str(yaw)


def _compared(found: Comparison) -> list[str]:
    return [_figure(found.raw), _figure(found.frontalized), _figure(found.difference, signed=True)]


def _figure(found: Interval, digits: int = 1, signed: bool = False) -> str:
    """``12.3 (10.1 to 14.0)``."""
    if math.isnan(found.value):
        return "none"
    sign = "+" if signed else ""
    return (
        f"{found.value:{sign}.{digits}f} ({found.low:{sign}.{digits}f} to "
        f"{found.high:{sign}.{digits}f})"
    )


def _rounded(value: Any) -> Any:
    """JSON has no NaN, and nobody needs the seventh digit."""
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    return value
