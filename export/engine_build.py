"""One planned engine: ONNX in the right precision, build, parity gate, engine and sidecar."""

from __future__ import annotations

import importlib
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tpgan_sdk.cuda import CudaDriver, Gpu, find_driver, find_gpu
from tpgan_sdk.engine_cache import cache_dir
from tpgan_sdk.engine_file import (
    NOT_RUN,
    EngineInfo,
    digest,
    folder_lock,
    replace_file,
    sidecar_path,
    write_engine,
)
from tpgan_sdk.errors import ExportError
from tpgan_sdk.model import Model, load_model

from . import trt_builder
from .build_plan import RUNTIMES, BuildPlan, computed_in
from .trt_builder import BuildSettings, Built, Report

if TYPE_CHECKING:
    from .precision import Precision


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
        timing = _timing_cache(plan, trt_builder.version_of(trt))
        settings = BuildSettings(
            precision=plan.precision,
            batch=plan.batch,
            workspace_mib=plan.workspace_mib,
            rtx_sm=plan.sm if plan.runtime == "rtx" else (),
            timing_cache=timing.read_bytes() if timing and timing.is_file() else b"",
            report=report,
        )
        begun = time.monotonic()
        built = trt_builder.build(trt, onnx, settings)
        seconds = round(time.monotonic() - begun, 2)
        info = _describe(plan, source, built, trt_builder.version_of(trt))
        info = replace(info, graph_sha256=digest(onnx), build_seconds=seconds, command=command)
        info = _gate(info, built.data, source, scratch)
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
        from .parity import FACES
        from .to_onnx import export_checkpoint

        # The SDK needs an ONNX beside the engine as well.
        source = scratch / plan.output.with_suffix(".onnx").name
        form: Precision = "fp32" if plan.precision == "fp32" else "fp16-weights"
        export_checkpoint(plan.source, source, form, FACES)
    model = load_model(source)
    if computed_in(model.info.precision) == plan.precision:
        return model, model
    from .parity import FACES
    from .to_onnx import convert_onnx

    if plan.precision not in ("fp16", "fp32"):
        raise ExportError(f"no ONNX can be made in {plan.precision}; expected fp16 or fp32")
    graph = scratch / plan.graph.name
    target: Precision = "fp16" if plan.precision == "fp16" else "fp32"
    convert_onnx(source, graph, target, FACES, name=model.name)
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
        precision=built.precision,
        sm=plan.sm or ((found.sm,) if found else ()),
        batch=plan.batch,
        inputs=built.inputs,
        outputs=built.outputs,
        gpu=found.name if found else None,
        cuda=".".join(map(str, driver.version)) if isinstance(driver, CudaDriver) else None,
        parity=f"{NOT_RUN}, no driver",
        build_seconds=0.0,
        command="",
        details={"profile": plan.profile, "workspace_mib": plan.workspace_mib}
        | {"layers": built.layers},
    )


def _gate(info: EngineInfo, data: bytes, source: Model, scratch: Path) -> EngineInfo:
    """The engine's pictures against ONNX Runtime's, where there is a GPU that it is for."""
    gpu = find_gpu()
    if not isinstance(gpu, Gpu):
        return info
    if gpu.sm not in info.sm:
        return replace(info, parity=f"{NOT_RUN}, the GPU here is SM {gpu.sm}")
    from tpgan_sdk.backends.engine_gate import check_parity
    from tpgan_sdk.backends.engine_loader import open_engine

    engine = scratch / "candidate.engine"
    write_engine(engine, data, info)
    backend = open_engine(engine, source, gate=False)
    try:
        figures = check_parity(backend, source)
    finally:
        backend.close()
        sidecar_path(engine).unlink()
        engine.unlink()
    return replace(info, parity=figures)


def _timing_cache(plan: BuildPlan, version: str) -> Path | None:
    """File of what the builder measured on this GPU before; TensorRT-RTX measures nothing."""
    gpu: Any = find_gpu()
    if plan.runtime == "rtx" or isinstance(gpu, str):
        return None
    return cache_dir().parent / "timing" / f"{version}-sm{gpu.sm}-{digest(gpu.name.encode())[:8]}"
