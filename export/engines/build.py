"""One planned engine: ONNX in the right precision, build, parity gate, engine and sidecar."""

from __future__ import annotations

import importlib
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tpgan_sdk.backends.tensorrt.cache import cache_dir
from tpgan_sdk.backends.tensorrt.engine_file import (
    NOT_RUN,
    EngineInfo,
    digest,
    sidecar_path,
    write_engine,
)
from tpgan_sdk.errors import ExportError
from tpgan_sdk.gpu.cuda import CudaDriver, Gpu, find_driver, find_gpu
from tpgan_sdk.models.model import Model, load_model
from tpgan_sdk.system.atomic_write import folder_lock, replace_file

from ..precisions.identity import Pictures, identity_cosine
from . import builder, layer_precision
from .build_monitor import Report
from .builder import BuildSettings, Built
from .plan import RUNTIMES, BuildPlan, compute_precision
from .refit import refit_engine

if TYPE_CHECKING:
    from ..precisions.half import Precision


def build_engine(plan: BuildPlan, command: str, report: Report | None = None) -> EngineInfo:
    """Writes the engine, its sidecar and, where the source was converted, the ONNX.

    All of it is made in a folder beside the target and moved there at the end, so that a build
    that fails or is interrupted leaves nothing behind.

    Args:
        command: noted in the sidecar.
        report: is told the progress.

    Raises:
        ExportError: the ONNX cannot be had in the plan's precision, TensorRT refuses it, or the
            engine's pictures differ from ONNX Runtime's.
        ModelError: the source is not an ONNX of this SDK.
    """
    plan.output.absolute().parent.mkdir(parents=True, exist_ok=True)
    trt = importlib.import_module(RUNTIMES[plan.runtime])
    with tempfile.TemporaryDirectory(dir=plan.output.absolute().parent, prefix=".tpgan-") as name:
        scratch = Path(name)
        source, graph = _graphs(plan, scratch)
        onnx = graph.path.read_bytes()
        timing = _timing_cache(plan, builder.version_of(trt))
        settings = BuildSettings(
            precision=plan.precision,
            batch=plan.batch,
            workspace_mib=plan.workspace_mib,
            features=plan.features,
            rtx_sm=plan.sm if plan.runtime == "rtx" else (),
            timing_cache=timing.read_bytes() if timing and timing.is_file() else b"",
            report=report,
        )
        begun = time.monotonic()
        if plan.refit_from is not None:
            built = refit_engine(trt, plan.refit_from, onnx, plan.runtime)
        else:
            built = builder.build(trt, onnx, settings)
        seconds = round(time.monotonic() - begun, 2)
        info = _describe(plan, source, built, builder.version_of(trt))
        info = replace(info, graph_sha256=digest(onnx), build_seconds=seconds, command=command)
        info = _gate(info, built.data, source, plan, scratch)
        made = [path for path in scratch.iterdir() if path.suffix in (".onnx", ".json")]
        with folder_lock(plan.output.absolute().parent):
            for path in made:
                os.replace(path, plan.output.absolute().parent / path.name)
        write_engine(plan.output, built.data, info)
        if timing and built.timing_cache:
            timing.parent.mkdir(parents=True, exist_ok=True)
            replace_file(timing, built.timing_cache)
    return info


def _graphs(plan: BuildPlan, scratch: Path) -> tuple[Model, Model]:
    """The model that the engine serves, and the ONNX that is parsed for it."""
    source = plan.source
    if plan.from_checkpoint:
        from tpgan_sdk.backends.parity import FACES

        from ..precisions.conversion import export_checkpoint

        # The SDK needs an ONNX beside the engine as well.
        source = scratch / plan.output.with_suffix(".onnx").name
        form: Precision = "fp32" if plan.precision == "fp32" else "fp16-weights"
        export_checkpoint(plan.source, source, form, FACES)
    model = load_model(source)
    if compute_precision(model.info.precision) == plan.precision:
        return model, model
    from tpgan_sdk.backends.parity import FACES

    from ..precisions.conversion import convert_onnx

    graph = scratch / plan.graph.name
    # One of `engines.PRECISIONS`, all of which are ONNX's too; it refuses those it cannot make.
    convert_onnx(source, graph, cast("Precision", plan.precision), FACES, name=model.name)
    return model, load_model(graph)


def _describe(plan: BuildPlan, source: Model, built: Built, version: str) -> EngineInfo:
    driver, gpu = find_driver(), find_gpu()
    found = gpu if isinstance(gpu, Gpu) else None
    return EngineInfo(
        model=source.name,
        onnx_sha256=source.info.sha256,
        graph_sha256="",
        sha256=digest(built.data),
        size=len(built.data),
        runtime=plan.runtime,
        runtime_version=version,
        precision=plan.precision,
        sm=plan.sm or ((found.sm,) if found else ()),
        batch=plan.batch,
        inputs=built.inputs,
        outputs=built.outputs,
        gpu=found.name if found else None,
        cuda=".".join(map(str, driver.version)) if isinstance(driver, CudaDriver) else None,
        parity=f"{NOT_RUN}, no driver",
        build_seconds=0.0,
        command="",
        details={
            "profile": plan.profile,
            "workspace_mib": plan.workspace_mib,
            "layers": built.layers,
            "multiplied_in": built.multiplied_in,
            "features": plan.features.chosen(),  # none of a refitted engine: it keeps its weights
        },
    )


def _gate(
    info: EngineInfo, data: bytes, source: Model, plan: BuildPlan, scratch: Path
) -> EngineInfo:
    """Runs the engine where there is a GPU that it is for: its layers' precision, its pictures."""
    gpu = find_gpu()
    if not isinstance(gpu, Gpu):
        return info
    if gpu.sm not in info.sm:
        return replace(info, parity=f"{NOT_RUN}, the GPU here is SM {gpu.sm}")
    from tpgan_sdk.backends.tensorrt.loader import open_engine
    from tpgan_sdk.backends.tensorrt.parity_check import check_parity

    engine = scratch / "candidate.engine"
    write_engine(engine, data, info)
    graph = scratch / plan.graph.name
    if info.features.get("strip") and plan.graph != plan.source:  # where the loader looks for it
        os.link(graph, engine.with_suffix(f".{info.precision}.onnx"))
    backend = open_engine(engine, source, gate=False)
    try:
        layers = layer_precision.of_engine(backend.inspect())
        if problem := layer_precision.engine_problem(layers, info.precision):
            raise ExportError(problem)
        figures = check_parity(backend, source, also=_identities(plan))
    finally:
        backend.close()
        for made in (sidecar_path(engine), engine, engine.with_suffix(f".{info.precision}.onnx")):
            made.unlink(missing_ok=True)
    read_back = layers or "the runtime tells no types"
    return replace(info, parity=figures, details={**info.details, "read_back": read_back})


def _identities(
    plan: BuildPlan,
) -> Callable[[Pictures, Pictures], dict[str, float]] | None:
    """Measures the cosine of identities too, where a recogniser is given; needs torch."""
    if plan.recogniser is None:
        return None
    return partial(identity_cosine, weights=plan.recogniser)


def _timing_cache(plan: BuildPlan, version: str) -> Path | None:
    """File of what the builder measured on this GPU before; TensorRT-RTX measures nothing."""
    gpu: Any = find_gpu()
    if plan.runtime == "rtx" or isinstance(gpu, str):
        return None
    return cache_dir().parent / "timing" / f"{version}-sm{gpu.sm}-{digest(gpu.name.encode())[:8]}"
