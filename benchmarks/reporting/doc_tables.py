"""Tables of the docs: which rows of which benchmark, in which columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from .tables import Column, Row, Table


def _plain(**heads: str) -> tuple[Column, ...]:
    """Columns by the keys of their rows."""
    return tuple(Column(head, key) for key, head in heads.items())


def _kind(*kinds: str) -> Callable[[Row], bool]:
    return lambda row: row["kind"] in kinds


_MEDIAN: Final = _plain(median_ms="median ms")
_TIMES: Final = (
    *_MEDIAN,
    *_plain(p95_ms="p95 ms", p99_ms="p99 ms", faces_per_s="faces/s"),
)
_RUNTIME: Final = _plain(preset="preset", what="runtime", precision="precision", batch="batch")
_TIMES_EAGER: Final = Column("times eager (95 %)", "speedup", interval=True)
_PROJECTED: Final = "Projected from data sheets and published latencies, not measured"

SECTIONS: Final = {
    "latency": Table(
        "latency",
        (
            *_plain(preset="preset", precision="precision", backend="backend", batch="batch"),
            *_TIMES,
            *_plain(cold_ms="cold start ms", peak_mb="peak MB", device_mb="GPU MB"),
            *_plain(joules_per_face="J a face", mean_w="W", energy_source="energy by"),
        ),
        _kind("latency"),
    ),
    "latency-stages": Table(
        "latency",
        (
            *_plain(preset="preset", backend="backend", detector="detector", photo_px="photo px"),
            *_plain(read_ms="read", detect_ms="detect", refine_ms="refine", align_ms="align"),
            *_plain(network_ms="network", finish_ms="finish", paste_back_ms="paste back"),
            *_plain(write_ms="write", total_ms="all, ms"),
        ),
        _kind("stages"),
    ),
    "peers": Table(
        "peers",
        (
            *_RUNTIME,
            *_MEDIAN,
            _TIMES_EAGER,
            Column("this SDK against it", "sdk_speedup", interval=True),
            *_plain(max_abs="largest difference", device_median_ms="on the GPU ms"),
        ),
        _kind("runtime"),
    ),
    "peers-seed": Table("peers", (*_plain(what="what"), *_TIMES, _TIMES_EAGER), _kind("seed")),
    "peers-int8": Table(
        "peers",
        (
            *_plain(preset="preset", precision="precision"),
            *_MEDIAN,
            Column("times FP32 (95 %)", "speedup", interval=True),
            *_plain(ranges="ranges by", identity_cosine="identity, mean cosine"),
            *_plain(identity_cosine_min="identity, smallest", psnr_db="PSNR dB"),
        ),
        _kind("int8"),
    ),
    "overhead": Table(
        "overhead",
        (
            *_plain(model="model", backend="backend", batch="batch"),
            *_plain(bare_median_ms="bare network ms", sdk_median_ms="with the SDK ms"),
            Column("SDK's own share (95 %)", "own_share", True, " %", 100),
            Column("goal", "goal_share", suffix=" %", scale=100),
            *_plain(bare_p99_by_p50="p99/p50 bare", sdk_p99_by_p50="p99/p50 SDK"),
            Column("SDK by bare (95 %)", "tail", interval=True),
            *_plain(goal_tail="goal of it"),
        ),
    ),
    "limit": Table(
        "limit",
        (
            *_RUNTIME,
            *_MEDIAN,
            *_plain(gflop_per_s="GFLOP/s", floor_ms="floor ms", times_floor="times floor"),
            *_plain(layered_floor_ms="floor kernel by kernel ms", times_layered_floor="times it"),
        ),
        _kind("latency"),
    ),
    "limit-kernels": Table(
        "limit",
        (
            *_plain(preset="preset", batch="batch", kernel="kernel", operators="operators"),
            *_plain(gflop="GFLOP", moved_mb="MB moved", floor_ms="floor ms"),
            Column("of all kernels", "share", suffix=" %", scale=100),
        ),
        _kind("kernel"),
    ),
    "limit-ceilings": Table(
        "limit",
        (
            *_plain(device="device", what="what", how="reached by"),
            *_plain(gflop_per_s="GFLOP/s", gb_per_s="GB/s"),
        ),
        _kind("ceiling"),
    ),
    "scaling": Table(
        "scaling",
        (*_plain(kind="by", count="how many"), *_MEDIAN, *_plain(faces_per_s="faces/s")),
        _kind("faces", "batch", "frames", "threads", "processes"),
    ),
    "soak": Table(
        "soak",
        (
            *_plain(
                model="model",
                backend="backend",
                minutes="minutes",
                calls="calls",
                first_mb="first MB",
                last_mb="last MB",
            ),
            *_plain(most_mb="most MB"),
            Column("MB an hour (95 %)", "mb_per_hour", interval=True),
            *_plain(flat="flat"),
        ),
        _kind("memory"),
    ),
    "scaling-training": Table(
        "scaling",
        _plain(workers="workers", ranks="ranks", batch="batch", images_per_s="images/s"),
        _kind("training"),
    ),
    "folder": Table(
        "folder",
        (
            *_plain(photos="photos", workers="workers", wall_s="wall s", photos_per_s="photos/s"),
            *_plain(detection_ms="detection ms a photo", network_ms="network ms a photo"),
            *_plain(faces_found="faces found", ratio="times both alone by cores", goal="goal"),
            *_plain(drift="drift of the machine"),
        ),
    ),
    "projection": Table(
        "projection",
        (
            *_plain(preset="preset", label="device", batch="batch", floor_ms="floor ms"),
            Column("projected ms (interval)", "projected_ms", interval=True),
            *_plain(extrapolated="beyond what is published", faces_per_s="faces/s"),
        ),
        _kind("projection"),
        _PROJECTED,
    ),
    "projection-published": Table(
        "projection",
        (
            *_plain(network="network", device="device", floor_ms="floor ms"),
            *_plain(published_ms="published ms", factor="times its floor"),
            *_plain(projected_ms="projected from the others ms", ratio="published by projected"),
            *_plain(source="source"),
        ),
        _kind("published"),
        "Latencies published by others, TensorRT FP16, batch 1",
    ),
    "fleet": Table(
        "fleet",
        (
            *_plain(preset="preset", label="device", precision="precision", batch="batch"),
            *_plain(faces_per_s="faces/s", power_w="W", faces_per_joule="faces/s a watt"),
            *_plain(devices="devices for a million faces an hour", total_w="W of all"),
        ),
        lambda row: row["projected"] and row["faces_an_hour"] == 1e6,
        _PROJECTED,
    ),
    "jetson": Table(
        "jetson",
        (
            *_plain(phase="phase", seconds="s", mean_w="W", joules="J", energy_source="power by"),
            *_plain(hottest_c="hottest sensor C", gpu_low_mhz="GPU MHz, lowest"),
            *_plain(gpu_high_mhz="GPU MHz, highest", peak_memory_mb="peak memory MB"),
        ),
    ),
}
"""By the name in a page's `<!-- results: NAME -->`."""
