"""Writes the engine files, good and bad, that Python and C++ must judge with the same sentence:
`python -m tests.native.make_engine_cases`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from .make_cases import FOLDER

DATA: Final = "ENGINE" * 100
SIDECAR: Final[dict[str, Any]] = {
    "model": "edge",
    "onnx_sha256": "a" * 64,
    "graph_sha256": "b" * 64,
    "sha256": hashlib.sha256(DATA.encode()).hexdigest(),
    "size": len(DATA),
    "runtime": "tensorrt",
    "runtime_version": "10.3.0",
    "precision": "fp16",
    "sm": [86, 87],
    "batch": [1, 2, 4],
    "inputs": {"face": [-1, 3, 128, 128]},
    "outputs": {"frontal": [-1, 3, 128, 128]},
    "gpu": 'Orin "Nano" \\ µ',
    "cuda": "12.6",
    "parity": {"psnr": 51.25, "mean_levels": 3e-1},
    "build_seconds": 1.5,
    "command": "tpgan build-engine",
    "details": {"nested": [[1, None], {"a": True}]},
    "format": 1,
}
BUILD: Final = "tpgan build-engine --output {engine}"
REBUILD: Final = (
    "tpgan build-engine --runtime tensorrt --precision fp16 --batch 1:2:4 --output {engine}"
)
NOT_ONE: Final = "{engine}.json is not an engine's sidecar: "


def case(name: str, message: str | None = None, **parts: Any) -> dict[str, Any]:
    """One pair of files and what is said of it.

    `file`: name of the engine. `engine`, `sidecar`: the files' text, None: no such file.
    `target`: what it is to run on. `message`: whole, or its begin where `begins`; None: accepted.
    """
    default = {"file": "e.engine", "engine": DATA, "sidecar": json.dumps(SIDECAR, indent=2)}
    return {"name": name} | default | {"target": {}, "message": message, "begins": False} | parts


def changed(**entries: Any) -> str:
    """The good sidecar with other entries."""
    return json.dumps(SIDECAR | entries)


def without(name: str) -> str:
    return json.dumps({key: value for key, value in SIDECAR.items() if key != name})


def accepted() -> Iterator[dict[str, Any]]:
    yield case("good")
    yield case("no white space", sidecar=json.dumps(SIDECAR, separators=(",", ":")))
    yield case("raw characters", sidecar=json.dumps(SIDECAR, ensure_ascii=False))
    yield case("a pair of surrogates", sidecar=changed(command="\U0001f600"))
    yield case("NaN among the figures", sidecar=changed(parity={"psnr": float("nan")}))
    yield case("the last of equal names counts", sidecar='{"format": 2, ' + changed()[1:])
    yield case("not compared, no GPU", sidecar=changed(parity="not run", gpu=None, cuda=None))
    yield case("no details", sidecar=without("details"))
    fits = {"runtime": ["tensorrt", "10.3.0"], "sm": 87, "onnx_sha256": "a" * 64}
    yield case("fits", target=fits)


def refused_files() -> Iterator[dict[str, Any]]:
    yield case("absent", "no engine at {engine}; build it: " + BUILD, engine=None)
    line = "no engine at {engine}; build it: tpgan build-engine --output '{engine}'"
    yield case("absent, a blank in its name", line, engine=None, file="no ne.engine")
    line = line.replace("'{engine}'", "'{folder}/it'\"'\"'s.engine'")
    yield case("absent, a quote in its name", line, engine=None, file="it's.engine")
    yield case("empty", "{engine} is empty; build it again: " + BUILD, engine="")
    onnx = "{engine} is an ONNX, not an engine; build one from it: tpgan build-engine --onnx "
    onnx += "{engine} --output {folder}/e.engine"
    for number, head in enumerate(["\x08\x0a\x12\x09tpgan", "\x08\x08:\x10", "\x08\x07B\x02"]):
        yield case(f"an ONNX in disguise {number}", onnx, engine=head)
    yield case("named as an ONNX", onnx, file="e.onnx")
    yield case(
        "no sidecar",
        "{engine} has no sidecar e.engine.json beside it, so nothing tells what it is; an engine "
        "is code: build it with `tpgan build-engine`, or trust it explicitly",
        sidecar=None,
    )
    line = "{engine} is truncated: 599 bytes of 600; rebuild it: " + REBUILD
    yield case("truncated", line, engine=DATA[:-1])
    own = str(SIDECAR["sha256"])[:12]
    for name, data in {"exchanged": DATA[::-1], "longer": DATA + "E"}.items():
        found = hashlib.sha256(data.encode()).hexdigest()[:12]
        yield case(
            name,
            "{engine} is not the file that e.engine.json describes (SHA-256 "
            f"{found}, the sidecar says {own}): damaged, or the sidecar of another engine; "
            "rebuild it: " + REBUILD,
            engine=data,
        )


def refused_sidecars() -> Iterator[dict[str, Any]]:
    broken = {
        "size as text": changed(size="600"),
        "nothing": "",
        "an open brace": "{",
        "a list": "[]",
        "a comma too many": json.dumps(SIDECAR)[:-1] + ",}",
        "something behind it": json.dumps(SIDECAR) + "}",
        "single quotes": "{'format': 1}",
        "a control character": '{"format": 1, "model": "a\tb"}',
        "an unknown escape": '{"format": 1, "model": "\\x41"}',
        "a number with a leading zero": '{"format": 01}',
        "a number without digits": '{"format": -}',
        "a fraction without digits": '{"format": 1.}',
        "a byte order mark": "\ufeff" + json.dumps(SIDECAR),
        "format alone": '{"format": 1}',
        "only one architecture, not in a list": changed(sm=87),
        "no batch": without("batch"),
        "no hash": without("sha256"),
        "no parity": without("parity"),
    }
    for name, text in broken.items():
        yield case(name, NOT_ONE, sidecar=text, begins=True)
    for shown, value in {"2": 2, "None": None, "'1'": "1"}.items():
        line = (
            f"{{engine}}.json has format {shown}, this SDK reads 1; build the engine again with "
            "this version, or upgrade tpgan-sdk"
        )
        yield case(f"format {shown}", line, sidecar=changed(format=value))
    line = "{engine}.json holds unknown entries: colour, zoom"
    yield case("unknown entries", line, sidecar=changed(zoom=1, colour="RGB"))


def refused_targets() -> Iterator[dict[str, Any]]:
    again = "; build it here: " + REBUILD
    line = "{engine} was built by TensorRT 10.3.0, here is TensorRT%s; an engine runs only on the "
    line += "version that built it" + again
    yield case("newer", line % " 10.3.1", target={"runtime": ["tensorrt", "10.3.1"]})
    yield case("other runtime", line % "-RTX 10.3.0", target={"runtime": ["rtx", "10.3.0"]})
    line = "{engine} was built for SM 86, 87%s, the GPU here is SM 120" + again
    yield case("other GPU", line % ' (Orin "Nano" \\ µ)', target={"sm": 120})
    text = changed(gpu=None)
    yield case("other GPU, built without", line % "", target={"sm": 120}, sidecar=text)
    line = "{engine} was built from another model (ONNX aaaaaaaaaaaa, the model here is "
    yield case("other model", line + "cccccccccccc)" + again, target={"onnx_sha256": "c" * 64})


def main() -> None:
    cases = [*accepted(), *refused_files(), *refused_sidecars(), *refused_targets()]
    lines = ",\n".join(json.dumps(item) for item in cases)
    (FOLDER / "engine_files.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
