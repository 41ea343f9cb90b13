"""Stale synchronous parallel (SSP): nobody gets too far ahead of the slowest.

Ho et al., "More effective distributed ML via a stale synchronous parallel parameter server", NIPS
2013.

A worker's clock counts its gradients that were applied. One at clock c waits before it reads
while c − (the slowest member's clock) > s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from asysim.coordination.base import Coordination, Desk
from asysim.coordination.flight import Flight


class StaleSynchronous(Coordination):
    """Nobody gets more than so many gradients ahead of the slowest.

    Parameters
    ----------
    desk
        What it acts on.
    slack
        s.
    """

    def __init__(self, desk: Desk, *, slack: int) -> None:
        super().__init__(desk)
        self._slack = slack
        self._clocks: dict[int, int] = {}
        self._at: Counter[int] = Counter()  # how many workers are at each clock
        self._slowest = 0

    def ask(self, worker: int) -> None:
        if worker not in self._clocks:
            # One that joins later begins with the slowest.
            self._clocks[worker] = self._slowest
            self._at[self._slowest] += 1
        if self._clocks[worker] - self._slowest > self._slack:
            self.waiting[worker] = None
        else:
            self.desk.grant(worker)

    def arrive(self, flight: Flight) -> None:
        self.desk.fold(flight)
        self.desk.make_update()
        clock = self._clocks[flight.worker]
        self._clocks[flight.worker] = clock + 1
        self._at[clock] -= 1
        self._at[clock + 1] += 1
        self._catch_up()
        self.desk.free(flight.worker)

    def leave(self, worker: int) -> None:
        if worker in self._clocks:
            self._at[self._clocks.pop(worker)] -= 1
            self._catch_up()

    def awaited(self, worker: int) -> Iterable[int]:
        limit = self._clocks.get(worker, 0) - self._slack
        return [w for w, clock in self._clocks.items() if clock < limit]

    def _catch_up(self) -> None:
        """Find the slowest clock anew, and let those read whom it allows to."""
        if self._at[self._slowest] or not self._clocks:
            return
        while not self._at[self._slowest]:
            del self._at[self._slowest]
            self._slowest += 1
        for worker in [w for w in self.waiting if self._clocks[w] - self._slowest <= self._slack]:
            del self.waiting[worker]
            self.desk.grant(worker)
