"""`python -m benchmarks.projection`: what boards that nobody measured would probably take.

A projection, not a measurement. `devices.json` holds data sheets, and latencies that others have
published for networks of the same kind (convolutions, TensorRT FP16, batch 1). The floor of each,
operations by matrix rate or bytes by bandwidth, is compared with its latency: over a kind of device
(Jetson, discrete) that is close to a line, a factor times the floor plus a fixed time, which is put
to our networks. The interval comes from projecting each device from the others of its kind: the
worst that this was off. Below and above the published floors, and for batches, which nobody
published, the line is a guess: there the interval begins at the floor itself.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import numpy as np

from tpgan_sdk.models.inputs import INPUT_SHAPES

from .command import command, conclude
from .errors import BenchmarkError
from .hardware.machine import describe
from .reporting.results import Result

BATCHES: Final = (1, 32)
PRESETS: Final = ("edge", "paper")
_BYTES: Final = 2  # of an FP16 value


@dataclass(frozen=True, slots=True)
class Device:
    """A data sheet."""

    name: str
    """Of the engine profile, where there is one."""
    label: str
    kind: str
    """"jetson" or "discrete"."""
    fp16_tflops: float
    """Dense, of the tensor cores."""
    int8_tops: float
    memory_gb_s: float
    power_w: float
    """The most that the module or the card takes."""
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class Published:
    """A latency that others have measured."""

    device: Device
    network: str
    floor_ms: float
    latency_ms: float
    source: str

    @property
    def factor(self) -> float:
        """How many times its floor the network took."""
        return self.latency_ms / self.floor_ms


@dataclass(frozen=True, slots=True)
class Line:
    """Latency by floor, for one kind of device."""

    factor: float
    fixed_ms: float
    """Launches, and traffic that the floor does not count."""

    def at(self, floor_ms: float) -> float:
        """Milliseconds."""
        return self.factor * floor_ms + self.fixed_ms


def floor_ms(flops: float, values: float, device: Device) -> float:
    """The least time for so many operations and FP16 values through memory, at the peak rates."""
    compute_s = flops / (device.fp16_tflops * 1e12)
    memory_s = values * _BYTES / (device.memory_gb_s * 1e9)
    return max(compute_s, memory_s) * 1e3


def load() -> tuple[dict[str, Device], list[Published]]:
    """The data sheets by name, and all published latencies."""
    data = json.loads(files(__package__).joinpath("devices.json").read_text())
    devices = {name: Device(name, **values) for name, values in data["devices"].items()}
    published = []
    for entry in data["published"]:
        for name, latencies in entry["latencies_ms"].items():
            for network, latency in latencies.items():
                size = data["networks"][network]
                floor = floor_ms(size["gflop"] * 1e9, size["parameters_m"] * 1e6, devices[name])
                source = entry["source"]
                published.append(Published(devices[name], network, floor, latency, source))
    return devices, published


def fit(published: Sequence[Published]) -> Line:
    """The line with the least squares of relative errors; neither part is negative.

    Raises:
        BenchmarkError: fewer than two latencies, or all of one floor.
    """
    floors = np.array([one.floor_ms for one in published])
    latencies = np.array([one.latency_ms for one in published])
    if len(set(floors)) < 2:
        raise BenchmarkError(
            f"{len(published)} published latencies of {len(set(floors))} floors; expected two or "
            "more, that a line can be drawn through"
        )
    sides = np.column_stack([floors, np.ones(len(floors))]) / latencies[:, None]
    factor, fixed = np.linalg.lstsq(sides, np.ones(len(floors)), rcond=None)[0]
    if fixed < 0:  # then the best line that is allowed goes through the origin
        share = sides[:, 0]
        return Line(float(share.sum() / (share @ share)), 0.0)
    return Line(float(factor), float(fixed))


def spread(published: Sequence[Published]) -> tuple[float, float]:
    """Least and most of published by projected, each device projected from the others."""
    ratios = [1.0]
    for name in {one.device.name for one in published}:
        line = fit([one for one in published if one.device.name != name])
        ratios += [o.latency_ms / line.at(o.floor_ms) for o in published if o.device.name == name]
    return min(ratios), max(ratios)


def project(
    flops: float, values: float, batch: int, device: Device, known: Sequence[Published]
) -> dict[str, Any]:
    """Floor and projected milliseconds of one batch, for a result's row.

    Args:
        flops: operations of the batch.
        values: FP16 values of weights, inputs and outputs.
        known: published latencies; those of the device's kind count.
    """
    same = [one for one in known if one.device.kind == device.kind]
    line, (low, high) = fit(same), spread(same)
    floor = floor_ms(flops, values, device)
    middle = line.at(floor)
    floors = [one.floor_ms for one in same]
    guess = batch > 1 or not min(floors) <= floor <= max(floors)
    return {
        "floor_ms": floor,
        "projected_ms": middle,
        "projected_ms_low": floor if guess else max(floor, middle * low),
        "projected_ms_high": middle * high,
        "extrapolated": guess,
    }


def measure(presets: Sequence[str] = PRESETS, batches: Sequence[int] = BATCHES) -> Result:
    """Projects the presets to every device.

    Raises:
        BenchmarkError: no such preset, or no PyTorch to count its operations.
    """
    try:
        from train.networks import PRESETS as SPECS
        from train.networks.measure import cost
    except ImportError as error:
        raise BenchmarkError(
            f"the presets are counted with {error.name}: pip install '.[export]'"
        ) from None

    devices, known = load()
    rows = [_check(one, known) for one in known]
    ends = sum(int(np.prod(shape)) for shape in INPUT_SHAPES.values()) + 3 * 128 * 128
    for preset in presets:
        if preset not in SPECS:
            raise BenchmarkError(f"no preset {preset!r}; known: {', '.join(SPECS)}")
        size = cost(SPECS[preset], classes=0)
        for device in devices.values():
            for batch in batches:
                values = size.parameters + batch * ends
                found = project(batch * size.flops, values, batch, device, known)
                rows.append(
                    {
                        **{"kind": "projection", "preset": preset, "batch": batch},
                        **{"device": device.name, "label": device.label, "precision": "fp16"},
                        **found,
                        "faces_per_s": batch / found["projected_ms"] * 1e3,
                        **{"power_w": device.power_w, "source": device.source},
                    }
                )
    return Result("projection", describe(), {"presets": presets, "batches": batches}, rows)


def _check(one: Published, known: Sequence[Published]) -> dict[str, Any]:
    """A row: what a published network took, and what the other devices say it would."""
    same = [k for k in known if k.device.kind == one.device.kind and k.device != one.device]
    projected = fit(same).at(one.floor_ms)
    return {
        **{"kind": "published", "device": one.device.name, "network": one.network},
        **{"floor_ms": one.floor_ms, "published_ms": one.latency_ms, "factor": one.factor},
        **{"projected_ms": projected, "ratio": one.latency_ms / projected, "source": one.source},
    }


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    p = command("projection", __doc__, "changes nothing: nothing is measured")
    add = p.add_argument
    add("--preset", action="append", metavar="NAME", help="default: edge and paper")
    add("--batch", type=int, action="append", metavar="N", help="default: 1 and 32")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1: refused."""
    args = parser().parse_args(argv)
    asked = (args.preset or PRESETS, args.batch or BATCHES)
    return conclude(
        "projection", args.output, lambda: measure(*asked), lambda found: map(_line, found.rows)
    )


def _line(row: Any) -> str:
    if row["kind"] == "published":
        return (
            f"published: {row['network']} on {row['device']} {row['published_ms']:.2f} ms, "
            f"{row['factor']:.1f} times its floor, {row['ratio']:.2f} times the projection"
        )
    return (
        f"projection: {row['preset']} on {row['device']}, batch {row['batch']}: "
        f"{row['projected_ms']:.2f} ms ({row['projected_ms_low']:.2f} to "
        f"{row['projected_ms_high']:.2f}), floor {row['floor_ms']:.2f} ms"
    )


if __name__ == "__main__":
    sys.exit(main())
