"""Stale synchronous parallel (SSP): nobody gets too far ahead of the slowest.

Ho et al., "More effective distributed ML via a stale synchronous parallel parameter server", NIPS
2013.

A worker's clock counts its gradients that were applied. One at clock c waits before it reads
while c − (the slowest member's clock) > s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from asysim.coordination.base import Coordination, Crew, ParameterServer, Settings
from asysim.coordination.flight import Flight
from asysim.coordination.machine import names as n
from asysim.coordination.machine.actions import fold, free, grant, make_update
from asysim.coordination.machine.hooks import Hooks
from asysim.coordination.machine.records import (
    after,
    first_of,
    link,
    unlink,
    worker_at,
    workers_of,
)
from asysim.ground.arrays import Ints
from asysim.ground.ranges import WholeNumber
from asysim.jit.compiler import compiled


class StaleSynchronous(Settings):
    """SSP: no worker is more than `slack` gradients ahead of the slowest (Ho et al. 2013)."""

    kind: Literal["ssp"]
    slack: WholeNumber
    """s: a worker at clock c waits while c − slowest > s"""

    papers = ("ho2013more",)
    reacts_to_staleness = True

    @classmethod
    def variants(cls, crew: Crew) -> Sequence[Settings]:  # noqa: ARG003
        # In a worker's own gradients: how many workers there are does not matter.
        return [cls(kind="ssp", slack=s) for s in (1, 4, 16)]

    def rule(self, server: ParameterServer, workers: int) -> Coordination:  # noqa: ARG002
        return StaleSynchronousRule(server, slack=self.slack)

    def hooks(self) -> Hooks:
        return Hooks(arrive, ask=ask, leave=leave, awaited=awaited)

    def set_up(self, m: Ints) -> None:
        m[SLACK] = self.slack
        workers_of(m)[:, CLOCK] = n.NEVER

    def update_size(self, workers: int) -> int:  # noqa: ARG002
        return 1

    def most_staleness(self, workers: int) -> int:
        # When a worker at clock c reads, the others are at c − s or more; until it is applied,
        # none of them begins beyond c + s. So each applies at most 2s + 1.
        return (workers - 1) * (2 * self.slack + 1)


class StaleSynchronousRule(Coordination):
    """Nobody gets more than so many gradients ahead of the slowest.

    Parameters
    ----------
    server
        What it acts on.
    slack
        s.
    """

    def __init__(self, server: ParameterServer, *, slack: int) -> None:
        super().__init__(server)
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
            self.server.grant(worker)

    def arrive(self, flight: Flight) -> None:
        self.server.fold(flight)
        self.server.make_update()
        clock = self._clocks[flight.worker]
        self._clocks[flight.worker] = clock + 1
        self._at[clock] -= 1
        self._at[clock + 1] += 1
        self._catch_up()
        self.server.free(flight.worker)

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
            self.server.grant(worker)


SLACK, SLOWEST, AT_SLOWEST, CLOCKS = n.own(4)  # CLOCKS: how many workers have one
(CLOCK,) = n.own_of_worker(1)  # −1 before it first asks, and after it has left


@compiled
def ask(m: Ints, worker: int) -> None:
    if m[worker + CLOCK] < 0:
        m[worker + CLOCK] = m[SLOWEST]
        m[AT_SLOWEST] += 1
        m[CLOCKS] += 1
    if m[worker + CLOCK] - m[SLOWEST] > m[SLACK]:
        link(m, n.WAITING, worker)
    else:
        grant(m, worker)


@compiled
def arrive(m: Ints, flight: int) -> None:
    worker = m[flight + n.WORKER]
    fold(m, flight)
    make_update(m)
    if m[worker + CLOCK] == m[SLOWEST]:
        m[AT_SLOWEST] -= 1
    m[worker + CLOCK] += 1
    _catch_up(m)
    free(m, worker)


@compiled
def leave(m: Ints, worker: int) -> None:
    if m[worker + CLOCK] < 0:
        return
    if m[worker + CLOCK] == m[SLOWEST]:
        m[AT_SLOWEST] -= 1
    m[worker + CLOCK] = n.NEVER
    m[CLOCKS] -= 1
    _catch_up(m)


def awaited(m: Ints, worker: int, members: list[int]) -> list[int]:  # noqa: ARG001
    clocks = workers_of(m)[:, CLOCK]
    limit = max(int(clocks[worker]), 0) - int(m[SLACK])
    return np.flatnonzero((clocks >= 0) & (clocks < limit)).tolist()


@compiled
def _catch_up(m: Ints) -> None:
    if m[AT_SLOWEST] > 0 or m[CLOCKS] == 0:
        return
    for place in range(m[n.WORKER_COUNT]):
        worker = worker_at(m, place)
        clock = m[worker + CLOCK]
        if clock >= 0 and (m[AT_SLOWEST] == 0 or clock < m[SLOWEST]):
            m[SLOWEST], m[AT_SLOWEST] = clock, 1
        elif clock == m[SLOWEST]:
            m[AT_SLOWEST] += 1
    worker = first_of(m, n.WAITING)
    while worker != n.NOBODY:
        later = after(m, n.WAITING, worker)
        if m[worker + CLOCK] - m[SLOWEST] <= m[SLACK]:
            unlink(m, n.WAITING, worker)
            grant(m, worker)
        worker = later
