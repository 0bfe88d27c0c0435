"""Auxiliary networks (detector, refiner): an ONNX and the sidecar beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import BackendError, ModelError
from .model import sha256_of, sidecar_path


def read_sidecar(path: Path, kind: str, version: int, writer: str) -> dict[str, Any]:
    """The sidecar of a small network's ONNX, which is checked against it.

    Args:
        path: of the ONNX.
        kind: what the sidecar has to say the network is, for example "landmark refiner".
        version: the sidecar's format.
        writer: the command that writes both, for the message.

    Raises:
        ModelError: a file is missing or damaged, or is of something else.
    """
    sidecar = sidecar_path(path)
    if not path.is_file() or not sidecar.is_file():
        raise ModelError(
            f"no {kind} at {path}, or no {sidecar.name} beside it; expected the pair that "
            f"`{writer}` writes"
        )
    try:
        info: dict[str, Any] = json.loads(sidecar.read_text())
        told, stated, digest = info["kind"], info["format"], info["sha256"]
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError) as error:
        raise ModelError(f"{sidecar} is not a {kind}'s sidecar: {error!r}") from None
    if told != kind or stated != version:
        raise ModelError(
            f"{sidecar} describes a {told!r} of format {stated!r}; expected a {kind!r} of format "
            f"{version}: export it with this version"
        )
    if (found := sha256_of(path)) != digest:
        raise ModelError(
            f"{path} is not the file that {sidecar.name} describes (SHA-256 {found[:12]}, the "
            f"sidecar says {digest[:12]}); export it again or reinstall the package"
        )
    return info


def open_session(path: Path, inputs: dict[str, list[int | str]], threads: int) -> Any:
    """A session of ONNX Runtime's CPU provider.

    Args:
        path: of the ONNX.
        inputs: names and shapes it must have, without the batch; text: any size.
        threads: that share one run.

    Raises:
        BackendError: ONNX Runtime is not installed.
        ModelError: it does not load the file, or the file takes other inputs.
    """
    try:
        import onnxruntime  # imported late: `import tpgan_sdk` stays light
    except Exception as error:  # a broken installation fails in more ways than ImportError
        raise BackendError(
            f"ONNX Runtime cannot be imported ({error}); install it: pip install 'tpgan-sdk[cpu]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's own exceptions share no public base
        raise ModelError(f"ONNX Runtime cannot load {path}: {error}") from error
    found = {value.name: list(value.shape[1:]) for value in session.get_inputs()}
    if not _fits(found, inputs):
        raise ModelError(f"{path} takes the inputs {found}; expected {inputs}")
    return session


def _fits(found: dict[str, list[Any]], wanted: dict[str, list[int | str]]) -> bool:
    """Whether names and fixed sizes agree; a text stands for any size."""

    def sizes(shape: list[Any]) -> list[int | None]:
        return [size if isinstance(size, int) else None for size in shape]

    return {n: sizes(s) for n, s in found.items()} == {n: sizes(s) for n, s in wanted.items()}
