"""Model files: an ONNX and the JSON sidecar that says what it is.

The sidecar is written by `export.to_onnx` and read here; a file without one, or with the
sidecar of another file, is refused: ranges, colour order and template cannot be guessed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from ..errors import ModelError
from ..geometry import CROP_SIZE, TEMPLATES, Template
from .inputs import INPUT_NAMES, INPUT_SHAPES, InputShapes, margin_of

FORMAT: Final = 2
"""Version of the sidecar."""
PICTURE: Final = "frontal"
"""Name of a model's first output."""
_FIVE_INPUTS: Final = 1
"""Before it named inputs and outputs, every model took a face and four patches."""
_RANGE: Final = (-1.0, 1.0)
_MIRROR: Final = "occluded side on the right (yaw >= 0)"
_CONVENTIONS: Final = {
    "colour": "RGB",
    "input_range": _RANGE,
    "output_range": _RANGE,
    "mirror": _MIRROR,
}
"""What every model of this format keeps to. They stand in the sidecar for other readers."""
PACKAGED: Final = Path(__file__).parent
DEFAULT: Final = "edge"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The sidecar: everything that a caller of the ONNX must know."""

    name: str
    preset: str
    """Table in `train.networks.spec`."""
    template: str
    """Name in `tpgan_sdk.geometry.TEMPLATES`."""
    sha256: str
    """Of the ONNX file."""
    precision: str
    """"fp32", "fp16-weights" (stored as FP16, computed as FP32) or "fp16" (computed as FP16)."""
    opset: int
    colour: str = "RGB"
    input_range: tuple[float, float] = _RANGE
    output_range: tuple[float, float] = _RANGE
    mirror: str = _MIRROR
    inputs: dict[str, Any] = field(default_factory=lambda: dict(INPUT_SHAPES))
    """Channels, height and width of each, by name, in the network's order. ``face`` is the crop,
    or the crop with a margin where it is larger than 128 px; the others are patches around
    landmarks, see `tpgan_sdk.geometry.PATCHES`."""
    outputs: dict[str, Any] = field(default_factory=lambda: {PICTURE: [3, CROP_SIZE, CROP_SIZE]})
    """The same of each output; ``frontal``, the picture, is the first."""
    parameters: int = 0
    flops: int = 0
    """For one face, 2 per multiply-add."""
    parity: dict[str, Any] = field(default_factory=dict)
    """Figures of the export's comparison, by what was compared."""
    training: dict[str, Any] = field(default_factory=dict)
    """The run that made the weights."""
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Model:
    """A checked model file."""

    path: Path
    info: ModelInfo

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def template(self) -> Template:
        return TEMPLATES[self.info.template]

    @property
    def inputs(self) -> InputShapes:
        """Channels, height and width of each input, by name, in the network's order."""
        return self.info.inputs

    @property
    def margin(self) -> int:
        """Crop px that the face input shows around the crop, on every side."""
        return margin_of(self.inputs)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sidecar_path(onnx: Path) -> Path:
    """`model.onnx` has its sidecar in `model.json`."""
    return onnx.with_suffix(".json")


def write_sidecar(onnx: Path, info: ModelInfo) -> None:
    """Writes the sidecar beside the ONNX."""
    sidecar_path(onnx).write_text(json.dumps(asdict(info), indent=2) + "\n")


def load_model(path: Path) -> Model:
    """A model by the path of its ONNX.

    Raises:
        ModelError: missing, not an ONNX of this SDK, damaged, or written by a newer version.
    """
    if not path.is_file():
        raise ModelError(f"no model at {path}; expected an ONNX written by `tpgan export`")
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        raise ModelError(
            f"{path} has no sidecar {sidecar.name} beside it, so its ranges, colour order and "
            "template are unknown; expected the pair that `tpgan export` writes"
        )
    info = _read_sidecar(sidecar)
    found = sha256_of(path)
    if found != info.sha256:
        raise ModelError(
            f"{path} is not the file that {sidecar.name} describes (SHA-256 {found[:12]}, the "
            f"sidecar says {info.sha256[:12]}): damaged, or the sidecar of another model; export "
            "it again or reinstall the package"
        )
    return Model(path, info)


def _read_sidecar(path: Path) -> ModelInfo:
    try:
        values = json.loads(path.read_text())
        version = values.get("format")
        if version not in (_FIVE_INPUTS, FORMAT):
            raise ModelError(
                f"{path} has format {version!r}, this SDK reads {_FIVE_INPUTS} and {FORMAT}; "
                "export the model again with this version, or upgrade tpgan-sdk"
            )
        values["format"] = FORMAT
        known = {f.name for f in fields(ModelInfo)}
        if unknown := set(values) - known:
            raise ModelError(f"{path} holds unknown entries: {', '.join(sorted(unknown))}")
        for key in ("input_range", "output_range"):
            values[key] = tuple(values[key])
        info = ModelInfo(**values)
        wrong = [f.name for f in fields(info) if type(getattr(info, f.name)).__name__ != _kind(f)]
    except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{path} is not a model's sidecar: {error}") from None
    if wrong:
        raise ModelError(f"{path} is not a model's sidecar: wrong type of {', '.join(wrong)}")
    if info.template not in TEMPLATES:
        raise ModelError(
            f"{path} names the template {info.template!r}; known: {', '.join(TEMPLATES)}"
        )
    for name, expected in _CONVENTIONS.items():
        if getattr(info, name) != expected:
            raise ModelError(
                f"{path} says {name} {getattr(info, name)!r}; this SDK feeds its models "
                f"{expected!r}: export the model with this version"
            )
    _check_shapes(path, info)
    return info


def _check_shapes(path: Path, info: ModelInfo) -> None:
    """Raises ModelError where the SDK cannot feed such inputs or read such outputs."""
    face = info.inputs.get("face")
    side = face[-1] if isinstance(face, list) and face else None
    fits = isinstance(side, int) and side >= CROP_SIZE and (side - CROP_SIZE) % 2 == 0
    known = {**INPUT_SHAPES, "face": [3, side, side]}
    if not fits or any(shape != known.get(name) for name, shape in info.inputs.items()):
        raise ModelError(
            f"{path} says the model takes {info.inputs}; expected a square face of {CROP_SIZE} px "
            f"or more and any of the patches {', '.join(INPUT_NAMES[1:])} in their sizes"
        )
    if next(iter(info.outputs.items()), None) != (PICTURE, [3, CROP_SIZE, CROP_SIZE]):
        raise ModelError(
            f"{path} says the model gives {info.outputs}; expected frontal, "
            f"{[3, CROP_SIZE, CROP_SIZE]}, first"
        )


def _kind(entry: Field[Any]) -> str:
    """The name of a field's type; annotations are text here."""
    return str(entry.type).partition("[")[0]


def list_models() -> list[Model]:
    """The models in the package.

    Raises:
        ModelError: one is damaged.
    """
    return [load_model(path) for path in sorted(PACKAGED.glob("*.onnx"))]


def resolve_model(model: str | Path | Model | None) -> Model:
    """A model by name, path or object; None is the package's default.

    Raises:
        ModelError: unknown name, or as `load_model`.
    """
    if isinstance(model, Model):
        return model
    name = DEFAULT if model is None else str(model)
    packaged = PACKAGED / f"{name}.onnx"
    if packaged.is_file():
        return load_model(packaged)
    if Path(name).suffix != ".onnx":
        known = ", ".join(p.stem for p in sorted(PACKAGED.glob("*.onnx"))) or "none"
        raise ModelError(
            f"no model named {name!r}; in the package: {known}; or give the path of an .onnx"
        )
    return load_model(Path(name).expanduser())
