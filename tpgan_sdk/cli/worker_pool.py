"""Worker pool: a function mapped over items in several processes, results in order.

Processes, not threads: a detector may hold Python's lock while it looks, as yuface does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import Any, Final, TypeVar

from ..errors import TPGANError
from ..system.cores import OVERRIDE, usable_cores
from ..system.opencv import load_opencv

Given = TypeVar("Given")
Made = TypeVar("Made")

INPUTS_EACH: Final = 16
"""A worker starts in the time of about this many photos: for fewer it is not worth while."""


class NoWorkersError(TPGANError):
    """This system starts no worker processes."""


def default_workers(inputs: int, device: str) -> int:
    """How many workers to start where the user does not say.

    One core each on a CPU; a GPU's memory would hold the model once for each.
    """
    return max(1, min(usable_cores(), inputs // INPUTS_EACH)) if device == "cpu" else 1


def _fail(item: object, reason: str) -> Any:
    raise TPGANError(f"{reason}. What was written so far is kept")


@contextmanager
def map_in_processes(
    make: Callable[[], Callable[[Given], Made]],
    items: Iterable[Given],
    workers: int,
    lost: Callable[[Given, str], Made] = _fail,
) -> Iterator[Iterator[Made]]:
    """What worker processes make of the items, in the items' order.

    Args:
        make: is called once in each worker; it, the items and what comes of them are pickled.
        workers: processes, which share the cores out among them.
        lost: what stands for an item whose worker ended over it, from the item and the reason; the
            others go on, with a new worker. By default a TPGANError is raised.

    Raises:
        NoWorkersError: on entering: none can be started.
        TPGANError: from the iterator: every worker has ended before it took its first item.
    """
    team: list[_Worker] = []
    with _one_interrupt():
        try:
            try:
                for cores, threads in zip(
                    core_shares(workers), thread_shares(workers), strict=True
                ):
                    team.append(_Worker(make, cores, threads))
            except OSError as error:  # no file handle or process left
                raise NoWorkersError(
                    f"no worker processes can be started here ({error}): they need a few dozen "
                    "open files (ulimit -n) and processes (ulimit -u)"
                ) from error
            yield _results(team, items, lost)
        finally:
            for worker in team:
                worker.connection.close()
            for worker in team:
                worker.process.join()


class _Worker:
    """A process that has one item in hand at most: where it dies, it is known of which."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments
        self.start()

    def start(self) -> None:
        """Raises OSError where the system starts none."""
        resource_tracker.ensure_running()  # started with the process, it would let Ctrl-C through
        context = multiprocessing.get_context("spawn")  # a fork would copy locks that threads hold
        self.connection, other = context.Pipe()
        self.in_hand: tuple[int, Any] | None = None
        self.expected = True  # to say something: first that it is open
        self.process = context.Process(target=_serve, args=(other, *self._arguments))
        try:
            with _interrupts_held_back():
                self.process.start()
        except BaseException:
            self.connection.close()
            raise
        finally:
            other.close()  # what the process holds is then the last: it closes with it

    def give(self, item: tuple[int, Any] | None) -> None:
        """None: there is no more to do."""
        self.in_hand, self.expected = item, item is not None
        if item:
            with suppress(OSError):  # it is dead, which shows where its answer is read
                self.connection.send(item[1])

    def ended(self) -> str:
        """Why, in words."""
        self.connection.close()
        self.process.join()
        code = self.process.exitcode or 0
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"a worker process has ended ({how}); if memory ran out, use fewer --workers"


def _results(
    team: list[_Worker], items: Iterable[Given], lost: Callable[[Given, str], Made]
) -> Iterator[Made]:
    todo = enumerate(items)
    done: dict[int, Made] = {}
    number, reason = 0, ""
    while expected := {worker.connection: worker for worker in team if worker.expected}:
        for connection in wait(list(expected), 0 if number in done else None):
            worker = expected[connection]  # type: ignore[index]
            try:
                fault, answer = worker.connection.recv()
            except (EOFError, OSError):
                reason = worker.ended()
                if worker.in_hand is None:  # it would end again
                    team.remove(worker)
                    continue
                done[worker.in_hand[0]] = lost(worker.in_hand[1], reason)
                try:
                    worker.start()
                except OSError:
                    team.remove(worker)
                continue
            if fault:
                raise answer
            if worker.in_hand:
                done[worker.in_hand[0]] = answer
            worker.give(next(todo, None))
        if number in done:
            yield done.pop(number)
            number += 1
    for number in sorted(done):
        yield done[number]
    for _, item in todo:
        _fail(item, reason)


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


def _serve(
    connection: Any, make: Callable[[], Callable[[Any], Any]], cores: list[int], threads: int
) -> None:
    """Of a worker: answers each item with (whether it failed, result or error)."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if cores:
        os.sched_setaffinity(0, cores)
    # Runtimes start a thread for each core that they see.
    os.environ[OVERRIDE] = str(threads)
    load_opencv().setNumThreads(threads)
    call = make()
    answer: tuple[bool, Any] = False, None  # it is open
    with suppress(EOFError, OSError):  # nobody listens any more
        while True:
            connection.send(answer)
            item = connection.recv()
            try:
                answer = False, call(item)
            except Exception as error:
                answer = True, error


def _end_with_parent() -> None:
    """A parent that is killed ends no worker, and each holds a model."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
