"""The packaged model: against the seed's network, and in INT8 against itself. On the CPU."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Final

from tpgan_sdk import Frontalizer
from tpgan_sdk.backends.parity import FACES, Inputs, load_parity_faces
from tpgan_sdk.images.files import read_image
from tpgan_sdk.models.model import resolve_model

from ..measuring.timing import Pace, interleave, ratio
from .networks import BenchmarkNetwork
from .runtimes import BASELINE, CPU, sdk_backend
from .variants import int8_form

_FACE: Final = "05_yaw+60.png"
_BACKEND: Final = "onnxruntime-cpu"


def against_seed(seed: BenchmarkNetwork, pace: Pace) -> list[dict[str, Any]]:
    """From an aligned crop to a picture with the packaged model, and the seed's network alone.

    Args:
        seed: `paper`, with whatever weights.
    """
    crop = read_image(FACES / _FACE)
    points = json.loads((FACES / "landmarks.json").read_text())[_FACE]
    eager = CPU[0].open(seed, seed.faces(1))
    with Frontalizer(device="cpu", refine=False) as frontalizer:
        name = f"sdk-{frontalizer.backend.name}"
        samples = interleave(
            {
                BASELINE: eager.run,
                name: lambda: frontalizer.frontalize_aligned([crop], [points]),
            },
            pace.rounds,
            settle=1,
        )
        own = frontalizer.model.name
    whole = {"preset": own, "runtime": name, "what": "crop to picture, with all that the SDK does"}
    alone = {"preset": seed.preset, "runtime": BASELINE, "what": "the seed's network alone"}
    return [
        {
            **{"kind": "seed", **row, "device": "cpu", "precision": "fp32", "batch": 1},
            **samples[row["runtime"]].rate_row(1),
            **ratio(samples[BASELINE], samples[row["runtime"]]).row("speedup"),
        }
        for row in (alone, whole)
    ]


def against_itself_in_int8(
    calibration: Path | None, recogniser: Path | None, pace: Pace, quick: bool
) -> list[dict[str, Any]]:
    """The packaged model in FP32 and in INT8. Arguments and errors: see `forms.int8_form`."""
    plain = resolve_model(None)
    inputs: Inputs = {
        n: x[:1] for n, x in load_parity_faces(FACES, plain.template, plain.inputs).items()
    }
    with tempfile.TemporaryDirectory() as folder:
        whole = int8_form(Path(folder), calibration, quick, recogniser)
        opened = {
            "fp32": sdk_backend(plain.path, _BACKEND, inputs),
            "int8": sdk_backend(whole.path, _BACKEND, inputs),
        }
        samples = interleave({n: o.run for n, o in opened.items()}, pace.rounds, 1, pace.settle)
    found = whole.info.parity[f"int8_vs_{plain.info.precision}"]
    accuracy = {
        "ranges": found["ranges"],
        "psnr_db": found["psnr"],
        "mean_levels": found["mean_levels"],
        "identity_cosine": found.get("identity_mean"),
        "identity_cosine_min": found.get("identity_min"),
    }
    return [
        {
            **{"kind": "int8", "preset": plain.name, "runtime": f"sdk-{_BACKEND}"},
            "what": f"this SDK, {_BACKEND}",
            **{"device": "cpu", "precision": precision, "batch": 1},
            **samples[precision].rate_row(1),
            **ratio(samples["fp32"], samples[precision]).row("speedup"),
            **(accuracy if precision == "int8" else {}),
        }
        for precision in opened
    ]
