"""Everything that decides what comes out of an engine build, resolved before anything runs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from engines import load_profile
from tpgan_sdk.errors import ExportError
from tpgan_sdk.model import DEFAULT, PACKAGED

RUNTIMES: Final = {"tensorrt": "tensorrt", "rtx": "tensorrt_rtx"}
"""Runtime, and the Python module that builds for it."""
RTX_SM: Final = (75, 80, 86, 89, 120, 121)
"""Architectures that TensorRT-RTX 1.7 builds for; it needs no GPU, so it builds for any of them."""
DEFAULT_BATCH: Final = (1, 8, 32)
DEFAULT_WORKSPACE_MIB: Final = 2048
DEFAULT_PRECISION: Final = "fp16"


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """One engine to build."""

    source: Path
    """ONNX file, or the checkpoint folder that is exported first."""
    from_checkpoint: bool
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


def make_plan(
    *,
    output: Path,
    onnx: Path | None = None,
    checkpoint: Path | None = None,
    profile: str | None = None,
    runtime: str = "tensorrt",
    sm: tuple[int, ...] = (),
    precision: str | None = None,
    batch: tuple[int, int, int] | None = None,
) -> BuildPlan:
    """Fill what is left open from the profile, or from the defaults without one.

    Args:
        output: the engine's file.
        onnx, checkpoint: at most one of them; neither: the model in the package.
        profile: one of `engines.profile_names()`.
        sm, precision, batch: override the profile's.

    Raises:
        ExportError: no such profile, or the runtime cannot build for an architecture.
    """
    if onnx is not None and checkpoint is not None:
        raise ExportError("both an ONNX and a checkpoint are given; expected one of them")
    board = load_profile(profile) if profile is not None else None
    return BuildPlan(
        source=checkpoint or onnx or PACKAGED / f"{DEFAULT}.onnx",
        from_checkpoint=checkpoint is not None,
        runtime=runtime,
        profile=profile,
        sm=_architectures(runtime, sm or ((board.sm,) if board else ())),
        precision=precision or (board.precision if board else DEFAULT_PRECISION),
        batch=batch or (board.batch if board else DEFAULT_BATCH),
        workspace_mib=board.workspace_mib if board else DEFAULT_WORKSPACE_MIB,
        notes=board.notes if board else "",
        output=output,
    )


def _architectures(runtime: str, sm: tuple[int, ...]) -> tuple[int, ...]:
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
    return sm or RTX_SM
