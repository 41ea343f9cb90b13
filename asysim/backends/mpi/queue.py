"""The emulated server's queue: gradients are served in order of arrival, one at a time."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import NamedTuple

from asysim.backends.mpi.messages import Message


class Service(NamedTuple):
    """A gradient being served; instants in nanoseconds, as they are due."""

    finish: int
    arrived: int
    worker: int
    gradient: Message


class Queue:
    """Gradients that have arrived, and when the server, which is only emulated, is through.

    When a service begins follows from what is due, not from when somebody noticed.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, int, Message]] = []
        self._serving: Service | None = None
        self._free = 0

    def __bool__(self) -> bool:
        return bool(self._waiting) or self._serving is not None

    def push(self, arrived: int, worker: int, gradient: Message, takes: int) -> None:
        """Let a gradient wait for its turn; serving it takes so long."""
        heappush(self._waiting, (arrived, worker, takes, gradient))

    def pop(self, now: int) -> Service | None:
        """Return the next gradient that has been served by now, if there is one."""
        if self._serving is None and self._waiting:
            arrived, worker, takes, gradient = self._waiting[0]
            start = max(arrived, self._free)
            if start <= now:
                heappop(self._waiting)
                self._serving = Service(start + takes, arrived, worker, gradient)
        serving = self._serving
        if serving is None or serving.finish > now:
            return None
        self._serving, self._free = None, serving.finish
        return serving
