"""Build monitor: log, progress and Ctrl-C of an engine build."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Report = Callable[[str, float], None]
"""Gets the name of the builder's phase and the share of the build that is done, 0 to 1."""


def logger(trt: Any, log: list[str]) -> Any:
    wanted = (trt.ILogger.INTERNAL_ERROR, trt.ILogger.ERROR, trt.ILogger.WARNING)

    class Keep(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in wanted:
                log.append(message)

    return Keep()


def monitor(trt: Any, report: Report | None) -> Any:
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


def interruptible(work: Callable[[], Any], monitor: Any) -> Any:
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


def words(messages: list[str]) -> str:
    """The last messages of a log, in one line."""
    return "; ".join(" ".join(message.split()) for message in messages[-3:]) or "no reason given"
