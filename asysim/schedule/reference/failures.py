"""When workers come, crash, come back and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from asysim.random.streams import WordSource
from asysim.scenario.failures import Crash
from asysim.schedule.kinds import Kind
from asysim.schedule.reference.events import Agenda
from asysim.schedule.timing import Duration, ticks_one_by_one
from asysim.trace.gradient import NANOSECOND


@dataclass(frozen=True)
class Fates:
    """What happens to workers.

    Parameters
    ----------
    joins, leaves
        Ticks at which each comes and goes; None: it does not go; (p,).
    uptime, downtime
        Laws of the time to the next crash and of that to the restart; None: none, never.
    crashes
        Crashes at given times.
    """

    joins: Sequence[int]
    leaves: Sequence[int | None]
    uptime: Duration | None = None
    downtime: Duration | None = None
    crashes: Sequence[Crash] = ()


class Failures:
    """Who is there, who is down, and who will never be back.

    Parameters
    ----------
    agenda
        Where events go.
    fates
        What happens.
    source
        Where the draws come from.
    come, crash, back, go
        Called with a worker when it joins, crashes, is up again, and should leave.

    Attributes
    ----------
    members
        Workers that have joined and not left.
    down
        Since when each worker that crashed has been down, in ticks.
    back_at
        When those come back that will.
    to_come
        Joins and leaves yet to happen.
    """

    def __init__(
        self,
        agenda: Agenda,
        fates: Fates,
        source: WordSource,
        *,
        come: Callable[[int], None],
        crash: Callable[[int], None],
        back: Callable[[int], None],
        go: Callable[[int], None],
    ) -> None:
        self.members: set[int] = set()
        self.down: dict[int, int] = {}
        self.back_at: dict[int, int] = {}
        self.to_come = 0
        self._agenda, self._fates, self._source = agenda, fates, source
        self._come, self._crash, self._back, self._go = come, crash, back, go
        self._life = [0] * len(fates.joins)
        self._uptimes: dict[int, Iterator[int]] = {}
        self._downtimes: dict[int, Iterator[int]] = {}

    def begin(self) -> list[int]:
        """Put everything that is certain on the agenda; return who is there from the start."""
        agenda, fates = self._agenda, self._fates
        there = [worker for worker, tick in enumerate(fates.joins) if tick == 0]
        for worker, tick in enumerate(fates.joins):
            if tick > 0:
                self.to_come += 1
                agenda.at(tick, Kind.JOIN, worker, partial(self._join, worker))
        for worker, leave in enumerate(fates.leaves):
            if leave is not None:
                self.to_come += 1
                agenda.at(leave, Kind.LEAVE, worker, partial(self._leave, worker))
        for crash in fates.crashes:
            tick = round(crash.at / NANOSECOND)
            down = None if crash.downtime is None else max(1, round(crash.downtime / NANOSECOND))
            agenda.at(tick, Kind.CRASH, crash.worker, partial(self._fall, crash.worker, down))
        self.members.update(there)
        for worker in there:
            self._start_life(worker)
        return there

    def _join(self, worker: int) -> None:
        self.to_come -= 1
        self.members.add(worker)
        self._start_life(worker)
        self._come(worker)

    def _leave(self, worker: int) -> None:
        self.to_come -= 1
        if worker in self.members:
            self._go(worker)

    def _start_life(self, worker: int) -> None:
        """Draw when a worker that is up will crash."""
        if self._fates.uptime is None:
            return
        if worker not in self._uptimes:
            self._uptimes[worker] = ticks_one_by_one(self._fates.uptime, self._source, worker)
        tick = self._agenda.now + max(1, next(self._uptimes[worker]))
        crash = partial(self._fall_at_random, worker, self._life[worker])
        self._agenda.at(tick, Kind.CRASH, worker, crash)

    def _fall_at_random(self, worker: int, life: int) -> None:
        if life != self._life[worker]:
            return  # it has crashed in the meantime
        down = None
        if self._fates.downtime is not None:
            if worker not in self._downtimes:
                self._downtimes[worker] = ticks_one_by_one(
                    self._fates.downtime, self._source, worker
                )
            down = next(self._downtimes[worker])
        self._fall(worker, down)

    def _fall(self, worker: int, down: int | None) -> None:
        if worker not in self.members:
            return
        if worker in self.down:
            if down is None and worker in self.back_at:
                del self.back_at[worker]
                self._life[worker] += 1  # the restart that was due finds another life
            return
        now = self._agenda.now
        self._life[worker] += 1
        self.down[worker] = now
        if down is not None:
            self.back_at[worker] = now + down
            rise = partial(self._rise, worker, self._life[worker])
            self._agenda.at(now + down, Kind.RESTART, worker, rise)
        self._crash(worker)

    def _rise(self, worker: int, life: int) -> None:
        if life != self._life[worker]:
            return  # it crashed for good in the meantime
        del self.down[worker], self.back_at[worker]
        if worker in self.members:
            self._start_life(worker)
            self._back(worker)
