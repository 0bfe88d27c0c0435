"""Worker pool: a function mapped over items in several processes, results in order.

Processes, not threads: a detector may hold Python's lock while it looks, as yuface does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from ..errors import TPGANError
from ..system.cores import OVERRIDE, usable_cores
from ..system.opencv import load_opencv

Given = TypeVar("Given")
Made = TypeVar("Made")

INPUTS_EACH: Final = 16
"""A worker starts in the time of about this many photos: for fewer it is not worth while."""

# Of this process, where it is a worker.
_call: Callable[[Any], Any]


class NoWorkersError(TPGANError):
    """This system starts no worker processes."""


def default_workers(inputs: int, device: str) -> int:
    """How many workers to start where the user does not say.

    One core each on a CPU; a GPU's memory would hold the model once for each.
    """
    return max(1, min(usable_cores(), inputs // INPUTS_EACH)) if device == "cpu" else 1


@contextmanager
def map_in_processes(
    make: Callable[[], Callable[[Given], Made]], items: Iterable[Given], workers: int
) -> Iterator[Iterator[Made]]:
    """What worker processes make of the items, in the items' order.

    Args:
        make: is called once in each worker; it, the items and what comes of them are pickled.
        workers: processes, which share the cores out among them.

    Raises:
        NoWorkersError: on entering: none can be started.
        TPGANError: from the iterator: a worker has ended.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy locks that threads hold
    pool: ProcessPoolExecutor | None = None
    with _one_interrupt():
        try:
            try:
                shares = context.SimpleQueue()
                for share in zip(core_shares(workers), thread_shares(workers), strict=True):
                    shares.put(share)
                pool = ProcessPoolExecutor(workers, context, _begin, (shares, make))
                with _interrupts_held_back():
                    results = pool.map(_work, items)  # starts the workers
            # No semaphores (serverless platforms), no file handle or process left: what is raised
            # depends on where that shows.
            except (OSError, ImportError, NotImplementedError) as error:
                raise NoWorkersError(
                    f"no worker processes can be started here ({error}): they need POSIX "
                    "semaphores (/dev/shm), a few dozen open files (ulimit -n) and processes "
                    "(ulimit -u)"
                ) from error
            yield _checked(results)
        finally:
            if pool:
                pool.shutdown(cancel_futures=True)


def core_shares(workers: int) -> list[list[int]]:
    """The numbers of the cores that each worker keeps to; more workers than cores take turns.

    Empty where it keeps to none: under a CPU quota the system gives time on any core, and every
    container here would choose the same ones.
    """
    cores = _cores()
    if len(cores) != usable_cores():
        return [[]] * workers
    return [cores[n::workers] or [cores[n % len(cores)]] for n in range(workers)]


def thread_shares(workers: int) -> list[int]:
    """How many threads each worker computes with."""
    return [max(1, len(range(n, usable_cores(), workers))) for n in range(workers)]


def _cores() -> list[int]:
    # Not on every system.
    affinity = getattr(os, "sched_getaffinity", None)
    return sorted(affinity(0)) if affinity else []


@contextmanager
def _one_interrupt() -> Iterator[None]:
    """A second Ctrl-C does nothing: inside a pool's shutdown it would leave the workers waiting
    for ever, and this process for them."""

    interrupted = False

    def first(*_: object) -> None:
        nonlocal interrupted
        if interrupted:  # the second one came before the first could be dealt with
            return
        interrupted = True
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    ours = threading.current_thread() is threading.main_thread()
    if not (ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler):
        yield  # somebody else decides what Ctrl-C does
        return
    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Processes that are started meanwhile never see Ctrl-C: it is for their parent."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _checked(results: Iterator[Made]) -> Iterator[Made]:
    try:
        yield from results
    except BrokenProcessPool as error:
        raise TPGANError(
            f"a worker process has ended ({error}); expected memory for a model in each: use fewer "
            "--workers. What was written so far is kept"
        ) from None


def _begin(shares: Any, make: Callable[[], Callable[[Any], Any]]) -> None:
    """Of a worker."""
    global _call
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cores, threads = shares.get()
    if cores:
        os.sched_setaffinity(0, cores)
    # Runtimes start a thread for each core that they see.
    os.environ[OVERRIDE] = str(threads)
    load_opencv().setNumThreads(threads)
    _call = make()


def _end_with_parent() -> None:
    """A parent that is killed ends no worker, and each holds a model."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(item: Any) -> Any:
    return _call(item)
