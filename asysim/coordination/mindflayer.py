"""MindFlayer SGD: trials of limited time.

Maranjyan, Omar & Richtárik, "MindFlayer SGD: efficient parallel SGD in the presence of
heterogeneous and random worker compute times", 2024.

All read the same x. Worker i makes B_i trials, one after the other, to compute a gradient within
t_i, and gives up what takes longer. When all trials are over, what came of them makes an update; if
nothing did, they try again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from asysim.coordination.base import Coordination, Crew, ParameterServer, Settings, Stopping, Trials
from asysim.coordination.flight import Flight
from asysim.coordination.machine import names as n
from asysim.coordination.machine.actions import fold, free, free_round, grant_trial, make_update
from asysim.coordination.machine.hooks import Hooks
from asysim.coordination.machine.records import link, worker_at, workers_of
from asysim.ground.arrays import Ints
from asysim.ground.ranges import KeptCount, SomeSeconds
from asysim.jit.compiler import compiled
from asysim.trace.gradient import NANOSECOND


class MindFlayer(Settings):
    """Trials of limited time, all at one x, make an update (Maranjyan, Omar & Richtárik 2024)."""

    kind: Literal["mindflayer"]
    trials: KeptCount | list[KeptCount]
    """B_i, trials of each worker in an update: a number or a list"""
    seconds: SomeSeconds | list[SomeSeconds]
    """t_i, when a trial of worker i is given up, counted from x in hand: a number or a list"""

    papers = ("maranjyan2025mindflayer",)
    is_fresh = True
    size_key = "trials"
    of_each_worker = ("trials", "seconds")

    @classmethod
    def variants(cls, crew: Crew) -> Sequence[Settings]:
        # A round lasts as long as the limit: too short, and nothing comes of it; too long, and a
        # straggler is waited for, which is what the method is to avoid.
        limits = [crew.within(part) for part in (1 / 4, 1 / 2, 3 / 4)]
        return [
            cls(kind="mindflayer", trials=1, seconds=limit)
            for limit in dict.fromkeys(limits) if limit > 0
        ]  # fmt: skip

    def rule(self, server: ParameterServer, workers: int) -> Coordination:
        each = self.trials_of(workers)
        return MindFlayerRule(
            server, trials=[own.made for own in each], limits=[own.limit for own in each]
        )

    def hooks(self) -> Hooks:
        return Hooks(
            arrive, ask=ask, dropped=dropped, leave=leave, withdraw=withdraw, awaited=awaited
        )

    def set_up(self, m: Ints) -> None:
        crowd = workers_of(m)
        each = self.trials_of(len(crowd))
        crowd[:, TRIALS] = [own.made for own in each]
        crowd[:, LIMIT] = [own.limit for own in each]
        crowd[:, HOLDS] = n.NEVER

    def most_in_update(self, workers: int) -> int:
        return sum(own.made for own in self.trials_of(workers))

    def trials_of(self, workers: int) -> Sequence[Trials]:
        trials = self.trials if isinstance(self.trials, list) else [self.trials] * workers
        seconds = self.seconds if isinstance(self.seconds, list) else [self.seconds] * workers
        ticks = [max(1, round(limit / NANOSECOND)) for limit in seconds]
        return list(map(Trials, trials, ticks))

    def stopping(self) -> Stopping:
        return Stopping("coordination.kind", '"mindflayer"', "should be another")


class MindFlayerRule(Coordination):
    """Rounds of trials of limited time.

    Parameters
    ----------
    server
        What it acts on.
    trials
        B_i; (p,).
    limits
        t_i in ticks; (p,).
    """

    def __init__(
        self, server: ParameterServer, *, trials: Sequence[int], limits: Sequence[int]
    ) -> None:
        super().__init__(server)
        self._trials, self._limits = trials, limits
        self._made: dict[int, int] = {}
        self._holds: dict[int, int] = {}  # the version that each worker has in hand

    def ask(self, worker: int) -> None:
        server = self.server
        if self._made.setdefault(worker, 0) == self._trials[worker]:
            self.waiting[worker] = None
            return
        in_hand = self._holds.get(worker) == server.update
        self._holds[worker] = server.update
        server.grant(worker, limit=self._limits[worker], in_hand=in_hand)

    def arrive(self, flight: Flight) -> None:
        self.server.fold(flight)
        self._made[flight.worker] += 1
        if not self._end_round(also=flight.worker):
            self.server.free(flight.worker)

    def dropped(self, flight: Flight) -> None:
        self._made[flight.worker] += 1
        self._end_round()

    def withdraw(self, worker: int) -> None:
        super().withdraw(worker)
        self._holds.pop(worker, None)

    def leave(self, worker: int) -> None:
        self._made.pop(worker, None)
        self._end_round()

    def awaited(self, worker: int) -> Iterable[int]:  # noqa: ARG002
        return [w for w in self.server.members if self._made.get(w, 0) < self._trials[w]]

    def _end_round(self, also: int | None = None) -> bool:
        """Make the update if all trials are over, and begin the next round."""
        server = self.server
        if not server.members or any(
            self._made.get(worker, 0) < self._trials[worker] for worker in server.members
        ):
            return False
        if server.gathered:
            server.make_update()
        self._made = dict.fromkeys(server.members, 0)
        released = set(self.waiting) | ({also} if also is not None else set())
        self.waiting.clear()
        for worker in sorted(released):
            server.free(worker)
        return True


(FINISHED,) = n.own(1)  # members that have made all their trials
TRIALS, LIMIT, MADE, HOLDS = n.own_of_worker(4)  # HOLDS: the version that it has in hand


@compiled
def ask(m: Ints, worker: int) -> None:
    if m[worker + MADE] == m[worker + TRIALS]:
        link(m, n.WAITING, worker)
        return
    in_hand = m[worker + HOLDS] == m[n.UPDATE]
    m[worker + HOLDS] = m[n.UPDATE]
    grant_trial(m, worker, m[worker + LIMIT], in_hand)


@compiled
def arrive(m: Ints, flight: int) -> None:
    worker = m[flight + n.WORKER]
    fold(m, flight)
    _count_trial(m, worker)
    if not _end_round(m, worker):
        free(m, worker)


@compiled
def dropped(m: Ints, flight: int) -> None:
    _count_trial(m, m[flight + n.WORKER])
    _end_round(m, n.NOBODY)


@compiled
def withdraw(m: Ints, worker: int) -> None:
    m[worker + HOLDS] = n.NEVER


@compiled
def leave(m: Ints, worker: int) -> None:
    if m[worker + MADE] == m[worker + TRIALS]:
        m[FINISHED] -= 1
    m[worker + MADE] = 0
    _end_round(m, n.NOBODY)


def awaited(m: Ints, worker: int, members: list[int]) -> list[int]:  # noqa: ARG001
    crowd = workers_of(m)
    return [w for w in members if crowd[w, MADE] < crowd[w, TRIALS]]


@compiled
def _count_trial(m: Ints, worker: int) -> None:
    m[worker + MADE] += 1
    if m[worker + MADE] == m[worker + TRIALS]:
        m[FINISHED] += 1


@compiled
def _end_round(m: Ints, also: int) -> bool:
    if m[n.MEMBERS] == 0 or m[FINISHED] < m[n.MEMBERS]:
        return False
    if m[n.GATHERED] > 0:
        make_update(m)
    for place in range(m[n.WORKER_COUNT]):
        m[worker_at(m, place) + MADE] = 0
    m[FINISHED] = 0
    free_round(m, also, False)
    return True
