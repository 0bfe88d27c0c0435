"""Engine files: a TensorRT engine and the JSON sidecar that says what it is and where it runs.

An engine is code for one GPU architecture and one TensorRT. The sidecar is written by
`export.build_engine` and read here, before the runtime is given a single byte of the engine.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from ...errors import BackendError
from ...models.model import sha256_of
from ...system.atomic_write import folder_lock, replace_file

AMPERE: Final = 80
"""SM of the first GPU that a hardware-compatible engine runs on."""
FORMAT: Final = 1
"""Version of the sidecar."""
NOT_RUN: Final = "not run"
"""How `EngineInfo.parity` begins where no GPU was there to compare on."""


class EngineError(BackendError):
    """An engine file is refused; the message says why and gives the line that builds another."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The sidecar: what was built, from what, with what, for what."""

    model: str
    """Name of the model."""
    onnx_sha256: str
    """Of the model's ONNX: the engine serves that model and no other."""
    graph_sha256: str
    """Of the ONNX that was parsed: the same file, or its converted form."""
    sha256: str
    """Of the engine file."""
    size: int
    """Bytes of the engine file."""
    runtime: str
    """"tensorrt" or "rtx"."""
    runtime_version: str
    precision: str
    """Read back from the parsed network, and from the engine where a GPU was there."""
    sm: tuple[int, ...]
    """Compute capabilities times ten that it runs on."""
    batch: tuple[int, int, int]
    """Smallest, optimal and largest batch, in faces."""
    inputs: dict[str, list[int]]
    """Shape by name, -1 for the batch."""
    outputs: dict[str, list[int]]
    gpu: str | None
    """Name of the GPU that it was built on; None: built without one."""
    cuda: str | None
    """Newest CUDA of the driver that it was built with."""
    parity: dict[str, float] | str
    """Figures against ONNX Runtime on the parity faces, or why they are missing."""
    build_seconds: float
    command: str
    """The command that built it."""
    details: dict[str, Any] = field(default_factory=dict)
    """What no machine needs in order to run it, and `features`."""
    format: int = FORMAT

    @property
    def verified(self) -> bool:
        """Whether its pictures were compared with ONNX Runtime's."""
        return isinstance(self.parity, dict)

    @property
    def features(self) -> dict[str, Any]:
        """What the engine is beside fast, as `export.engines.features.Features.chosen` gives it."""
        found = self.details.get("features")
        return found if isinstance(found, dict) else {}


def sidecar_path(engine: Path) -> Path:
    """`e.engine` has its sidecar in `e.engine.json`."""
    return engine.with_name(engine.name + ".json")


def read_sidecar(engine: Path) -> EngineInfo:
    """
    Raises:
        EngineError: no sidecar, not one of this SDK, or written by a newer version.
    """
    path = sidecar_path(engine)
    if not path.is_file():
        raise EngineError(
            f"{engine} has no sidecar {path.name} beside it, so nothing tells what it is; an "
            "engine is code: build it with `tpgan build-engine`, or trust it explicitly"
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.get("format") != FORMAT:
            raise EngineError(
                f"{path} has format {values.get('format')!r}, this SDK reads {FORMAT}; build the "
                "engine again with this version, or upgrade tpgan-sdk"
            )
        if unknown := set(values) - {f.name for f in fields(EngineInfo)}:
            raise EngineError(f"{path} holds unknown entries: {', '.join(sorted(unknown))}")
        values["sm"], values["batch"] = tuple(values["sm"]), tuple(values["batch"])
        info = EngineInfo(**values)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise EngineError(f"{path} is not an engine's sidecar: {error}") from None
    if wrong := _wrong_types(info):
        raise EngineError(f"{path} is not an engine's sidecar: wrong type of {', '.join(wrong)}")
    return info


def _wrong_types(info: EngineInfo) -> list[str]:
    """Entries of another type than their annotation, which is text here."""
    wrong = []
    for entry in fields(info):
        kinds = {kind.strip().partition("[")[0] for kind in str(entry.type).split("|")}
        value = getattr(info, entry.name)
        found = "None" if value is None else type(value).__name__
        if found not in kinds and not (found == "int" and "float" in kinds):
            wrong.append(entry.name)
    return wrong


def write_engine(engine: Path, data: bytes, info: EngineInfo) -> None:
    """Writes engine and sidecar, each whole or not at all, under the folder's lock.

    The sidecar's hash makes a pair that was interrupted half-way unusable, never wrong.

    Raises:
        OSError: the folder cannot be written.
    """
    with folder_lock(engine.parent):
        replace_file(engine, data)
        write_sidecar(engine, info)


def write_sidecar(engine: Path, info: EngineInfo) -> None:
    """Replaces the sidecar alone."""
    text = json.dumps(asdict(info), indent=2) + "\n"
    replace_file(sidecar_path(engine), text.encode())


def rebuild_line(engine: Path, info: EngineInfo | None = None, onnx: Path | None = None) -> str:
    """The command that builds this engine again, on the machine at hand."""
    words = ["tpgan", "build-engine"]
    words += ["--onnx", str(onnx)] if onnx else []
    if info is not None:
        words += ["--runtime", info.runtime, "--precision", info.precision]
        words += ["--batch", ":".join(map(str, info.batch)), *_flags(info.features)]
    return shlex.join([*words, "--output", str(engine)])


def _flags(features: dict[str, Any]) -> list[str]:
    """A sidecar's features as flags of `tpgan build-engine`."""
    words = []
    for name, value in features.items():
        words.append({"refit": "--refittable"}.get(name, f"--{name.replace('_', '-')}"))
        words += [] if value is True else [str(value)]
    return words


def check_file(engine: Path) -> EngineInfo:
    """The sidecar of an engine file that is whole and its own. Nothing is deserialised.

    Raises:
        EngineError: missing, an ONNX, no sidecar, truncated, or the sidecar of another file.
    """
    check_kind(engine)
    info = read_sidecar(engine)
    again = f"; rebuild it: {rebuild_line(engine, info)}"
    size = engine.stat().st_size
    if size < info.size:
        raise EngineError(f"{engine} is truncated: {size} bytes of {info.size}{again}")
    found = sha256_of(engine)
    if found != info.sha256:
        raise EngineError(
            f"{engine} is not the file that {sidecar_path(engine).name} describes (SHA-256 "
            f"{found[:12]}, the sidecar says {info.sha256[:12]}): damaged, or the sidecar of "
            f"another engine{again}"
        )
    return info


def check_kind(engine: Path) -> None:
    """
    Raises:
        EngineError: no such file, empty, or an ONNX under another name.
    """
    if not engine.is_file():
        raise EngineError(f"no engine at {engine}; build it: {rebuild_line(engine)}")
    with engine.open("rb") as file:
        head = file.read(3)
    if not head:
        raise EngineError(f"{engine} is empty; build it again: {rebuild_line(engine)}")
    # A serialized ModelProto begins with ir_version (field 1, varint), then the producer's name
    # (field 2) or the graph (7) or the opset (8).
    if engine.suffix == ".onnx" or (
        len(head) == 3 and head[0] == 0x08 and head[1] < 32 and head[2] in (0x12, 0x3A, 0x42)
    ):
        target = rebuild_line(engine.with_suffix(".engine"), onnx=engine)
        raise EngineError(f"{engine} is an ONNX, not an engine; build one from it: {target}")


def check_fits(
    engine: Path,
    info: EngineInfo,
    *,
    runtime: tuple[str, str] | None = None,
    sm: int | None = None,
    onnx_sha256: str | None = None,
) -> None:
    """Whether the engine suits this machine and model; what is None is not compared.

    Args:
        runtime: name ("tensorrt" or "rtx") and version installed here.
        sm: compute capability times ten of the GPU.
        onnx_sha256: of the model's ONNX.

    Raises:
        EngineError: both sides named, with the line that builds a fitting one.
    """
    again = f"; build it here: {rebuild_line(engine, info)}"
    built = (info.runtime, info.runtime_version)
    later = bool(info.features.get("version_compatible"))
    if runtime is not None and built != runtime and not (later and _follows(built, runtime)):
        which = "that version and later ones" if later else "the version that built it"
        raise EngineError(
            f"{engine} was built by {_runtime(built)}, here is {_runtime(runtime)}; an engine runs "
            f"only on {which}{again}"
        )
    anywhere = info.features.get("hardware") == "ampere-plus" and (sm or 0) >= AMPERE
    if sm is not None and sm not in info.sm and not anywhere:
        raise EngineError(
            f"{engine} was built for SM {', '.join(map(str, info.sm))}"
            f"{f' ({info.gpu})' if info.gpu else ''}, the GPU here is SM {sm}{again}"
        )
    if onnx_sha256 is not None and onnx_sha256 != info.onnx_sha256:
        raise EngineError(
            f"{engine} was built from another model (ONNX {info.onnx_sha256[:12]}, the model here "
            f"is {onnx_sha256[:12]}){again}"
        )


def _follows(built: tuple[str, str], here: tuple[str, str]) -> bool:
    """A version-compatible engine runs on later versions of its major, and 10's on 11."""
    try:
        old, new = (tuple(map(int, version.split(".")[:3])) for _, version in (built, here))
    except ValueError:
        return False
    return built[0] == here[0] and new >= old and (new[0] == old[0] or (old[0], new[0]) == (10, 11))


def digest(data: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(data).hexdigest()


def _runtime(pair: tuple[str, str]) -> str:
    return f"{'TensorRT-RTX' if pair[0] == 'rtx' else 'TensorRT'} {pair[1]}"
