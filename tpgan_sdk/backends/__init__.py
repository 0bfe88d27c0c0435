"""Which runtime executes the network, in order of preference.

A backend asked for by name runs or raises. "auto" takes the first that works and says why.

May be imported by pipeline, frontalizer and cli.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..errors import BackendError
from ..models.model import Model, resolve_model
from .base import Backend
from .onnx_runtime import open_cpu, open_cuda
from .openvino import open_openvino
from .tensorrt.loader import engine_of_cache, open_engine

__all__ = ["BACKENDS", "Backend", "available", "create_backend"]

log = logging.getLogger("tpgan_sdk")

# In order of preference. OpenVINO computes a little faster than ONNX Runtime, but opens three times
# as slowly: a long-running service asks for it by name.
_OPENERS: dict[str, Callable[[Model, str | None], Backend]] = {
    "tensorrt": engine_of_cache,
    "onnxruntime-cuda": open_cuda,
    "onnxruntime-cpu": open_cpu,
    "openvino": open_openvino,
}
BACKENDS = tuple(_OPENERS)
"""Names that `Frontalizer(backend=...)` takes, besides "auto"."""


# What other libraries call them.
_MEANT = {
    "cpu": "onnxruntime-cpu",
    "cpuexecutionprovider": "onnxruntime-cpu",
    "cuda": "onnxruntime-cuda",
    "cudaexecutionprovider": "onnxruntime-cuda",
    "gpu": "onnxruntime-cuda",
    "onnx": "onnxruntime-cpu",
    "onnxruntime": "onnxruntime-cpu",
    "ort": "onnxruntime-cpu",
    "trt": "tensorrt",
}


def create_backend(
    model: Model,
    backend: str | Path | Backend = "auto",
    device: str | int | None = None,
    *,
    trust: bool = False,
) -> Backend:
    """A running backend for a model.

    Args:
        backend: "auto", a name of `BACKENDS`, the path of an `.engine`, or an object with the
            interface of `Backend`.
        device: see `device_name`; None: whatever the backend prefers.
        trust: take an engine, given by its path, that no sidecar vouches for. It is code: it can
            do anything. Engines of the cache are never taken so.

    Raises:
        BackendError: the one asked for, or with "auto" every one, does not work here.
    """
    device = device_name(device)
    if isinstance(backend, Path):
        backend = str(backend)
    if not isinstance(backend, str):
        if not callable(getattr(backend, "run", None)):
            raise BackendError(
                f"a backend was given as {type(backend).__name__}; expected auto, "
                f"{', '.join(BACKENDS)} or an object with the interface of Backend"
            )
        return backend
    name = backend.lower().replace("_", "-")
    if name == "auto":
        return _first_working(model, device)
    if name in _OPENERS:
        return _opened(name, model, device, "asked for by name")
    if backend.endswith(".engine"):
        return open_engine(Path(backend).expanduser(), model, device, trust=trust)
    meant = f", perhaps {_MEANT[name]!r} is meant" if name in _MEANT else ""
    raise BackendError(f"unknown backend {backend!r}{meant}; known: auto, {', '.join(BACKENDS)}")


def device_name(device: object) -> str | None:
    """ "cpu", "cuda" or "cuda:N", as the user may have written it: in capitals, "gpu", the number
    of a GPU, or another library's device object that prints as one of these. None stays.

    Raises:
        BackendError: it is none of these.
    """
    if device is None:
        return None
    text = str(device).strip().lower()
    if match := re.fullmatch(r"(?:(?:cuda|gpu)(?::(\d+))?|(\d+))", text):
        index = match[1] or match[2]
        return f"cuda:{index}" if index else "cuda"
    if text != "cpu":
        raise BackendError(
            f"device {device!r} is not known; expected 'cpu', 'cuda' or 'cuda:N', N the number of "
            "a GPU"
        )
    return text


def available(
    device: str | int | None = None, model: str | Path | Model | None = None
) -> list[tuple[str, bool, str]]:
    """Each backend's name, whether it works here with this model, and why (not)."""
    resolved, device = resolve_model(model), device_name(device)
    result = []
    for name, open_backend in _OPENERS.items():
        try:
            backend = open_backend(resolved, device)
        except BackendError as error:
            result.append((name, False, str(error)))
        else:
            result.append((name, True, backend.info.provider))
            backend.close()
    return result


def _first_working(model: Model, device: str | None) -> Backend:
    refused: list[str] = []
    for name in _OPENERS:
        reason = "first that works here" + (f" ({'; '.join(refused)})" if refused else "")
        try:
            backend = _opened(name, model, device, reason)
        except BackendError as error:
            refused.append(f"{name}: {error}")
            continue
        info = backend.info
        log.info("backend %s on %s: %s", info.name, info.device, info.reason)
        if info.faster:
            log.info("a faster backend for this machine: %s", info.faster)
        return backend
    raise BackendError(
        "no backend works here: " + "; ".join(refused) + "; run `tpgan doctor` for what mends it"
    )


def _opened(name: str, model: Model, device: str | None, reason: str) -> Backend:
    backend = _OPENERS[name](model, device)
    backend.info = replace(backend.info, reason=reason)
    return backend
