"""Build profiles of engines: one JSON file per board, read as package resources.

A profile says what to build for, not how fast it is. Batch sizes and workspaces are starting
points chosen from each board's memory; they are not measured. Engines themselves are built on the
device that runs them and are never versioned.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any, Final

from tpgan_sdk.errors import ExportError

KINDS: Final = ("jetson", "discrete")
PRECISIONS: Final = ("fp16", "fp32", "bf16", "int8", "fp8")


@dataclass(frozen=True, slots=True)
class EngineProfile:
    """What to build an engine for."""

    name: str
    """As given to ``--profile``; the file's name without ``.json``."""
    board: str
    """The boards this is for, in words."""
    kind: str
    """One of `KINDS`: "jetson" shares its memory with the CPU, "discrete" has its own."""
    sm: int
    """Compute capability times ten, for example 87 for Orin."""
    batch: tuple[int, int, int]
    """Smallest, optimal and largest batch, in faces."""
    workspace_mib: int
    """Upper limit of the builder's scratch memory, MiB."""
    precision: str
    """One of `PRECISIONS`: what the network computes in. Its edges stay FP32."""
    dla: int
    """Cores of the deep-learning accelerator. No engine uses one unless --dla asks for it."""
    notes: str
    """What to know before building."""

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            raise ExportError(f"engine profile {self.name!r}: {problem}")


def profile_names() -> tuple[str, ...]:
    """Names of all profiles, sorted."""
    names = (entry.name for entry in files(__name__).iterdir())
    # An engine's sidecar (x.engine.json) that someone left here is no profile.
    return tuple(sorted(n[:-5] for n in names if n.endswith(".json") and n.count(".") == 1))


def load_profile(name: str) -> EngineProfile:
    """The profile of this name.

    Raises:
        ExportError: no such profile, or its file has unknown, missing or impossible entries.
    """
    if name not in profile_names():
        raise ExportError(f"no engine profile {name!r}; there are: {', '.join(profile_names())}")
    return parse_profile(name, (files(__name__) / f"{name}.json").read_text(encoding="utf-8"))


def parse_profile(name: str, text: str) -> EngineProfile:
    """A profile from the text of its JSON file.

    Raises:
        ExportError: not JSON, or unknown, missing or impossible entries.
    """
    try:
        values: Any = json.loads(text)
    except ValueError as error:
        raise ExportError(f"engine profile {name!r} is not JSON: {error}") from error
    expected = [field.name for field in fields(EngineProfile) if field.name != "name"]
    if not isinstance(values, dict) or set(values) != set(expected):
        keys = set(values) if isinstance(values, dict) else set()
        unknown, missing = sorted(keys - set(expected)), [k for k in expected if k not in keys]
        raise ExportError(
            f"engine profile {name!r}: unknown keys: {', '.join(unknown) or 'none'}; missing keys: "
            f"{', '.join(missing) or 'none'}; expected exactly {', '.join(expected)}"
        )
    if isinstance(values["batch"], list):
        values["batch"] = tuple(values["batch"])
    return EngineProfile(name=name, **values)


def _problem(profile: EngineProfile) -> str | None:
    """What is impossible about the profile's values, None when nothing is."""
    counts = (profile.sm, profile.workspace_mib)
    if not all(type(count) is int and count > 0 for count in counts):
        return f"sm and workspace_mib must be positive whole numbers, not {counts}"
    if type(profile.dla) is not int or profile.dla < 0:
        return f"dla must be a number of cores, 0 or more, not {profile.dla!r}"
    batch = profile.batch
    if not (
        isinstance(batch, tuple)
        and len(batch) == 3
        and all(type(size) is int for size in batch)
        and 1 <= batch[0] <= batch[1] <= batch[2]
    ):
        return f"batch must be [min, opt, max] with 1 <= min <= opt <= max, not {batch}"
    if profile.kind not in KINDS:
        return f"kind must be one of {', '.join(KINDS)}, not {profile.kind!r}"
    if profile.precision not in PRECISIONS:
        return f"precision must be one of {', '.join(PRECISIONS)}, not {profile.precision!r}"
    if not all(isinstance(text, str) for text in (profile.board, profile.notes)):
        return "board and notes must be text"
    return None
