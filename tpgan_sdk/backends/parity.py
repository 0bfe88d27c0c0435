"""How far two implementations of one network differ, on real faces."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tpgan_sdk.errors import ExportError
from tpgan_sdk.faces.crops import crop_aligned, network_inputs
from tpgan_sdk.geometry import Template
from tpgan_sdk.images.files import read_image
from tpgan_sdk.models.inputs import INPUT_SHAPES, InputShapes, margin_of
from tpgan_sdk.models.model import PACKAGED

FACES = PACKAGED / "parity_faces"
"""16 aligned 128x128 PNGs and landmarks.json, from one public-domain portrait; see SOURCE.md."""

Inputs = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Parity:
    """Differences of pictures in [-1, 1]."""

    max: float
    mean: float
    cosine: float
    """Of the flattened pictures, the worst of the batch."""
    psnr: float
    """dB over the range of 2; infinite for equal pictures is reported as 999."""
    span: float
    """Largest minus smallest value of the reference: parity of a flat output proves nothing."""
    faces: int

    @property
    def mean_levels(self) -> float:
        """Mean difference in grey levels of 255."""
        return self.mean * 127.5

    def figures(self) -> dict[str, float]:
        """For a sidecar."""
        return {**asdict(self), "mean_levels": self.mean_levels}


def compare(reference: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> Parity:
    """Figures for two batches of pictures, (N, 3, H, W)."""
    a = reference.astype(np.float64).reshape(len(reference), -1)
    b = other.astype(np.float64).reshape(len(other), -1)
    if a.shape != b.shape:
        raise ExportError(f"outputs have shapes {reference.shape} and {other.shape}")
    difference = np.abs(a - b)
    cosine = (a * b).sum(1) / np.maximum(
        np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-12
    )
    mse = float((difference**2).mean())
    return Parity(
        max=float(difference.max()),
        mean=float(difference.mean()),
        cosine=float(cosine.min()),
        psnr=float(10 * np.log10(4 / mse)) if mse > 0 else 999.0,
        span=float(a.max() - a.min()),
        faces=len(a),
    )


def load_parity_faces(
    folder: Path, template: Template, shapes: InputShapes = INPUT_SHAPES
) -> Inputs:
    """A network's inputs for a folder of aligned 128x128 pictures.

    `landmarks.json` in the folder maps file names to five points; a picture that it does not
    name is taken as frontal.

    Raises:
        ExportError: no pictures there.
        ImageError: a picture that is not 128x128.
    """
    import json

    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    if not paths:
        raise ExportError(f"no PNG or JPEG faces in {folder}; expected aligned 128x128 crops")
    listing = folder / "landmarks.json"
    points = json.loads(listing.read_text()) if listing.is_file() else {}
    margin = margin_of(shapes)
    crops = [crop_aligned(read_image(p), points.get(p.name), template, margin) for p in paths]
    return network_inputs(crops, True, shapes)


def run_onnx(model: bytes | Path, inputs: Inputs) -> npt.NDArray[np.float32]:
    """The picture that ONNX Runtime makes on the CPU, (N, 3, 128, 128)."""
    import onnxruntime

    source = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    output: npt.NDArray[np.float32] = session.run(None, dict(inputs))[0]
    return output
