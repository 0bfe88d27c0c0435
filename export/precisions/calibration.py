"""Faces to calibrate a quantised network on, and the ranges of its tensors on them.

Ranges come from ONNX Runtime's calibrators, a few faces at a time: they keep every tensor of what
they are given in memory.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import onnx

from tpgan_sdk.backends.parity import FACES, Inputs, load_parity_faces
from tpgan_sdk.errors import ExportError
from tpgan_sdk.geometry import Template
from tpgan_sdk.images.files import read_image
from tpgan_sdk.models.inputs import INPUT_SHAPES, InputShapes

MIN_FACES: Final = 200
"""Fewer do not show what a network's tensors can hold."""
METHODS: Final = ("max", "percentile", "entropy")
"""How a tensor's range follows from its values: all of them, 99.99 % of them, or the range whose
quantised distribution is nearest to the real one."""
_PERCENTILE: Final = 99.99
_AT_ONCE: Final = 4


def calibration_faces(
    folder: Path,
    template: Template,
    parity_faces: Path | None = None,
    shapes: InputShapes = INPUT_SHAPES,
) -> Inputs:
    """The network's inputs for a folder of aligned 128x128 pictures, as `parity.load_parity_faces`.

    Args:
        parity_faces: what the result will be judged on (default: the package's faces).

    Raises:
        ExportError: fewer than `MIN_FACES` different pictures, or one of the parity faces, by the
            hash of its pixels, under whatever name.
    """
    judged_on = set(_pixel_hashes(parity_faces or FACES))
    hashes = _pixel_hashes(folder)
    if shared := sorted(hashes[pixels] for pixels in judged_on & set(hashes)):
        raise ExportError(
            f"{folder} holds parity faces ({', '.join(shared[:3])}): the parity of a network that "
            "was calibrated on them would prove nothing; take them out"
        )
    if len(hashes) < MIN_FACES:
        raise ExportError(
            f"{folder} holds {len(hashes)} different faces; expected at least {MIN_FACES} aligned "
            "128x128 PNG or JPEG crops, and landmarks.json for those that are not frontal"
        )
    return load_parity_faces(folder, template, shapes)


def ranges(
    graph: onnx.ModelProto, inputs: Inputs, operators: Sequence[str], method: str, symmetric: bool
) -> Any:
    """The ranges of the operators' inputs and outputs, as onnxruntime's `TensorsData`.

    Args:
        method: one of `METHODS`.
        symmetric: the range around zero that holds the other one.
    """
    from onnxruntime.quantization import CalibrationMethod
    from onnxruntime.quantization.calibrate import create_calibrator

    known = {"max": CalibrationMethod.MinMax, "percentile": CalibrationMethod.Percentile}
    options: dict[str, bool | float] = {"symmetric": symmetric}
    if method == "percentile":
        options["percentile"] = _PERCENTILE
    faces = len(next(iter(inputs.values())))
    # The calibrators print their progress.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        source = Path(folder) / "plain.onnx"
        onnx.save(graph, source)
        calibrator = create_calibrator(
            source,
            list(operators),
            augmented_model_path=str(Path(folder) / "observed.onnx"),
            calibrate_method=known.get(method, CalibrationMethod.Entropy),
            extra_options=options,
        )
        for start in range(0, faces, _AT_ONCE):
            part = {name: values[start : start + _AT_ONCE] for name, values in inputs.items()}
            calibrator.collect_data(_Once(part))
        return calibrator.compute_data()


class _Once:
    """ONNX Runtime's `CalibrationDataReader` of one batch."""

    def __init__(self, batch: Inputs) -> None:
        self._batch: Inputs | None = batch

    def get_next(self) -> Inputs | None:
        batch, self._batch = self._batch, None
        return batch


def _pixel_hashes(folder: Path) -> dict[str, str]:
    """File name by hash of its pixels: another name or format does not make it another face."""
    if not folder.is_dir():
        raise ExportError(f"no folder {folder}; expected one with aligned 128x128 faces")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    return {hashlib.sha256(read_image(p).tobytes()).hexdigest(): p.name for p in paths}
