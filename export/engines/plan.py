"""Build plan: everything that decides an engine, resolved before anything runs."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import Final

from engines import load_profile
from tpgan_sdk.backends.tensorrt.cache import cache_dir, cache_name
from tpgan_sdk.errors import ExportError
from tpgan_sdk.gpu.cuda import find_gpu
from tpgan_sdk.models.model import DEFAULT, PACKAGED, sha256_of, sidecar_path

from .features import NO_FEATURES, Features

RUNTIMES: Final = {"tensorrt": "tensorrt", "rtx": "tensorrt_rtx"}
"""Runtime, and the Python module that builds for it."""
DISTRIBUTIONS: Final = {
    "tensorrt": ("tensorrt", "tensorrt-cu13", "tensorrt-cu12"),
    "rtx": ("tensorrt-rtx-cu13", "tensorrt-rtx"),
}
"""Runtime, and the names under which pip may have installed it; JetPack's has the first."""
RTX_SM: Final = (75, 80, 86, 89, 120, 121)
"""Architectures that TensorRT-RTX 1.7 builds for; it needs no GPU, so it builds for any of them."""
LEAST_SM: Final = {"bf16": 80, "fp8": 89}
"""Oldest architecture that computes in a precision, where not all do."""
DEFAULT_BATCH: Final = (1, 8, 32)
DEFAULT_WORKSPACE_MIB: Final = 2048
DEFAULT_PRECISION: Final = "fp16"


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """One engine to build."""

    source: Path
    """ONNX file, or the checkpoint folder that is exported first."""
    from_checkpoint: bool
    graph: Path
    """The ONNX that is parsed: the source, or its form in `precision`, kept beside the engine."""
    runtime: str
    """A key of `RUNTIMES`."""
    profile: str | None
    sm: tuple[int, ...]
    """Compute capabilities times ten. TensorRT: what the GPU must be; empty: the GPU at hand."""
    precision: str
    """What the network computes in, one of `engines.PRECISIONS`."""
    batch: tuple[int, int, int]
    """Smallest, optimal and largest batch, in faces."""
    workspace_mib: int
    """Upper limit of the builder's scratch memory, MiB."""
    features: Features
    recogniser: Path | None
    """Weights for the parity gate's identity cosine."""
    refit_from: Path | None
    """An engine that gets the graph's weights, in place of a build."""
    notes: str
    """The profile's."""
    output: Path

    def lines(self) -> list[str]:
        """The plan for people, one entry a line."""
        return [f"{field.name:16} {_show(getattr(self, field.name))}" for field in fields(self)]


def _show(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "that of the GPU at hand"
    return "none" if value is None else str(value) or "none"


def compute_precision(precision: str) -> str:
    """An ONNX's precision as an engine's: weights stored as FP16 are computed with in FP32."""
    return "fp32" if precision == "fp16-weights" else precision


def make_plan(
    *,
    output: Path | None = None,
    onnx: Path | None = None,
    checkpoint: Path | None = None,
    profile: str | None = None,
    runtime: str = "tensorrt",
    sm: tuple[int, ...] = (),
    precision: str | None = None,
    batch: tuple[int, int, int] | None = None,
    features: Features = NO_FEATURES,
    recogniser: Path | None = None,
    refit_from: Path | None = None,
) -> BuildPlan:
    """Fill what is left open from the profile, or from the defaults without one.

    Args:
        output: the engine's file; None: in the cache, where the SDK looks for it, or for a
            checkpoint, whose ONNX is kept beside the engine, `tpgan.engine`.
        onnx, checkpoint: at most one of them; neither: the model in the package.
        profile: one of `engines.profile_names()`.
        sm, precision, batch: override the profile's.
        features, recogniser: see `BuildPlan`.
        refit_from: an engine that was built to be refitted; precision, batch and architecture are
            those of it.

    Raises:
        ExportError: no such profile, or the runtime cannot build for an architecture, or not
            with these features.
    """
    if onnx is not None and checkpoint is not None:
        raise ExportError("both an ONNX and a checkpoint are given; expected one of them")
    board = load_profile(profile) if profile is not None else None
    source = checkpoint or onnx or PACKAGED / f"{DEFAULT}.onnx"
    precision = precision or (board.precision if board else DEFAULT_PRECISION)
    sm = _architectures(runtime, sm or ((board.sm,) if board else ()), precision)
    if refit_from is not None and features.chosen():
        raise ExportError(f"--refit-from takes an engine as it was built; leave out: {features}")
    features.check(runtime, precision, board.kind if board else None, board.dla if board else None)
    batch = batch or (board.batch if board else DEFAULT_BATCH)
    workspace = board.workspace_mib if board else DEFAULT_WORKSPACE_MIB
    if output is None and checkpoint is None:
        facts: dict[str, object] = {
            "sm": sm,
            "batch": batch,
            "workspace": workspace,
            "version": _installed(runtime),
            **features.chosen(),
        }
        if runtime == "tensorrt":
            facts["gpu"] = find_gpu()  # homes are shared between machines
        digest = sha256_of(source) if source.is_file() else ""
        output = cache_dir() / cache_name(source.stem, runtime, precision, onnx=digest, **facts)
    output = output or Path("tpgan.engine")
    own = _precision(source) == precision
    # A checkpoint is exported beside the engine, in fp32 or, for fp16, in the package's form.
    form = ".onnx" if checkpoint is not None and precision == "fp32" else f".{precision}.onnx"
    return BuildPlan(
        source=source,
        from_checkpoint=checkpoint is not None,
        graph=source if own else output.with_suffix(form),
        runtime=runtime,
        profile=profile,
        sm=sm,
        precision=precision,
        batch=batch,
        workspace_mib=workspace,
        features=features,
        recogniser=recogniser,
        refit_from=refit_from,
        notes=board.notes if board else "",
        output=output,
    )


def _precision(onnx: Path) -> str | None:
    """What it computes in by its sidecar; whether that is right is for the parsed network."""
    try:
        stored = str(json.loads(sidecar_path(onnx).read_text(encoding="utf-8"))["precision"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return compute_precision(stored)


def _installed(runtime: str) -> str | None:
    """Version of the runtime, without loading it."""
    for name in DISTRIBUTIONS[runtime]:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _architectures(runtime: str, sm: tuple[int, ...], precision: str) -> tuple[int, ...]:
    least = LEAST_SM.get(precision, 0)
    if old := tuple(value for value in sm if value < least):
        raise ExportError(
            f"SM {_show(old)} does not compute in {precision}, only SM {least} and later; choose "
            "another --precision"
        )
    if runtime != "rtx":
        if len(sm) > 1:
            raise ExportError(
                f"TensorRT builds for the one GPU it runs on, not for SM {_show(sm)}; give one "
                "--sm, or --runtime rtx"
            )
        return sm
    refused = tuple(value for value in sm if value not in RTX_SM)
    if refused:
        raise ExportError(
            f"TensorRT-RTX does not build for SM {_show(refused)}, only for {_show(RTX_SM)}; use "
            "--runtime tensorrt on that GPU"
        )
    return sm or tuple(value for value in RTX_SM if value >= least)
