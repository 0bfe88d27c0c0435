"""Step timer: where a step's time goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn


class StepTimer:
    """Time by part; a part inside another one counts only as itself.

    Args:
        clock: in seconds.
        wait: a GPU works on after a call has returned. With its device here each part ends when
            the GPU has done it; without, its work counts where the program next waits for it.
    """

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, wait: torch.device | None = None
    ) -> None:
        self.clock = clock
        self.seconds: dict[str, float] = {}
        self._open: list[str] = []
        self._since = 0.0
        self._wait = wait if wait is not None and wait.type == "cuda" else None

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        self._enter(part)
        try:
            yield
        finally:
            self._leave()

    def watch(self, part: str, module: nn.Module) -> None:
        """Counts the module's forward passes, and its backward passes to its inputs."""
        module.register_forward_pre_hook(lambda *_: self._enter(part))
        module.register_forward_hook(lambda *_: self._leave())
        module.register_full_backward_pre_hook(lambda *_: self._enter(part))
        module.register_full_backward_hook(lambda *_: self._leave())

    def shares(self) -> dict[str, float]:
        """Each part's share of the time since the last call."""
        total = sum(self.seconds.values()) or 1.0
        shares = {part: seconds / total for part, seconds in self.seconds.items()}
        self.seconds = {}
        return shares

    def _enter(self, part: str) -> None:
        self._count()
        self._open.append(part)

    def _leave(self) -> None:
        self._count()
        self._open.pop()

    def _count(self) -> None:
        if self._wait is not None:
            torch.cuda.synchronize(self._wait)
        now = self.clock()
        if self._open:
            part = self._open[-1]
            self.seconds[part] = self.seconds.get(part, 0.0) + now - self._since
        self._since = now
