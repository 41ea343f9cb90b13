"""Round robin: Langford, Smola & Zinkevich, "Slow learners are fast", NIPS 2009.

Gradients are applied in the order 0, 1, …, p − 1, 0, …; one that is early waits for its turn, and
its worker with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from asysim.coordination.base import Coordination, Crew, ParameterServer, Settings
from asysim.coordination.flight import Flight
from asysim.coordination.machine import names as n
from asysim.coordination.machine.actions import fold, free, make_update
from asysim.coordination.machine.hooks import Hooks
from asysim.coordination.machine.records import worker_at
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled


class RoundRobin(Settings):
    """Gradients are applied in turn, 0 … p − 1; who is early waits (Langford et al. 2009)."""

    kind: Literal["round-robin"]

    papers = ("langford2009slow",)
    applies_all = True
    in_turn = True

    @classmethod
    def variants(cls, crew: Crew) -> Sequence[Settings]:  # noqa: ARG003
        return (cls(kind="round-robin"),)

    def rule(self, server: ParameterServer, workers: int) -> Coordination:  # noqa: ARG002
        return RoundRobinRule(server)

    def hooks(self) -> Hooks:
        return Hooks(arrive, leave=arrive, awaited=lambda m, *_: [int(m[TURN])])

    def update_size(self, workers: int) -> int:  # noqa: ARG002
        return 1

    def most_staleness(self, workers: int) -> int:
        return workers - 1  # until its turn comes again, each of the others has one


class RoundRobinRule(Coordination):
    """Everybody in turn.

    Parameters
    ----------
    server
        What it acts on.
    """

    def __init__(self, server: ParameterServer) -> None:
        super().__init__(server)
        self._parked: dict[int, Flight] = {}
        self._turn = 0

    def arrive(self, flight: Flight) -> None:
        self._parked[flight.worker] = flight
        self._go_on()

    def leave(self, worker: int) -> None:  # noqa: ARG002
        self._go_on()

    def awaited(self, worker: int) -> Iterable[int]:  # noqa: ARG002
        return [self._turn]

    def _go_on(self) -> None:
        server = self.server
        while server.members:
            if self._turn not in server.members:
                self._turn = min(server.members, key=lambda worker: (worker < self._turn, worker))
            if self._turn not in self._parked:
                return
            worker = self._turn
            server.fold(self._parked.pop(worker))
            server.make_update()
            self._turn += 1
            server.free(worker)


(TURN,) = n.own(1)


@compiled
def arrive(m: Ints, _: int) -> None:
    workers = m[n.WORKER_COUNT]
    while m[n.MEMBERS] > 0:
        while m[TURN] >= workers or not m[worker_at(m, m[TURN]) + n.MEMBER]:
            m[TURN] = m[TURN] + 1 if m[TURN] < workers else 0
        worker = worker_at(m, m[TURN])
        flight = m[worker + n.FLIGHT]
        if flight == n.NOBODY or not m[flight + n.IS_SERVED]:
            return
        fold(m, flight)
        make_update(m)
        m[TURN] += 1
        free(m, worker)
