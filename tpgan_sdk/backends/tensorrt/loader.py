"""Engine loader: every check first, then deserialisation, then a running backend."""

from __future__ import annotations

import logging
import shlex
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ...errors import BackendError
from ...gpu.cuda import Device, Gpu, device_index, find_gpu
from ...models.model import Model
from ...system.atomic_write import folder_lock
from ...types import BackendInfo
from .backend import SharedEngine, TensorRTBackend
from .cache import cache_dir, cached_engines
from .engine_file import (
    EngineError,
    EngineInfo,
    check_file,
    check_fits,
    check_kind,
    digest,
    read_sidecar,
    sidecar_path,
    write_sidecar,
)
from .parity_check import check_parity
from .runtime import MODULES, Engine, load_runtime, version_of

NAME: Final = "tensorrt"
TRUST: Final = "give --trust, or trust=True to tpgan_sdk.backends.create_backend"
"""How an engine is taken that nothing vouches for."""

log = logging.getLogger("tpgan_sdk")


def open_engine(
    path: Path,
    model: Model,
    device: str | None = None,
    *,
    trust: bool = False,
    gate: bool = True,
    reason: str = "asked for by path",
) -> TensorRTBackend:
    """A running backend of an engine file.

    Args:
        path: what `tpgan build-engine` wrote, its sidecar beside it.
        model: the model whose pictures the engine makes.
        device: "cuda" or "cuda:N"; None: "cuda:0".
        trust: take an engine whose sidecar is missing or of another file. An engine is code: it
            can do anything.
        gate: compare an engine that was never compared with ONNX Runtime, before its first result.

    Raises:
        EngineError: not an engine, damaged, or of another GPU, TensorRT or model.
        BackendError: no driver, GPU, TensorRT or pycuda here, the comparison fails, or the ONNX
            with the weights of a stripped engine is missing.
    """
    info = _vouched(path, trust)
    if info is not None:
        check_fits(path, info, onnx_sha256=model.info.sha256)
    index = device_index(device, NAME)
    gpu = find_gpu(index)
    if not isinstance(gpu, Gpu):
        raise BackendError(gpu)
    name, trt = _runtime(info)
    version = version_of(trt)
    if info is not None:
        check_fits(path, info, sm=gpu.sm, runtime=(name, version))
    weights = _weights(path, info, model) if info and info.features.get("strip") else None
    host_code = info is not None and bool(info.features.get("version_compatible"))
    about = _about(name, version, index, reason)
    backend = _load(_read(path, info), trt, index, about, weights, host_code)
    if gate and (info is None or not info.verified):
        try:
            figures = check_parity(backend, model)
        except BaseException:
            backend.close()
            raise
        log.info("%s passed its first comparison: %.1f dB", path, figures["psnr"])
        _note(path, info, figures)
    return backend


def engine_of_cache(model: Model, device: str | None = None) -> TensorRTBackend:
    """The engine in the cache that serves this model on this machine.

    Raises:
        BackendError: no driver, or no engine fits; with the line that builds one.
    """
    gpu = find_gpu(device_index(device, NAME))
    if not isinstance(gpu, Gpu):
        raise BackendError(gpu)
    refused = []
    for engine in cached_engines():
        if engine.info is not None and engine.info.onnx_sha256 == model.info.sha256:
            try:
                return open_engine(engine.path, model, device, reason="in the engine cache")
            except BackendError as error:
                refused.append(str(error))
    words = shlex.join(["tpgan", "build-engine", "--onnx", str(model.path)])
    missing = f"no engine of this model works from {cache_dir()}, build one: {words}"
    raise BackendError("; ".join([missing, *refused]))


def _load(
    data: bytes, trt: Any, index: int, about: BackendInfo, weights: bytes | None, host_code: bool
) -> TensorRTBackend:
    device = Device(index)
    try:
        with device.active("loading the engine"):
            engine = Engine(trt, data, host_code)
            if weights is not None:
                try:
                    engine.refit(weights)
                except BaseException:
                    engine.close()
                    raise
            shared = SharedEngine(device, engine)
    except BaseException:
        device.close()
        raise
    return TensorRTBackend(shared, about)


def _about(name: str, version: str, index: int, reason: str) -> BackendInfo:
    provider = f"{'TensorRT-RTX' if name == 'rtx' else 'TensorRT'} {version}"
    return BackendInfo(NAME, provider, f"cuda:{index}", reason, None)


def _vouched(path: Path, trust: bool) -> EngineInfo | None:
    """The sidecar that fits the file; None: none does, and the caller trusts the file."""
    check_kind(path)
    try:
        return check_file(path)
    except EngineError as error:
        if not trust and not sidecar_path(path).is_file():
            raise EngineError(f"{error}: {TRUST}") from None
        if not trust:
            raise
        log.warning("trusted as asked: %s", error)
        return None


def _read(path: Path, info: EngineInfo | None) -> bytes:
    """The bytes that are deserialised, checked themselves: the file may be another by now."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error}") from None
    if info is not None and digest(data) != info.sha256:
        raise EngineError(
            f"{path} changed while it was opened; expected the file that was checked: open it "
            "again when nothing writes it any more"
        )
    return data


def _weights(path: Path, info: EngineInfo, model: Model) -> bytes:
    """The ONNX that a stripped engine was built from: the model, or its form beside the engine."""
    beside = path.with_suffix(f".{info.precision}.onnx")
    for onnx in (model.path, beside):
        if onnx.is_file() and digest(data := onnx.read_bytes()) == info.graph_sha256:
            return data
    raise BackendError(
        f"{path} holds no weights, and the ONNX that has them (SHA-256 {info.graph_sha256[:12]}) "
        f"is neither {model.path} nor {beside}; put it there, or build the engine again without "
        "--strip"
    )


def _runtime(info: EngineInfo | None) -> tuple[str, Any]:
    """The runtime that the sidecar names; of a bare engine, the first that is installed."""
    if info is not None:
        return info.runtime, load_runtime(info.runtime)
    for name in MODULES:
        with suppress(BackendError):
            return name, load_runtime(name)
    raise BackendError(f"none of {', '.join(MODULES.values())} can be imported")


def _note(path: Path, info: EngineInfo | None, figures: dict[str, float]) -> None:
    """Keeps the comparison, so that it is made once. In a folder of others it is made again."""
    if info is None:
        return
    with suppress(OSError, EngineError), folder_lock(path.parent):
        found = read_sidecar(path)
        if found.sha256 == info.sha256:  # else another engine took its place meanwhile
            write_sidecar(path, replace(found, parity=figures))


__all__ = ["NAME", "EngineError", "engine_of_cache", "open_engine"]
