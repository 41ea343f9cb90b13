"""Barriers: synchronous SGD, and synchronous SGD with backup workers.

Chen, Pan, Monga, Bengio & Jozefowicz, "Revisiting distributed synchronous SGD", 2016; K-sync SGD
of Dutta et al. 2018. An update is made of the first c gradients at its x, one of a worker. The
other workers are stopped at once (K-sync), or finish what they do, which is then dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from asysim.coordination.base import Coordination, Crew, ParameterServer, Settings, Stopping
from asysim.coordination.flight import Flight
from asysim.coordination.machine import names as n
from asysim.coordination.machine.actions import (
    discard,
    fold,
    free,
    free_round,
    grant,
    is_free,
    make_update,
)
from asysim.coordination.machine.hooks import Hooks
from asysim.coordination.machine.records import after, first_of, link, workers_of
from asysim.ground.arrays import Ints
from asysim.ground.ranges import Count
from asysim.jit.compiler import compiled


class Synchronous(Settings):
    """A barrier: one gradient of every worker makes an update, then all read."""

    kind: Literal["synchronous"]

    papers = ("chen2016revisiting", "dutta2018slow")
    is_fresh = True
    needs_members = True

    @classmethod
    def variants(cls, crew: Crew) -> Sequence[Settings]:  # noqa: ARG003
        return (cls(kind="synchronous"),)

    def rule(self, server: ParameterServer, workers: int) -> Coordination:  # noqa: ARG002
        return BarrierRule(server)

    def hooks(self) -> Hooks:
        return HOOKS

    def set_up(self, m: Ints) -> None:
        m[NEEDED], m[STOPS], m[ROUND] = EVERYBODY, 1, 1

    def update_size(self, workers: int) -> int:
        return workers

    def first_of(self, workers: int) -> int:
        return workers


class Backup(Settings):
    """A barrier that waits for the first c of p gradients (Chen et al. 2016; Dutta et al. 2018)."""

    kind: Literal["backup"]
    needed: Count
    """c, gradients in an update; p − c workers are there as a backup"""
    late: Literal["stop", "finish"] = "stop"
    """the others are stopped and read anew, or finish and are ignored"""

    papers = ("chen2016revisiting", "dutta2018slow")
    is_fresh = True
    at_most_workers = ("needed",)

    @classmethod
    def variants(cls, crew: Crew) -> Sequence[Settings]:
        # c = p is the barrier without a backup.
        needed = crew.parts(1 / 8, 1 / 4, 1 / 2, 3 / 4)
        return [
            cls(kind="backup", needed=c, late=late)
            for late in ("stop", "finish")
            for c in needed if c < crew.workers
        ]  # fmt: skip

    def rule(self, server: ParameterServer, workers: int) -> Coordination:  # noqa: ARG002
        return BarrierRule(server, needed=self.needed, stop=self.late == "stop")

    def hooks(self) -> Hooks:
        return HOOKS

    def set_up(self, m: Ints) -> None:
        m[NEEDED], m[STOPS], m[ROUND] = self.needed, self.late == "stop", 1

    def update_size(self, workers: int) -> int:  # noqa: ARG002
        return self.needed

    def first_of(self, workers: int) -> int | None:  # noqa: ARG002
        return self.needed if self.late == "stop" else None

    def stopping(self) -> Stopping | None:
        if self.late == "finish":
            return None
        return Stopping("coordination.late", '"stop"', 'should be "finish"')


class BarrierRule(Coordination):
    """Rounds in which nobody contributes twice.

    Parameters
    ----------
    server
        What it acts on.
    needed
        c, gradients in an update; None: one of every member.
    stop
        Whether the others are stopped once there are enough.
    """

    def __init__(
        self, server: ParameterServer, *, needed: int | None = None, stop: bool = True
    ) -> None:
        super().__init__(server)
        self._needed, self._stop = needed, stop
        self._contributed: set[int] = set()

    def ask(self, worker: int) -> None:
        if worker in self._contributed:
            self.waiting[worker] = None
        else:
            self.server.grant(worker)

    def arrive(self, flight: Flight) -> None:
        server = self.server
        if flight.version < server.update:
            server.discard(flight)
            server.free(flight.worker)
            return
        server.fold(flight)
        self._contributed.add(flight.worker)
        if not self._end_round(also=flight.worker):
            server.free(flight.worker)

    def leave(self, worker: int) -> None:  # noqa: ARG002
        self._end_round()

    def awaited(self, worker: int) -> Iterable[int]:  # noqa: ARG002
        return self.server.members - self._contributed

    def _end_round(self, also: int | None = None) -> bool:
        """Make the update if enough have contributed, and begin the next round."""
        server = self.server
        enough = (
            bool(self._contributed) and server.members <= self._contributed
            if self._needed is None
            else server.gathered >= self._needed
        )
        if not enough:
            return False
        server.make_update()
        self._contributed.clear()
        # Who is yet to be sent x will be sent the new one.
        late = [w for w, flight in server.flights.items() if self._stop and flight.has_read]
        for worker in late:
            server.stop(worker)
        released = {*late, *self.waiting}
        self.waiting.clear()
        if also is not None:
            released.add(also)
        for worker in sorted(released):
            server.free(worker)
        return True


EVERYBODY = -1
NEEDED, STOPS, ROUND, CONTRIBUTIONS, CONTRIBUTORS = n.own(5)  # CONTRIBUTORS: those still there
(CONTRIBUTED,) = n.own_of_worker(1)  # the last round that it has


@compiled
def ask(m: Ints, worker: int) -> None:
    if m[worker + CONTRIBUTED] == m[ROUND]:
        link(m, n.WAITING, worker)
    else:
        grant(m, worker)


@compiled
def arrive(m: Ints, flight: int) -> None:
    worker = m[flight + n.WORKER]
    if m[flight + n.VERSION] < m[n.UPDATE]:
        discard(m, flight)
        free(m, worker)
        return
    fold(m, flight)
    m[worker + CONTRIBUTED] = m[ROUND]
    m[CONTRIBUTIONS] += 1
    m[CONTRIBUTORS] += 1
    if not _end_round(m, worker) and is_free(m, worker):
        link(m, n.WAITING, worker)


@compiled
def leave(m: Ints, worker: int) -> None:
    if m[worker + CONTRIBUTED] == m[ROUND]:
        m[CONTRIBUTORS] -= 1
    _end_round(m, n.NOBODY)


def awaited(m: Ints, worker: int, members: list[int]) -> list[int]:  # noqa: ARG001
    last = workers_of(m)[:, CONTRIBUTED]
    return [w for w in members if last[w] != m[ROUND]]


@compiled
def _end_round(m: Ints, also: int) -> bool:
    enough = m[n.GATHERED] >= m[NEEDED]
    if m[NEEDED] == EVERYBODY:
        enough = m[CONTRIBUTIONS] > 0 and m[CONTRIBUTORS] == m[n.MEMBERS]
    if not enough:
        return False
    make_update(m)
    m[ROUND] += 1
    m[CONTRIBUTIONS] = m[CONTRIBUTORS] = 0
    if m[STOPS]:
        worker = first_of(m, n.IN_FLIGHT)
        while worker != n.NOBODY:
            later = after(m, n.IN_FLIGHT, worker)
            if m[m[worker + n.FLIGHT] + n.READ] >= 0:  # others will be sent the new x
                discard(m, m[worker + n.FLIGHT])
                m[m[n.MARKS] + m[worker + n.PLACE]] = 1
            worker = later
    free_round(m, also, True)  # nobody has contributed to the new one
    return True


HOOKS = Hooks(arrive, ask=ask, leave=leave, awaited=awaited)
