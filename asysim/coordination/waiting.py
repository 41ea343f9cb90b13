"""The staleness bound T of Lian et al. 2015: workers wait so that no gradient is too old."""

from __future__ import annotations

from typing import Any, Literal

from asysim.coordination import bound as deadlines
from asysim.coordination.base import Coordination, ParameterServer, Plain, Settings
from asysim.coordination.bound import Deadlines
from asysim.coordination.flight import Flight
from asysim.coordination.machine import names as n
from asysim.coordination.machine.actions import apply, free, grant
from asysim.coordination.machine.hooks import Hooks
from asysim.coordination.machine.records import after, first_of, link, unlink
from asysim.ground.arrays import Ints
from asysim.ground.ranges import KeptCount, WholeNumber
from asysim.jit.compiler import compiled


class Waiting(Settings):
    """What `algorithm.staleness_bound` comes to with `beyond_bound` = "wait"."""

    kind: Literal["waiting"] = "waiting"
    bound: WholeNumber
    gradients: KeptCount

    reacts_to_staleness = True

    def rule(self, server: ParameterServer, workers: int) -> Coordination:  # noqa: ARG002
        return WaitingRule(server, bound=self.bound, per_update=self.gradients)

    def hooks(self) -> Hooks:
        return Hooks(arrive, ask=ask, dropped=dropped, renewed=renewed)

    def set_up(self, m: Ints) -> None:
        m[BOUND], m[PER_UPDATE] = self.bound, self.gradients

    def plain(self) -> Plain:
        return {"gradients_per_update": self.gradients, "bound": self.bound, "beyond": "wait"}

    def update_size(self, workers: int) -> int:  # noqa: ARG002
        return self.gradients


class WaitingRule(Coordination):
    """Workers wait, to read or to be applied, so that no gradient comes too late.

    Parameters
    ----------
    server
        What it acts on.
    bound
        T.
    per_update
        c, gradients in an update.
    """

    def __init__(self, server: ParameterServer, *, bound: int, per_update: int = 1) -> None:
        super().__init__(server)
        self._deadlines = Deadlines(bound, per_update)
        self._per_update = per_update
        self._parked: list[Flight] = []
        self._settling = False

    def ask(self, worker: int) -> None:
        self.waiting[worker] = None
        self._settle()

    def arrive(self, flight: Flight) -> None:
        self._parked.append(flight)
        self._settle()

    def dropped(self, flight: Flight) -> None:
        self._deadlines.remove(flight.version)
        self._settle()

    def renewed(self, flight: Flight, since: int) -> None:
        # Until now it was reckoned with the least that its version could be.
        self._deadlines.remove(since)
        self._deadlines.add(flight.version)
        self._settle()

    def _settle(self) -> None:
        """Let workers go on as far as T allows: readers first, each group in order of asking."""
        if self._settling:
            return
        self._settling = going = True
        while going:
            going = False
            while self.waiting and self._deadlines.admits_read(
                self.server.update, self.server.update, self.server.gathered
            ):
                worker = next(iter(self.waiting))
                del self.waiting[worker]
                self._deadlines.add(self.server.update)
                self.server.grant(worker)
            going = self._apply_one()
        self._settling = False

    def _apply_one(self) -> bool:
        server = self.server
        for flight in self._parked:
            if self._deadlines.admits_update(flight.version, server.update, server.gathered):
                self._parked.remove(flight)
                self._deadlines.remove(flight.version)
                server.fold(flight)
                if server.gathered == self._per_update:
                    server.make_update()
                server.free(flight.worker)
                return True
        return False


BOUND, PER_UPDATE, UNDER_WAY, SETTLING = n.own(4)
"""UNDER_WAY: so many gradients are, whose versions are in order at m[ROOM]."""


@compiled
def ask(m: Ints, worker: int) -> None:
    link(m, n.WAITING, worker)
    _settle(m)


@compiled
def arrive(m: Ints, flight: int) -> None:
    link(m, n.PARKED, m[flight + n.WORKER])
    _settle(m)


@compiled
def dropped(m: Ints, flight: int) -> None:
    m[UNDER_WAY] = deadlines.remove(_versions(m), m[UNDER_WAY], m[flight + n.VERSION])
    _settle(m)


@compiled
def renewed(m: Ints, flight: int, since: int) -> None:
    m[UNDER_WAY] = deadlines.remove(_versions(m), m[UNDER_WAY], since)
    m[UNDER_WAY] = deadlines.add(_versions(m), m[UNDER_WAY], m[flight + n.VERSION])
    _settle(m)


@compiled
def _settle(m: Ints) -> None:
    if m[SETTLING]:
        return
    m[SETTLING] = 1
    versions, bound, per_update = _versions(m), m[BOUND], m[PER_UPDATE]
    while True:
        while first_of(m, n.WAITING) != n.NOBODY and deadlines.admits_read(
            versions, m[UNDER_WAY], m[n.UPDATE], m[n.UPDATE], m[n.GATHERED], bound, per_update
        ):
            worker = first_of(m, n.WAITING)
            unlink(m, n.WAITING, worker)
            m[UNDER_WAY] = deadlines.add(versions, m[UNDER_WAY], m[n.UPDATE])
            grant(m, worker)
        worker = first_of(m, n.PARKED)
        while worker != n.NOBODY and not deadlines.admits_update(
            versions, m[UNDER_WAY], m[m[worker + n.FLIGHT] + n.VERSION], m[n.UPDATE],
            m[n.GATHERED], bound, per_update,
        ):  # fmt: skip
            worker = after(m, n.PARKED, worker)
        if worker == n.NOBODY:
            break
        flight = m[worker + n.FLIGHT]
        unlink(m, n.PARKED, worker)
        m[UNDER_WAY] = deadlines.remove(versions, m[UNDER_WAY], m[flight + n.VERSION])
        apply(m, flight, per_update)
        free(m, worker)
    m[SETTLING] = 0


@compiled
def _versions(m: Ints) -> Any:
    return m[m[n.ROOM] : m[n.ROOM] + m[n.WORKER_COUNT] + 1]
