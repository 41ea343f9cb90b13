"""Gradients that are too old are dropped: the staleness bound T without waiting, and Ringmaster.

The bound T of Lian et al. 2015, enforced by dropping a gradient whose delay is beyond T when it
arrives, or by stopping it as soon as it is. These are also the two variants of Ringmaster ASGD
(Maranjyan, Tyurin & Richtárik 2025), with R = T + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from asysim.coordination.base import Coordination, Crew, ParameterServer, Plain, Settings, Stopping
from asysim.coordination.flight import Flight
from asysim.coordination.machine import names as n
from asysim.coordination.machine.actions import apply, discard, free
from asysim.coordination.machine.hooks import Hooks
from asysim.coordination.machine.records import after, first_of
from asysim.ground.arrays import Ints
from asysim.ground.ranges import Count, KeptCount, WholeNumber
from asysim.jit.compiler import compiled


class Dropping(Settings):
    """What `algorithm.staleness_bound` comes to with `beyond_bound` = "discard" or "restart"."""

    kind: Literal["dropping"] = "dropping"
    bound: WholeNumber
    gradients: KeptCount
    stop: bool

    reacts_to_staleness = True

    def rule(self, server: ParameterServer, workers: int) -> Coordination:  # noqa: ARG002
        return DroppingRule(server, bound=self.bound, per_update=self.gradients, stop=self.stop)

    def hooks(self) -> Hooks:
        return Hooks(arrive)

    def set_up(self, m: Ints) -> None:
        m[BOUND], m[PER_UPDATE], m[STOPS] = self.bound, self.gradients, self.stop

    def plain(self) -> Plain | None:
        if self.stop:
            return None
        return {"gradients_per_update": self.gradients, "bound": self.bound, "beyond": "discard"}

    def update_size(self, workers: int) -> int:  # noqa: ARG002
        return self.gradients

    def most_staleness(self, workers: int) -> int:  # noqa: ARG002
        return self.bound

    def stopping(self) -> Stopping | None:
        if not self.stop:
            return None
        return Stopping("algorithm.beyond_bound", '"restart"', 'should be "wait" or "discard"')


class Ringmaster(Settings):
    """A gradient whose delay reaches R is dropped (Maranjyan, Tyurin & Richtárik 2025)."""

    kind: Literal["ringmaster"]
    delay: Count
    """R: only delays 0 … R − 1 are applied"""
    late: Literal["ignore", "stop"] = "ignore"
    """dropped when it arrives, or stopped as soon as the delay reaches R, and begun anew at x"""

    papers = ("maranjyan2025ringmaster",)
    asks_at_once = True
    reacts_to_staleness = True
    instead_of_bound = "delay is that bound + 1"

    @classmethod
    def variants(cls, crew: Crew) -> Sequence[Settings]:
        # Delays are p − 1 on average: R = 2p drops little but what stragglers send.
        return [
            cls(kind="ringmaster", delay=r, late=late)
            for late in ("stop", "ignore")
            for r in crew.parts(1 / 4, 1 / 2, 1, 2)
        ]

    @property
    def _dropping(self) -> Dropping:
        return Dropping(bound=self.delay - 1, gradients=1, stop=self.late == "stop")

    def rule(self, server: ParameterServer, workers: int) -> Coordination:
        return self._dropping.rule(server, workers)

    def hooks(self) -> Hooks:
        return Hooks(arrive)

    def set_up(self, m: Ints) -> None:
        self._dropping.set_up(m)

    def plain(self) -> Plain | None:
        return self._dropping.plain()

    def update_size(self, workers: int) -> int:  # noqa: ARG002
        return 1

    def most_staleness(self, workers: int) -> int:
        return self._dropping.most_staleness(workers)

    def stopping(self) -> Stopping | None:
        if self.late == "ignore":
            return None
        return Stopping("coordination.late", '"stop"', 'should be "ignore"')


class DroppingRule(Coordination):
    """A gradient that is too old is dropped.

    Parameters
    ----------
    server
        What it acts on.
    bound
        T.
    per_update
        c, gradients in an update.
    stop
        Whether a worker is stopped as soon as its gradient is too old, and reads anew.
    """

    def __init__(
        self, server: ParameterServer, *, bound: int, per_update: int = 1, stop: bool = False
    ) -> None:
        super().__init__(server)
        self._bound, self._per_update, self._stop = bound, per_update, stop

    def arrive(self, flight: Flight) -> None:
        server = self.server
        if server.update - flight.version > self._bound:
            server.discard(flight)
        else:
            server.fold(flight)
            if server.gathered == self._per_update:
                server.make_update()
                if self._stop:
                    self._stop_old()
        server.free(flight.worker)

    def _stop_old(self) -> None:
        server = self.server
        late = []
        for worker, flight in server.flights.items():
            if flight.version >= server.update - self._bound or not flight.has_read:
                break  # the oldest read comes first, and those that are yet to come last
            late.append(worker)
        for worker in late:
            server.stop(worker)
        for worker in late:
            server.free(worker)


BOUND, PER_UPDATE, STOPS = n.own(3)


@compiled
def arrive(m: Ints, flight: int) -> None:
    worker = m[flight + n.WORKER]
    if m[n.UPDATE] - m[flight + n.VERSION] > m[BOUND]:
        discard(m, flight)
    elif apply(m, flight, m[PER_UPDATE]) and m[STOPS]:
        _stop_old(m)
    free(m, worker)


@compiled
def _stop_old(m: Ints) -> None:
    # All are stopped before one reads anew; meanwhile they are noted in the spare room.
    begin, end = m[n.ROOM], m[n.ROOM]
    worker = first_of(m, n.IN_FLIGHT)
    while worker != n.NOBODY:
        flight = m[worker + n.FLIGHT]
        if m[flight + n.VERSION] >= m[n.UPDATE] - m[BOUND] or m[flight + n.READ] < 0:
            break
        later = after(m, n.IN_FLIGHT, worker)
        discard(m, flight)
        m[end] = worker
        end += 1
        worker = later
    for place in range(begin, end):
        free(m, m[place])
