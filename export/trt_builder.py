"""The one module of the build that names TensorRT: 10.3 to 11.x and TensorRT-RTX, by one path.

The precision lives in the ONNX and the network is strongly typed, so no flag chooses it and the
builder may not change it. Names that were removed in 11 (precision flags, calibrators) or are
missing in 10.3 or RTX (`build_engine_with_config`) are not used; tests/export/
test_trt_conformance.py holds every name here against the bindings of four versions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tpgan_sdk.errors import ExportError

Report = Callable[[str, float], None]
"""Gets the name of the builder's phase and the share of the build that is done, 0 to 1."""

_HEAVY: Final = ("CONVOLUTION", "DECONVOLUTION", "MATRIX_MULTIPLY")
_PRECISION: Final = {"FLOAT": "fp32", "HALF": "fp16", "BF16": "bf16", "INT8": "int8", "FP8": "fp8"}


@dataclass(frozen=True, slots=True)
class Built:
    """What the builder gave."""

    data: bytes
    precision: str
    """Of the layers that multiply, as the parsed network holds them."""
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
    logger = _logger(trt, settings.log)
    builder = trt.Builder(logger)
    # The network must stay in a variable: the parser does not keep it alive.
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(onnx):
        problems = [str(parser.get_error(i).desc()) for i in range(parser.num_errors)]
        raise ExportError(f"TensorRT's parser refuses the ONNX: {_words(problems)}")
    precision = network_precision(network)
    if precision != settings.precision:
        raise ExportError(
            f"the network multiplies in {precision}, {settings.precision} was asked for; nothing "
            "is built: convert the ONNX with `tpgan export --precision` first"
        )
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, settings.workspace_mib << 20)
    if precision == "fp32":
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
    monitor = _monitor(trt, settings.report)
    config.progress_monitor = monitor
    memory = _interruptible(lambda: builder.build_serialized_network(network, config), monitor)
    if memory is None:
        raise ExportError(f"TensorRT built no engine: {_words(settings.log)}")
    return Built(
        data=bytes(memory),
        precision=precision,
        inputs=_shapes(network.get_input, network.num_inputs),
        outputs=_shapes(network.get_output, network.num_outputs),
        layers=network.num_layers,
        timing_cache=bytes(cache.serialize()) if cache is not None else b"",
    )


def version_of(trt: Any) -> str:
    """Version of the runtime, as it stands in sidecars."""
    return str(trt.__version__)


def network_precision(network: Any) -> str:
    """What the layers that multiply compute in; "mixed ..." where they do not agree.

    The network is strongly typed, so this is what the engine computes in.
    """
    found = set()
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        if layer.type.name in _HEAVY:
            name = layer.get_output(0).dtype.name
            found.add(_PRECISION.get(name, name.lower()))
    if not found:
        return "nothing: it has no layer that multiplies"
    return found.pop() if len(found) == 1 else f"mixed {', '.join(sorted(found))}"


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


def _logger(trt: Any, log: list[str]) -> Any:
    wanted = (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR, trt.ILogger.WARNING)

    class Keep(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in wanted:
                log.append(message)

    return Keep()


def _monitor(trt: Any, report: Report | None) -> Any:
    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Phases nest; each step of one is an equal share of its parent's step."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.cancelled = False
            self.phases: dict[str, tuple[float, float, int]] = {}
            self.done = 0.0

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            begin, width, of = self.phases.get(parent or "", (0.0, 1.0, 1))
            self.phases[phase] = (max(begin, self.done), width / max(1, of), steps)

        def step_complete(self, phase: str, step: int) -> bool:
            begin, width, steps = self.phases.get(phase, (self.done, 0.0, 1))
            self.done = max(self.done, min(1.0, begin + width * (step + 1) / max(1, steps)))
            if report is not None:
                report(phase, self.done)
            return not self.cancelled

        def phase_finish(self, phase: str) -> None:
            begin, width, _ = self.phases.pop(phase, (self.done, 0.0, 1))
            self.done = max(self.done, min(1.0, begin + width))

    return Monitor()


def _interruptible(work: Callable[[], Any], monitor: Any) -> Any:
    """Runs the build in a thread: the main one must be free to take Ctrl-C."""
    results: list[Any] = []
    errors: list[BaseException] = []
    # Not Thread.join: interrupted, CPython takes the thread for ended while it still runs
    # (its fix of bpo-45274), and the process would end under the builder.
    done = threading.Event()

    def target() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    thread = threading.Thread(target=target, name="tensorrt-build", daemon=True)
    try:
        thread.start()  # waits for the thread, and so may be interrupted too
        while not done.wait(0.1):
            pass
    except KeyboardInterrupt:
        monitor.cancelled = True
        done.wait()
        raise
    if errors:
        raise errors[0]
    return results[0]


def _words(messages: list[str]) -> str:
    """The last messages of a log, in one line."""
    return "; ".join(" ".join(message.split()) for message in messages[-3:]) or "no reason given"
