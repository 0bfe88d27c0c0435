"""Runs an engine of TensorRT or TensorRT-RTX: buffers made once, batches split, CUDA graphs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from ...errors import BackendError
from ...gpu.cuda import Device, Graphs
from ...images.resample import Float32Array
from ...models.model import PICTURE
from ...types import BackendInfo
from ..base import DeviceBuffers, locked_to_thread
from .runtime import Context, Engine, Tensor

MAX_GRAPHS: Final = 4
"""Batch sizes that get a CUDA graph: each needs a context, and so scratch memory, of its own."""
REPLAY_LIMIT: Final = 1e-3
"""Largest difference between a graph's first replay and the same batch without it."""

log = logging.getLogger("tpgan_sdk")


@dataclass(slots=True)
class SharedEngine:
    """What clones have in common; the last one to close frees it."""

    device: Device
    engine: Engine | None
    users: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                with self.device.active("freeing the engine"):
                    if self.engine is not None:
                        self.engine.close()
                    self.engine = None
                self.device.close()


class TensorRTBackend:
    """Runs an engine. One object for one thread; `clone()` shares the engine with another.

    Made by `engine_loader.open_engine`. Buffers are made once, for the engine's largest batch;
    larger batches are split, smaller than its smallest are filled up, and results have the size
    of the input.
    Close it, or use it through a `Frontalizer` as context manager: nothing is freed at exit.
    """

    def __init__(self, shared: SharedEngine, info: BackendInfo) -> None:
        if shared.engine is None:
            raise BackendError("this backend is closed; make a new Frontalizer")
        with shared.lock:
            shared.users += 1
        self.info = info
        self._shared: SharedEngine | None = shared
        self._busy = threading.Lock()
        self._tensors = shared.engine.tensors
        self._batch = shared.engine.batch
        self._host: dict[str, Float32Array] = {}
        self._gpu: dict[str, Any] = {}
        self._stream: Any = None
        self._context: Context | None = None
        self._captured: dict[int, tuple[Any, Context]] = {}
        self._seen: set[int] = set()
        self._graphs: Graphs | None = shared.device.graphs()
        try:
            self._prepare(shared)
        except BaseException:
            with suppress(BackendError):  # what failed first is what matters
                self.close()
            raise

    @property
    def batch(self) -> tuple[int, int, int]:
        """Smallest, optimal and largest batch of the engine."""
        return self._batch

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Each input's shape, without the batch."""
        return {tensor.name: tensor.row for tensor in self._tensors if tensor.is_input}

    def run(self, inputs: Mapping[str, Float32Array]) -> Float32Array:
        """See `Backend.run`.

        Raises:
            BackendError: closed, in use by another thread, wrong names or shapes, or the GPU or
                TensorRT fails.
        """
        with self._used() as shared:
            count = self._check(inputs)
            output = self._output
            result = np.empty((count, *output.row), np.float32)
            with shared.device.active("running a batch") as driver:
                for start in range(0, count, self._batch[2]):
                    part = {n: v[start : start + self._batch[2]] for n, v in inputs.items()}
                    stop = min(count, start + self._batch[2])
                    rows = self._fill(part, stop - start)
                    self._launch(driver, rows)
                    result[start:stop] = self._host[output.name][: stop - start]
            return result

    @contextmanager
    def on_gpu(self) -> Iterator[DeviceBuffers]:
        """See `GpuBackend.on_gpu`."""
        with self._used() as shared, shared.device.active("running a batch") as driver:
            ran: set[int] = set()

            def enqueue(count: int) -> None:
                rows = max(count, self._batch[0])
                self._network(rows)
                ran.add(rows)

            tensors = {name: int(buffer) for name, buffer in self._gpu.items()}
            yield DeviceBuffers(
                device=shared.device,
                driver=driver,
                stream=self._stream,
                inputs=self.inputs,
                output=self._output.name,
                tensors=tensors,
                rows=self._batch[2],
                enqueue=enqueue,
            )
            for rows in ran:
                self._seen_again(driver, rows)

    def clone(self) -> TensorRTBackend:
        """See `Backend.clone`: the same engine, with its own context, stream and buffers."""
        if self._shared is None:
            raise BackendError("this backend is closed; make a new Frontalizer")
        return TensorRTBackend(self._shared, self.info)

    def inspect(self) -> str:
        """The engine's layers, as `trt_engine.Engine.inspect` tells them."""
        shared = self._shared
        if shared is None or shared.engine is None:
            raise BackendError("this backend is closed; make a new Frontalizer")
        with shared.device.active("inspecting the engine"):
            return shared.engine.inspect()

    def close(self) -> None:
        """See `Backend.close`; waits for a batch that another thread runs. Again: nothing."""
        with self._busy:
            shared, self._shared = self._shared, None
            if shared is None:
                return
            # From the last to the first, each whatever becomes of the others.
            with ExitStack() as steps:
                steps.callback(shared.leave)
                steps.callback(shared.device.free, *self._host.values(), *self._gpu.values())
                steps.enter_context(shared.device.active("closing the backend"))
                steps.callback(self._drop_contexts)
                if self._stream is not None:
                    steps.callback(self._stream.synchronize)
            self._host, self._gpu, self._stream = {}, {}, None

    def __enter__(self) -> TensorRTBackend:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _used(self) -> Iterator[SharedEngine]:
        """By this thread, and by no other meanwhile."""
        with locked_to_thread(self._busy):
            if self._shared is None:
                raise BackendError("this backend is closed; make a new Frontalizer")
            yield self._shared

    @property
    def _output(self) -> Tensor:
        """The picture; a model that fetches gives its layers besides."""
        outputs = [tensor for tensor in self._tensors if not tensor.is_input]
        return next((tensor for tensor in outputs if tensor.name == PICTURE), outputs[0])

    def _prepare(self, shared: SharedEngine) -> None:
        device = shared.device
        for tensor in self._tensors:
            shape = (self._batch[2], *tensor.row)
            self._host[tensor.name] = device.pinned(shape)
            self._gpu[tensor.name] = device.allocate(shape)
        self._stream = device.stream()
        with device.active("making a context") as driver:
            self._context = self._new_context(shared)
            for tensor in self._tensors:
                self._host[tensor.name][:] = 0
            # The first batch loads kernels: not while a user waits for a face.
            self._upload(driver, self._batch[1])
            self._network(self._batch[1])
            self._stream.synchronize()

    def _new_context(self, shared: SharedEngine) -> Context:
        assert shared.engine is not None
        context = shared.engine.context()
        context.bind({name: int(buffer) for name, buffer in self._gpu.items()})
        return context

    def _drop_graphs(self) -> None:
        for graph, context in self._captured.values():
            assert self._graphs is not None
            self._graphs.destroy(graph)
            context.close()
        self._captured.clear()

    def _drop_contexts(self) -> None:
        self._drop_graphs()
        if self._context is not None:
            self._context.close()

    def _check(self, inputs: Mapping[str, Float32Array]) -> int:
        wanted = self.inputs
        if set(inputs) != set(wanted):
            raise BackendError(
                f"inputs are {', '.join(sorted(inputs))}; expected {', '.join(sorted(wanted))}"
            )
        count = len(next(iter(inputs.values())))
        for name, values in inputs.items():
            expected = (count, *wanted[name])
            if values.shape != expected or values.dtype != np.float32:
                raise BackendError(
                    f"input {name} is {values.dtype} of shape {values.shape}; expected float32 "
                    f"of shape {expected}"
                )
        return count

    def _fill(self, part: Mapping[str, Float32Array], count: int) -> int:
        rows = max(count, self._batch[0])
        for name, values in part.items():
            self._host[name][:count] = values
            self._host[name][count:rows] = values[-1]  # dropped again by the caller
        return rows

    def _launch(self, driver: Any, rows: int) -> None:
        self._upload(driver, rows)
        self._network(rows)
        self._download(driver, rows)
        self._stream.synchronize()
        self._seen_again(driver, rows)

    def _network(self, rows: int) -> None:
        """Puts the network on the stream, from and to the buffers on the GPU."""
        if rows in self._captured:
            assert self._graphs is not None
            self._graphs.launch(self._captured[rows][0], self._stream)
        else:
            assert self._context is not None
            self._context.enqueue(rows, self._stream.handle)

    def _seen_again(self, driver: Any, rows: int) -> None:
        """Makes a graph for a size that comes the second time: one seen once may never again."""
        wanted = rows in self._seen and rows not in self._captured
        if self._graphs is not None and wanted and len(self._captured) < MAX_GRAPHS:
            self._capture(driver, self._graphs, rows)
        self._seen.add(rows)

    def _capture(self, driver: Any, graphs: Graphs, rows: int) -> None:
        """Makes a graph for this size, of a context that serves nothing else, and proves it with
        the batch that is in the buffers."""
        output = self._output.name
        self._download(driver, rows)
        self._stream.synchronize()
        expected = self._host[output][:rows].copy()
        assert self._shared is not None
        context = graph = None
        try:
            context = fresh = self._new_context(self._shared)
            # TensorRT finishes its set-up in the first run, which must not be captured.
            fresh.enqueue(rows, self._stream.handle)
            self._stream.synchronize()
            handle = self._stream.handle
            graph = graphs.capture(self._stream, lambda: fresh.enqueue(rows, handle))
            # Over the right answer, which a replay that does nothing would leave there.
            self._host[output][:rows] = np.nan
            driver.memcpy_htod_async(self._gpu[output], self._host[output][:rows], self._stream)
            self._stream.synchronize()
            graphs.launch(graph, self._stream)
            self._download(driver, rows)
            self._stream.synchronize()
            difference = float(np.abs(self._host[output][:rows] - expected).max())
            if not difference <= REPLAY_LIMIT:  # NaN too
                raise BackendError(f"its replay differs by {difference}")
        except (BackendError, driver.Error) as error:
            # As text: a log handler that keeps the error would keep the context alive.
            text = str(error)
            log.warning("no CUDA graph for %d faces (%s); running without graphs", rows, text)
            if graph is not None:
                graphs.destroy(graph)
            if context is not None:
                context.close()
            self._drop_graphs()
            self._graphs = None
            self._host[output][:rows] = expected
        else:
            self._captured[rows] = (graph, context)

    def _upload(self, driver: Any, rows: int) -> None:
        for tensor in self._tensors:
            if tensor.is_input:
                host = self._host[tensor.name][:rows]
                driver.memcpy_htod_async(self._gpu[tensor.name], host, self._stream)

    def _download(self, driver: Any, rows: int) -> None:
        name = self._output.name
        driver.memcpy_dtoh_async(self._host[name][:rows], self._gpu[name], self._stream)
