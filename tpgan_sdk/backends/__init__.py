"""Which runtime executes the network, in order of preference.

A backend asked for by name runs or raises. "auto" takes the first that works and says why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..cuda import CudaDriver, find_driver
from ..errors import BackendError
from ..model import Model, resolve_model
from ..types import BackendInfo
from .base import Backend
from .engine_loader import NAME, engine_of_cache, open_engine
from .onnx_runtime import (
    CPU,
    CUDA,
    GPU_LINE,
    OnnxRuntimeBackend,
    cpu_session,
    cuda_session,
    device_index,
)
from .tensorrt import TensorRTBackend

__all__ = ["BACKENDS", "Backend", "available", "create_backend"]

log = logging.getLogger("tpgan_sdk")


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    provider: str
    open_session: Callable[[Model, str | None], Any]


# Fastest first.
_ENTRIES = (
    _Entry(NAME, "TensorRT", engine_of_cache),
    _Entry("onnxruntime-cuda", CUDA, cuda_session),
    _Entry("onnxruntime-cpu", CPU, cpu_session),
)
BACKENDS = tuple(entry.name for entry in _ENTRIES)
"""Names that `Frontalizer(backend=...)` takes, besides "auto"."""


def create_backend(
    model: Model, backend: str | Backend = "auto", device: str | None = None
) -> Backend:
    """A running backend for a model.

    Args:
        backend: "auto", a name of `BACKENDS`, the path of an `.engine`, or an object with the
            interface of `Backend`.
        device: "cpu", "cuda" or "cuda:N"; None: whatever the backend prefers.

    Raises:
        BackendError: the one asked for, or with "auto" every one, does not work here.
    """
    if not isinstance(backend, str):
        if not callable(getattr(backend, "run", None)):
            raise BackendError(
                f"a backend was given as {type(backend).__name__}; expected auto, "
                f"{', '.join(BACKENDS)} or an object with the interface of Backend"
            )
        return backend
    if backend == "auto":
        return _first_working(model, device)
    for entry in _ENTRIES:
        if entry.name == backend:
            return _open(entry, model, device, "asked for by name")
    if backend.endswith(".engine"):
        return open_engine(Path(backend).expanduser(), model, device)
    raise BackendError(f"unknown backend {backend!r}; known: auto, {', '.join(BACKENDS)}")


def available(
    device: str | None = None, model: str | Path | Model | None = None
) -> list[tuple[str, bool, str]]:
    """Each backend's name, whether it works here with this model, and why (not)."""
    resolved = resolve_model(model)
    result = []
    for entry in _ENTRIES:
        try:
            opened = entry.open_session(resolved, device)
        except BackendError as error:
            result.append((entry.name, False, str(error)))
        else:
            result.append((entry.name, True, entry.provider))
            if isinstance(opened, TensorRTBackend):
                opened.close()
    return result


def _first_working(model: Model, device: str | None) -> Backend:
    refused: list[str] = []
    for entry in _ENTRIES:
        reason = "first that works here" + (f" ({'; '.join(refused)})" if refused else "")
        try:
            backend = _open(entry, model, device, reason)
        except BackendError as error:
            refused.append(f"{entry.name}: {error}")
            continue
        info = backend.info
        log.info("backend %s on %s: %s", info.name, info.device, info.reason)
        if info.faster:
            log.info("a faster backend for this machine: %s", info.faster)
        return backend
    raise BackendError(
        "no backend works here: " + "; ".join(refused) + "; run `tpgan doctor` for what mends it"
    )


def _open(entry: _Entry, model: Model, device: str | None, reason: str) -> Backend:
    session = entry.open_session(model, device)
    if isinstance(session, TensorRTBackend):
        session.info = replace(session.info, reason=reason)
        return session
    on_gpu = entry.provider == CUDA
    place = f"cuda:{device_index(device)}" if on_gpu else "cpu"
    wants_cpu = on_gpu or device == "cpu"
    faster = None if wants_cpu or not isinstance(find_driver(), CudaDriver) else GPU_LINE
    return OnnxRuntimeBackend(
        session, BackendInfo(entry.name, entry.provider, place, reason, faster)
    )
