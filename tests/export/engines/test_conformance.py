"""Every TensorRT attribute that the code names exists in the bindings of four versions.

The bindings are real wheels of about 1 MB. Their libraries are not on the package index, so three
stub libraries that export the entry points take their place: enough to import, never to call.
Set TPGAN_TRT_WHEELS to a folder of the wheels where pip cannot download them.
"""

from __future__ import annotations

import ast
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ...conftest import REPOSITORY

BINDINGS = (
    ("tensorrt-cu12-bindings", "10.3.0"),
    ("tensorrt-cu13-bindings", "10.13.3.9"),
    ("tensorrt-cu13-bindings", "10.16.1.11"),
    ("tensorrt-cu13-bindings", "11.4.0.106"),
)
SOURCES = (
    "export/engines/builder.py",
    "export/engines/feature_flags.py",
    "export/engines/layer_precision.py",
    "export/engines/build_monitor.py",
    "tpgan_sdk/backends/tensorrt/runtime.py",
)
# What a variable of these names holds in the sources.
CLASSES = {
    "builder": "Builder",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "config": "IBuilderConfig",
    "profile": "IOptimizationProfile",
    "cache": "ITimingCache",
    "layer": "ILayer",
    "engine": "ICudaEngine",
    "self._runtime": "Runtime",
    "self._engine": "ICudaEngine",
    "self._context": "IExecutionContext",
    "refitter": "Refitter",
    "weights": "OnnxParserRefitter",
    "inspector": "EngineInspector",
}
# Only for TensorRT-RTX, behind `if settings.rtx_sm`.
RTX_ONLY = {
    "ComputeCapability",
    "IBuilderConfig.num_compute_capabilities",
    "IBuilderConfig.set_compute_capability",
}
# Called on values that no table above names: the parser's error, tensors, the engine's memory.
INDIRECT = {
    "ParserError.desc",
    "ITensor.name",
    "ITensor.shape",
    "ITensor.dtype",
    "LayerType.CONVOLUTION",
    "LayerType.DECONVOLUTION",
    "LayerType.MATRIX_MULTIPLY",
    "DataType.HALF",
    "DataType.BF16",
    "DataType.INT8",
    "DataType.FP8",
    "ILayer.get_input",
    "LayerType.DEQUANTIZE",
    "HardwareCompatibilityLevel.AMPERE_PLUS",
    "BuilderFlag.VERSION_COMPATIBLE",
    "BuilderFlag.STRIP_PLAN",
    "BuilderFlag.REFIT",
    "IHostMemory.nbytes",
    "IProgressMonitor.phase_start",
    "IProgressMonitor.step_complete",
    "IProgressMonitor.phase_finish",
    "ILogger.log",
}
ENTRY_POINTS = (
    "createInferBuilder_INTERNAL",
    "createInferRefitter_INTERNAL",
    "createInferRuntime_INTERNAL",
    "getPluginRegistry",
    "getBuilderPluginRegistry",
    "initLibNvInferPlugins",
    "createNvOnnxParser_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL",
    "getNvOnnxParserVersion",
)
LOOK = """
import json, sys, {module} as trt
def there(name):
    thing = trt
    for part in name.split("."):
        if not hasattr(thing, part):
            return False
        thing = getattr(thing, part)
    return True
print(json.dumps([trt.__version__, [n for n in json.loads(sys.argv[1]) if not there(n)]]))
"""


def dotted(node: ast.expr) -> str | None:
    """`a.b.c` of an expression that is nothing but names."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return None


def attributes(source: str) -> set[str]:
    """TensorRT names in a source, as `Class.attribute`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Attribute) or (name := dotted(node)) is None:
            continue
        name_of_module = name.removeprefix("self._")
        if name_of_module.startswith("trt."):
            found.add(name_of_module.removeprefix("trt."))
        for variable, owner in CLASSES.items():
            if name.startswith(f"{variable}.") and name.count(".") == variable.count(".") + 1:
                found.add(f"{owner}.{node.attr}")
    return found


def named() -> set[str]:
    texts = [(REPOSITORY / path).read_text() for path in SOURCES]
    return {name for text in texts for name in attributes(text)} | INDIRECT


def test_the_search_finds_what_the_code_names() -> None:
    found = named()
    assert {
        "Builder.build_serialized_network",
        "NetworkDefinitionCreationFlag.STRONGLY_TYPED",
        "IExecutionContext.execute_async_v3",
        "ICudaEngine.get_tensor_profile_shape",
        "IBuilderConfig.set_timing_cache",
        "Runtime.deserialize_cuda_engine",
        "Runtime.engine_host_code_allowed",
        "Refitter.refit_cuda_engine",
        "OnnxParserRefitter.refit_from_bytes",
        "EngineInspector.get_engine_information",
        "BuilderFlag.REFIT_IDENTICAL",
        "IBuilderConfig.DLA_core",
        *RTX_ONLY,
    } <= found
    assert len(found) > 45


def test_nothing_else_names_tensorrt() -> None:
    for folder in ("export", "tpgan_sdk"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            if str(path.relative_to(REPOSITORY)) not in SOURCES:
                assert not attributes_of_module(path.read_text()), path


def attributes_of_module(source: str) -> set[str]:
    return {name for name in attributes(source) if name.split(".")[0] not in CLASSES.values()}


def test_rtx_has_every_name() -> None:
    pytest.importorskip("tensorrt_rtx", reason="pip install tensorrt-rtx-cu13")
    assert missing("tensorrt_rtx", named(), {})[1] == []


@pytest.mark.slow
@pytest.mark.parametrize(("distribution", "version"), BINDINGS, ids=[v for _, v in BINDINGS])
def test_bindings_have_every_name(distribution: str, version: str, tmp_path: Path) -> None:
    if platform.machine() != "x86_64" or shutil.which("gcc") is None:
        pytest.skip("the bindings are taken for x86-64 Linux, and gcc makes the stubs")
    with zipfile.ZipFile(wheel(distribution, version, tmp_path)) as archive:
        archive.extractall(tmp_path)
    stubs(version.split(".")[0], tmp_path)
    paths = {"LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    found, absent = missing("tensorrt_bindings", named() - RTX_ONLY, paths)
    assert found.split(".")[:2] == version.split(".")[:2]
    assert absent == []
    # The check itself can fail: names that 11 removed, and one that is nowhere.
    removed = {"BuilderFlag.FP16", "ILayer.precision", "Builder.no_such_thing"}
    expected = removed if version.startswith("11") else {"Builder.no_such_thing"}
    assert set(missing("tensorrt_bindings", removed, paths)[1]) == expected


def wheel(distribution: str, version: str, folder: Path) -> Path:
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    kept = os.environ.get("TPGAN_TRT_WHEELS", "")
    pattern = f"{distribution.replace('-', '_')}-{version}-{tag}*.whl"
    if kept and (found := sorted(Path(kept).glob(pattern))):
        return found[0]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    run = subprocess.run(
        [*command, str(folder), f"{distribution}=={version}"], capture_output=True, text=True
    )
    wheels = sorted(folder.glob(pattern))
    if run.returncode or not wheels:
        pytest.skip(f"pip cannot download {distribution} {version} for this Python")
    return wheels[0]


def stubs(major: str, folder: Path) -> None:
    code = "".join(f"void *{name}(void) {{ return 0; }}\n" for name in ENTRY_POINTS)
    source = folder / "stub.c"
    source.write_text(code)
    for name in ("nvinfer", "nvonnxparser", "nvinfer_plugin"):
        target = folder / f"lib{name}.so.{major}"
        soname = f"-Wl,-soname,{target.name}"
        subprocess.run(["gcc", "-shared", "-fPIC", soname, source, "-o", target], check=True)


def missing(module: str, names: set[str], paths: dict[str, str]) -> tuple[str, list[str]]:
    """Version of the bindings, and those of the names that they lack. In a process of its own."""
    run = subprocess.run(
        [sys.executable, "-c", LOOK.format(module=module), json.dumps(sorted(names))],
        capture_output=True,
        text=True,
        env={**os.environ, **paths},
    )
    assert run.returncode == 0, run.stderr
    version, absent = json.loads(run.stdout.splitlines()[-1])
    return version, absent
