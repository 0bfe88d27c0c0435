"""`python -m benchmarks.fleet`: faces a second for each watt and device, and how many devices.

From the projection, with the power of the data sheets, or from a measured latency's JSON with the
power that was measured or is given. The network alone; photos also need detection, which is the
CPU's: `python -m benchmarks.folder` measures that.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from . import projection
from .command import command, conclude
from .errors import BenchmarkError
from .hardware.machine import describe
from .reporting.results import Result, read

FACES_AN_HOUR: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """Devices of one kind that do a given amount of work."""

    faces_per_s: float
    """Of one device."""
    power_w: float | None
    """Of one device at work; None: not known."""
    faces_an_hour: float = FACES_AN_HOUR

    @property
    def faces_per_joule(self) -> float | None:
        """The same as faces a second for each watt."""
        return self.faces_per_s / self.power_w if self.power_w else None

    @property
    def devices(self) -> int:
        """The fewest that keep up."""
        return math.ceil(self.faces_an_hour / 3600 / self.faces_per_s)

    @property
    def total_w(self) -> float | None:
        """Of all of them at work."""
        return self.devices * self.power_w if self.power_w else None

    def row(self) -> dict[str, Any]:
        """For a result's row."""
        return {
            "faces_per_s": self.faces_per_s,
            "power_w": self.power_w,
            "faces_per_joule": self.faces_per_joule,
            "faces_an_hour": self.faces_an_hour,
            "devices": self.devices,
            "total_w": self.total_w,
        }


def plan(
    rows: Iterable[Mapping[str, Any]], faces_an_hour: float, power_w: float | None = None
) -> list[dict[str, Any]]:
    """The best batch of each device, preset, runtime and precision, as a fleet.

    Args:
        rows: with `faces_per_s`, of `projection` or of a latency benchmark.
        power_w: of one device; None: the row's `mean_w` or `power_w`.

    Raises:
        BenchmarkError: no row tells faces a second.
    """
    best: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    named = ("device", "label", "preset", "runtime", "backend", "precision")
    for row in rows:
        if row.get("faces_per_s"):
            key = tuple(row.get(name) for name in named)
            best[key] = max(best.get(key, row), row, key=lambda one: float(one["faces_per_s"]))
    if not best:
        raise BenchmarkError(
            "no row tells faces a second; expected the JSON of the projection or of a latency "
            "benchmark"
        )
    result = []
    for row in best.values():
        watts = power_w or row.get("mean_w") or row.get("power_w")
        what = {name: row[name] for name in (*named, "batch") if row.get(name) is not None}
        projected = "projected_ms" in row
        fleet = Fleet(row["faces_per_s"], watts, faces_an_hour)
        result.append({**what, "projected": projected, **fleet.row()})
    return result


def measure(
    source: Path | None = None,
    faces_an_hour: float = FACES_AN_HOUR,
    power_w: float | None = None,
) -> Result:
    """Fleets from a result's file, or from the projection.

    Raises:
        BenchmarkError: a file that cannot be used, or figures that are not above 0.
    """
    if faces_an_hour <= 0 or (power_w is not None and power_w <= 0):
        raise BenchmarkError(
            f"{faces_an_hour:g} faces an hour with {power_w} W; expected both above 0"
        )
    found = read(source) if source else projection.measure()
    machine = found.machine if source else describe()
    settings = {"from": found.benchmark, "faces_an_hour": faces_an_hour, "power_w": power_w}
    return Result("fleet", machine, settings, plan(found.rows, faces_an_hour, power_w))


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = command("fleet", __doc__, "changes nothing: nothing is measured")
    add = p.add_argument
    add("--from", dest="source", type=Path, metavar="JSON", help="default: the projection")
    add("--faces-an-hour", type=float, default=FACES_AN_HOUR, metavar="N")
    add("--watts", type=float, metavar="W", help="of one device at work; default: as measured")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1: refused."""
    args = parser().parse_args(argv)
    asked = (args.source, args.faces_an_hour, args.watts)
    return conclude("fleet", args.output, lambda: measure(*asked), _lines)


def _lines(result: Result) -> Iterator[str]:
    for row in result.rows:
        name = row.get("label") or row.get("runtime") or row.get("backend")
        watts = "power unknown" if row["total_w"] is None else f"{row['total_w']:.0f} W"
        mark = ", projected" if row["projected"] else ""
        yield (
            f"{row.get('preset')} on {name}: {row['faces_per_s']:.0f} faces/s, "
            f"{row['devices']} devices, {watts}{mark}"
        )


if __name__ == "__main__":
    sys.exit(main())
