"""Emulation: each gradient and message takes the time that the scenario's laws say, by waiting.

What is due when follows from what was due before, not from when somebody woke up: so a sleep that
lasts too long delays one step, and not all that come after it. Work that is not done when it is due
delays the rest, and is counted.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from asysim.backends.assignment import Assignment
from asysim.scenario import Scenario
from asysim.schedule.building import cluster_timing, memory_timing

_SPIN = 50_000  # nanoseconds at the end of a wait that are not slept away
_SLICE = 50_000_000  # nanoseconds that a long wait goes without looking up
_PR_SET_TIMERSLACK = 29


def sharpen() -> None:
    """Ask the system to wake this thread without the delay it allows itself by default (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def wait_until(instant: int, ends: Callable[[], bool] | None = None) -> int:
    """Sleep until an instant of `time.monotonic_ns`; return how much later it is, in ns.

    In a long wait it is asked now and then whether it ends before; then what is returned is
    negative.
    """
    while (left := instant - time.monotonic_ns()) > 0:
        if ends is not None and left > 2 * _SLICE:
            time.sleep(_SLICE * 1e-9)
            if ends():
                break
        elif left > _SPIN:
            time.sleep((left - _SPIN) * 1e-9)
        # else: another turn of this loop takes less than a system call
    return -left


class Round(NamedTuple):
    """How long a gradient's way round takes: to pull, compute, push and be served; nanoseconds."""

    pull: int
    compute: int
    push: int
    service: int

    def way(self, granted: int, done: int) -> tuple[int, int, int, int]:
        """Return when x is in hand, the gradient done, and at the server; and how late it is.

        It was granted at one instant, and computed by another.
        """
        ready = granted + self.pull
        done, late = settled(ready + self.compute, done)
        return ready, done, done + self.push, late


def settled(due: int, done: int) -> tuple[int, int]:
    """Return when what is done by now counts as done, and by how much it is late.

    It does when it is due, if it is in time.
    """
    return max(due, done), max(0, done - due)


def rounds(scenario: Scenario, dimension: int, worker: int) -> Iterator[Round]:
    """Return a worker's ways round, draw by draw: the very draws that a simulation makes.

    The first is made already: laws take a while to begin.
    """
    found = _rounds(scenario, dimension, worker)
    return chain([next(found)], found)


def _rounds(scenario: Scenario, dimension: int, worker: int) -> Iterator[Round]:
    if scenario.algorithm.name == "asysg-incon":
        for _, _, compute, _, _ in memory_timing(scenario, dimension).rounds(worker):
            yield Round(0, compute, 0, 0)
    else:
        for _, ready, done, arrived, service in cluster_timing(scenario, dimension).rounds(worker):
            yield Round(ready, done - ready, arrived - done, service)


@dataclass
class Accuracy:
    """How well one worker's waits went, counted in nanoseconds."""

    overshoots: list[int] = field(default_factory=list)  # by how much each wait was too long
    late: int = 0  # gradients that were not done when they were due
    slip: int = 0  # by how much, in all

    def note_wait(self, overshoot: int) -> None:
        """Count a wait."""
        self.overshoots.append(overshoot)

    def note_late(self, by: int) -> None:
        """Count a gradient that was not done in time, if it is late at all."""
        self.late += by > 0
        self.slip += by


def report(accuracies: list[Accuracy]) -> dict[str, Any]:
    """Return what a manifest says of the waits of all workers."""
    overshoots = np.array([o for a in accuracies for o in a.overshoots], dtype=np.float64)
    some = overshoots if len(overshoots) else np.zeros(1)
    return {
        "waits": len(overshoots),
        "overshoot_median_us": round(float(np.median(some)) / 1e3, 1),
        "overshoot_99_us": round(float(np.quantile(some, 0.99)) / 1e3, 1),
        "late_gradients": sum(a.late for a in accuracies),
        "slip_seconds": sum(a.slip for a in accuracies) * 1e-9,
    }


class Service(NamedTuple):
    """A gradient being served; instants in nanoseconds, as they are due."""

    finish: int
    arrived: int
    worker: int
    gradient: Any


class Queue:
    """Gradients that have arrived, and when the server, which is only emulated, is through.

    They are served in order of arrival, one at a time. When a service begins follows from what is
    due, not from when somebody noticed.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, int, Any]] = []
        self._serving: Service | None = None
        self._free = 0

    def __bool__(self) -> bool:
        return bool(self._waiting) or self._serving is not None

    def push(self, arrived: int, worker: int, gradient: Any, takes: int) -> None:
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


class EmulatedServer:
    """What is due when, between a server and workers that are faster than the scenario says.

    Parameters
    ----------
    assignment
        What is to be done.
    real
        The clock that waits go by.
    """

    def __init__(self, assignment: Assignment, real: Callable[[], int]) -> None:
        self._real, self._now = real, 0
        self._queue = Queue()
        self._ways = [
            rounds(assignment.scenario, assignment.dimension, w) for w in range(assignment.workers)
        ]
        self._round = [Round(0, 0, 0, 0)] * assignment.workers
        self._due: dict[int, int] = {}  # when gradients under way are to be here

    def clock(self) -> int:
        """Return the instant at which what happens now was due."""
        return self._now

    def grant(self, worker: int, read: int) -> int:
        """Note a read of x, and return how many nanoseconds its gradient takes until it is here."""
        pull, compute, push, _ = self._round[worker] = next(self._ways[worker])
        takes = pull + compute + push
        self._due[worker] = read + takes
        return takes

    def receive(self, worker: int, arrived: int, gradient: Any) -> None:
        """Put a gradient that has come into the queue."""
        del self._due[worker]
        self._queue.push(arrived, worker, gradient, self._round[worker].service)

    def served(self) -> Service | None:
        """Return a gradient that has been served by now; then its end of service is now."""
        served = self._queue.pop(self._real())
        if served is not None:
            self._now = served.finish
        return served

    def past(self, deadline: int) -> bool:
        """Whether it is later than that, and nothing will have been served before it."""
        if self._real() <= deadline or self._queue:
            return False
        return all(due > deadline for due in self._due.values())
