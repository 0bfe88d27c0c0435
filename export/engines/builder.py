"""The build by TensorRT 10.3 to 11.x and TensorRT-RTX, by one path.

The precision lives in the ONNX and the network is strongly typed, so no flag chooses it and the
builder may not change it. Names that were removed in 11 (precision flags, calibrators) or are
missing in 10.3 or RTX (`build_engine_with_config`) are not used; tests/export/
test_trt_conformance.py holds every name here and in the other modules `trt_*` against the bindings
of four versions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tpgan_sdk.errors import ExportError

from . import feature_flags, layer_precision
from .build_monitor import Report, interruptible, logger, monitor, words
from .features import NO_FEATURES, Features


@dataclass(frozen=True, slots=True)
class Built:
    """What the builder gave."""

    data: bytes
    multiplied_in: dict[str, int]
    """Number of layers that multiply by precision, as the parsed network holds them."""
    inputs: dict[str, list[int]]
    outputs: dict[str, list[int]]
    layers: int
    timing_cache: bytes
    """Empty for TensorRT-RTX, which has none."""


@dataclass(slots=True)
class BuildSettings:
    """What is asked of the builder."""

    precision: str
    batch: tuple[int, int, int]
    workspace_mib: int
    features: Features = NO_FEATURES
    rtx_sm: tuple[int, ...] = ()
    """TensorRT-RTX: the architectures to build for. TensorRT: empty, the GPU at hand."""
    timing_cache: bytes = b""
    report: Report | None = None
    log: list[str] = field(default_factory=list)
    """Gets the builder's warnings and errors."""


def build(trt: Any, onnx: bytes, settings: BuildSettings) -> Built:
    """Parses an ONNX and builds a serialized engine. Ctrl-C ends the build cleanly.

    Args:
        trt: the module `tensorrt` or `tensorrt_rtx`. Without a driver only the latter may be
            used: TensorRT's own builder then fails with a TypeError.

    Raises:
        ExportError: the parser refuses a node, the network has another precision than asked for,
            or the builder gives nothing; each with TensorRT's own words.
    """
    log = logger(trt, settings.log)
    builder = trt.Builder(log)
    # The network must stay in a variable: the parser does not keep it alive.
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(onnx):
        problems = [str(parser.get_error(i).desc()) for i in range(parser.num_errors)]
        raise ExportError(f"TensorRT's parser refuses the ONNX: {words(problems)}")
    multiplied_in = layer_precision.of_network(network)
    if problem := layer_precision.problem(multiplied_in, settings.precision):
        raise ExportError(
            f"the network has another precision: {problem}; nothing is built: convert the ONNX "
            "with `tpgan export --precision` or `python -m export.quantize` first"
        )
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, settings.workspace_mib << 20)
    # Else the engine cannot be asked what its layers compute in.
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    feature_flags.apply(trt, builder, config, settings.features)
    if settings.precision == "fp32":
        config.clear_flag(trt.BuilderFlag.TF32)  # on by default, and no FP32
    _add_profile(builder, network, config, settings.batch)
    if settings.rtx_sm:
        config.num_compute_capabilities = len(settings.rtx_sm)
        for index, sm in enumerate(settings.rtx_sm):
            config.set_compute_capability(getattr(trt.ComputeCapability, f"SM{sm}"), index)
        cache = None  # timing caches do nothing in TensorRT-RTX
    else:
        cache = config.create_timing_cache(settings.timing_cache)
        config.set_timing_cache(cache, False)
    progress = monitor(trt, settings.report)
    config.progress_monitor = progress
    memory = interruptible(lambda: builder.build_serialized_network(network, config), progress)
    if memory is None:
        raise ExportError(f"TensorRT built no engine: {words(settings.log)}")
    return Built(
        data=bytes(memory),
        multiplied_in=multiplied_in,
        inputs=_shapes(network.get_input, network.num_inputs),
        outputs=_shapes(network.get_output, network.num_outputs),
        layers=network.num_layers,
        timing_cache=bytes(cache.serialize()) if cache is not None else b"",
    )


def version_of(trt: Any) -> str:
    """Version of the runtime, as it stands in sidecars."""
    return str(trt.__version__)


def _add_profile(builder: Any, network: Any, config: Any, batch: tuple[int, int, int]) -> None:
    profile = builder.create_optimization_profile()
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        rest = tuple(tensor.shape)[1:]
        profile.set_shape(tensor.name, *((size, *rest) for size in batch))
    if config.add_optimization_profile(profile) < 0:
        raise ExportError(f"TensorRT refuses the batch sizes {':'.join(map(str, batch))}")


def _shapes(get: Callable[[int], Any], count: int) -> dict[str, list[int]]:
    tensors = [get(index) for index in range(count)]
    return {str(tensor.name): [int(size) for size in tensor.shape] for tensor in tensors}
