"""Where messages and gradients queue: first come first served, or all at once in equal parts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Protocol

import simpy

from asysim.schedule.reference.events import Recurring
from asysim.schedule.reference.power import PowerClock

_FRACTION = 32  # bits of a tick that fair shares are reckoned in


@dataclass
class Meter:
    """What went through a station, in ticks: L = λW holds for it once it is empty.

    Attributes
    ----------
    entered, left
        Jobs.
    area
        ∫ (jobs present) dt.
    sojourn
        Sum over the jobs that left of the time from entry to exit.
    busy
        Time with at least one job present.
    """

    entered: int = 0
    left: int = 0
    area: int = 0
    sojourn: int = 0
    busy: int = 0
    _since: int = 0

    def enter(self, now: int) -> None:
        """Note that a job came."""
        self._pass(now)
        self.entered += 1

    def leave(self, now: int, came: int) -> None:
        """Note that a job that came at `came` has left."""
        self._pass(now)
        self.left += 1
        self.sojourn += now - came

    def _pass(self, now: int) -> None:
        if self.entered > self.left:
            self.area += (self.entered - self.left) * (now - self._since)
            self.busy += now - self._since
        self._since = now


class Job:
    """Work for a station, and what follows once it is done.

    Parameters
    ----------
    work
        Ticks it takes alone.
    then
        Called when it is done.
    wanted
        Asked when its turn comes; if not, it is passed over.
    begun
        Called when its turn has come: at once, where all are worked on together.
    """

    __slots__ = ("begun", "came", "then", "wanted", "work")

    def __init__(
        self,
        work: int,
        then: Callable[[], None],
        wanted: Callable[[], bool] | None = None,
        begun: Callable[[], None] | None = None,
    ) -> None:
        self.work, self.then, self.wanted, self.begun = work, then, wanted, begun
        self.came = 0


class Station(Protocol):
    """A place that jobs pass through."""

    meter: Meter

    def submit(self, job: Job, *, urgent: bool = False) -> None:
        """Let a job come in now."""
        ...


class Fifo:
    """First come, first served; urgent jobs before all others that wait.

    Parameters
    ----------
    env
        Its clock counts ticks.
    priority
        Of the ends of jobs among simultaneous events.
    clock
        The power it works with; None: always 1.
    """

    def __init__(
        self, env: simpy.Environment, priority: int, clock: PowerClock | None = None
    ) -> None:
        self.meter = Meter()
        self._env, self._priority, self._clock = env, priority, clock
        self._waiting: deque[Job] = deque()
        self._urgent: deque[Job] = deque()
        self._serving: Job | None = None
        self._end = Recurring(env)
        self._on_end = [self._finish]

    def submit(self, job: Job, *, urgent: bool = False) -> None:
        """Let a job come in now."""
        job.came = int(self._env.now)
        self.meter.enter(job.came)
        (self._urgent if urgent else self._waiting).append(job)
        if self._serving is None:
            self._serve()

    def _serve(self) -> None:
        """Take up jobs until one takes time, or there is none."""
        now = int(self._env.now)
        while self._urgent or self._waiting:
            job = (self._urgent or self._waiting).popleft()
            self._serving = job
            if job.wanted is None or job.wanted():
                end = (
                    now + job.work
                    if self._clock is None
                    else self._clock.finish(now, now, job.work)
                )
                if end > now:
                    self._end.after(end - now, self._priority, self._on_end)
                else:
                    self._leave(job, now)
                    job.then()
                if job.begun is not None:
                    job.begun()
                if end > now:
                    return
            else:
                self._leave(job, now)
        self._serving = None

    def _finish(self, _: object) -> None:
        job = self._serving
        assert job is not None
        self._leave(job, int(self._env.now))
        job.then()
        self._serve()

    def _leave(self, job: Job, now: int) -> None:
        self.meter.leave(now, job.came)


class Fair:
    """Processor sharing: n jobs that are present go on at a rate of 1/n each.

    Each job is done once every job present has been given as much as it needs. That common
    amount is reckoned in 2^−32 of a tick. One that is done within a tick takes no share of the rest
    of it, and leaves at its end: at most a tick late. One that is not wanted any more takes its
    share until the next one comes or is done.

    Parameters
    ----------
    env
        Its clock counts ticks.
    priority
        Of the ends of jobs among simultaneous events.
    """

    def __init__(self, env: simpy.Environment, priority: int) -> None:
        self.meter = Meter()
        self._env, self._priority = env, priority
        self._given = 0  # to each job that has been present all along
        self._since = 0
        self._present: list[tuple[int, int, Job]] = []
        self._done: list[Job] = []  # to leave at this tick
        self._serial = 0
        self._next: _Alarm | None = None

    def submit(self, job: Job, *, urgent: bool = False) -> None:  # noqa: ARG002  (nobody waits)
        """Let a job come in now."""
        now = int(self._env.now)
        job.came = now
        self.meter.enter(now)
        self._give(now)
        heappush(self._present, (self._given + (job.work << _FRACTION), self._serial, job))
        self._serial += 1
        self._clear(now)
        self._set_alarm()
        if job.begun is not None:
            job.begun()

    def _give(self, now: int) -> None:
        """Share out the time since the last event."""
        left, present = (now - self._since) << _FRACTION, self._present
        self._since = now
        while present:
            missing = (present[0][0] - self._given) * len(present)
            if missing > left:
                self._given += left // len(present)
                return
            left -= missing
            self._given = present[0][0]
            self._done.append(heappop(present)[2])

    def _set_alarm(self) -> None:
        if self._next is not None:
            self._next.off = True
            self._next = None
        if self._present or self._done:
            missing = 0
            if not self._done:
                missing = (self._present[0][0] - self._given) * len(self._present)
            self._next = _Alarm(self._env)
            self._next.after(-(-missing >> _FRACTION), self._priority, [self._finish])

    def _finish(self, alarm: _Alarm) -> None:
        if alarm.off:
            return
        now = int(self._env.now)
        self._give(now)
        done, self._done = self._done, []
        self._clear(now)
        self._set_alarm()
        for job in done:
            self.meter.leave(now, job.came)
        for job in done:
            job.then()

    def _clear(self, now: int) -> None:
        """Throw out what is not wanted any more."""
        unwanted = [e for e in self._present if e[2].wanted is not None and not e[2].wanted()]
        if unwanted:
            self._present = [entry for entry in self._present if entry not in unwanted]
            heapify(self._present)
            for _, _, job in unwanted:
                self.meter.leave(now, job.came)


class _Alarm(Recurring):
    """An event that can be called off."""

    off = False
