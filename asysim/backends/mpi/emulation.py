"""The server's side of emulation: what is due when, and how well that was kept."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from asysim.backends import padding
from asysim.backends.mpi.clocks import Clock
from asysim.backends.mpi.messages import Message, Pool
from asysim.backends.mpi.queue import Queue, Service
from asysim.backends.padding import Accuracy
from asysim.backends.plan import Plan
from asysim.scenario import Scenario

GRANTED, ARRIVED, OVERSHOOT, LATE = 1, 4, 5, 6
"""Words of a head: when x was due to be read; and in the answer, when the gradient was due to
arrive, by how much the wait for that was too long, and by how much it was not done in time."""


Rounds = Iterator[tuple[int, int, int, int]]
"""A worker's times to pull, compute and push, and the server's for it, draw by draw; in ns."""


def rounds(scenario: Scenario, dimension: int, worker: int) -> Rounds:
    """Return a worker's draws, the first of them made already: laws take a while to begin."""
    steps = padding.steps(scenario, dimension, worker)
    return chain([next(steps)], steps)


class Emulation:
    """Delays that the scenario's laws say, between a server and workers that are faster.

    Parameters
    ----------
    plan
        What is to be done.
    real
        The clock that waits go by.
    accuracies
        Where to count how well each worker's padding goes.
    """

    def __init__(self, plan: Plan, real: Clock, accuracies: list[Accuracy]) -> None:
        self._real, self._accuracies = real, accuracies
        self._now = 0
        self._queue = Queue()
        self._steps = [
            rounds(plan.scenario, plan.dimension, worker) for worker in range(plan.workers)
        ]
        self._round = [(0, 0, 0, 0)] * plan.workers
        self._copies: dict[int, Message] = {}
        self._due: dict[int, int] = {}  # when gradients under way are to be here

    def clock(self) -> int:
        """Return the instant at which what happens now was due."""
        return self._now

    def grant(self, worker: int, x: Message, read: int, pool: Pool) -> Message:
        """Return a copy of x that says when it was read."""
        self._round[worker] = next(self._steps[worker])
        self._due[worker] = read + self.takes(worker)
        copy = self._copies[worker] = pool.take()
        copy.body[:] = x.body
        copy.head[GRANTED] = read
        return copy

    def takes(self, worker: int) -> int:
        """Return how long a worker's gradient is to take until it is here, in nanoseconds."""
        pull, compute, push, _ = self._round[worker]
        return pull + compute + push

    def receive(self, worker: int, gradient: Message, pool: Pool) -> None:
        """Put a gradient that has come into the queue."""
        pool.put(self._copies.pop(worker))
        del self._due[worker]
        arrived, overshoot, late = gradient.head[[ARRIVED, OVERSHOOT, LATE]].tolist()
        accuracy = self._accuracies[worker]
        accuracy.note_wait(overshoot)
        if late > 0:
            accuracy.note_late(late)
        self._queue.push(arrived, worker, gradient, self._round[worker][3])

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
