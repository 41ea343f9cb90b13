"""The twin of `asysim.schedule.reference.failures`: when workers come, crash, return and go."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from asysim.coordination.machine import names as n
from asysim.coordination.machine.actions import request
from asysim.coordination.machine.records import worker_at
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.heap import CRASH, JOIN, LEAVE, RESTART, schedule
from asysim.schedule.compiled.memory import next_of
from asysim.schedule.compiled.rules import crash, leave
from asysim.schedule.reference.failures import Fates
from asysim.trace.gradient import NANOSECOND


class Certain(NamedTuple):
    """What is certain from the start, in ticks; −1: it does not happen.

    Attributes
    ----------
    joins, leaves
        Of each worker; (p,).
    crashes
        Tick, worker, downtime; (crashes, 3).
    """

    joins: Ints
    leaves: Ints
    crashes: Ints


def certain(fates: Fates) -> Certain:
    """Return what is certain of some fates."""
    crashes = np.zeros((len(fates.crashes), 3), np.int64)
    for place, one in enumerate(fates.crashes):
        down = n.NEVER if one.downtime is None else max(1, round(one.downtime / NANOSECOND))
        crashes[place] = round(one.at / NANOSECOND), one.worker, down
    leaves = [n.NEVER if tick is None else tick for tick in fates.leaves]
    return Certain(np.array(fates.joins, np.int64), np.array(leaves, np.int64), crashes)


@compiled
def begin(m: Ints, certain: Certain) -> None:
    """Put everything that is certain on the agenda, and let those who are there ask to read."""
    joins, leaves = certain.joins, certain.leaves
    for place in range(len(joins)):
        if joins[place] > 0:
            m[n.TO_COME] += 1
            schedule(m, joins[place], JOIN, place, n.NOTHING)
        if leaves[place] >= 0:
            m[n.TO_COME] += 1
            schedule(m, leaves[place], LEAVE, place, n.NOTHING)
    for number in range(len(certain.crashes)):
        tick, place = certain.crashes[number, 0], certain.crashes[number, 1]
        schedule(m, tick, CRASH, place, -1 - number)
    for place in range(len(joins)):
        if joins[place] == 0:
            m[worker_at(m, place) + n.MEMBER] = 1
            m[n.MEMBERS] += 1
            _start_life(m, worker_at(m, place))
    for place in range(len(joins)):
        if joins[place] == 0:
            request(m, worker_at(m, place))


@compiled
def join(m: Ints, worker: int) -> None:
    """Let a worker come."""
    m[n.TO_COME] -= 1
    m[worker + n.MEMBER] = 1
    m[n.MEMBERS] += 1
    _start_life(m, worker)
    request(m, worker)


@compiled
def go(m: Ints, worker: int) -> None:
    """Let a worker leave, if it is there."""
    m[n.TO_COME] -= 1
    if m[worker + n.MEMBER]:
        leave(m, worker)


@compiled
def fall(m: Ints, worker: int, load: int, crashes: Ints) -> None:
    """Let a worker crash, in one of its lives by a law, or as is listed at −1 − load."""
    down = n.NEVER
    if load < 0:
        down = crashes[-1 - load, 2]
    elif load != m[worker + n.LIFE]:
        return  # it has crashed in the meantime
    elif m[n.DOWNTIMES]:
        down = next_of(m, worker, n.DOWNTIME)
    if not m[worker + n.MEMBER]:
        return
    if m[worker + n.DOWN] >= 0:
        if down < 0 and m[worker + n.BACK]:
            m[worker + n.BACK] = 0
            m[worker + n.LIFE] += 1  # the restart that was due finds another life
        return
    m[worker + n.LIFE] += 1
    m[worker + n.DOWN], m[worker + n.DOWN_ORDER] = m[n.NOW], m[n.ORDER]
    m[n.ORDER] += 1
    if down >= 0:
        m[worker + n.BACK] = 1
        schedule(m, m[n.NOW] + down, RESTART, m[worker + n.PLACE], m[worker + n.LIFE])
    crash(m, worker)


@compiled
def rise(m: Ints, worker: int, life: int) -> None:
    """Let a worker start again, if it did not crash for good in the meantime."""
    if life != m[worker + n.LIFE]:
        return
    m[worker + n.DOWN], m[worker + n.BACK] = n.NEVER, 0
    if m[worker + n.MEMBER]:
        _start_life(m, worker)
        request(m, worker)


@compiled
def _start_life(m: Ints, worker: int) -> None:
    """Draw when a worker that is up will crash."""
    if m[n.UPTIMES]:
        tick = m[n.NOW] + max(1, next_of(m, worker, n.UPTIME))
        schedule(m, tick, CRASH, m[worker + n.PLACE], m[worker + n.LIFE])
