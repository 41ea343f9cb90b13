"""Draws where they are taken from, and what is computed with them. Compiled."""

from __future__ import annotations

from typing import NamedTuple

from asysim.coordination.machine import names as n
from asysim.coordination.machine.records import worker_at
from asysim.ground.arrays import Floats, Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.power import UNKNOWN, finish
from asysim.schedule.compiled.star import depart
from asysim.schedule.reference.power import FOREVER


class Lanes(NamedTuple):
    """Draws: tables of `asysim.schedule.compiled.draws`.

    Each array costs when a function is called with it, so that what random sizes make of a
    gradient's messages is in the table of computing, after its time.
    """

    read: Ints
    pull: Ints
    push: Ints
    service: Ints
    pull_lost: Ints
    push_lost: Ints
    compute: Ints
    again_pull: Ints
    again_push: Ints
    again_lost: Ints
    uptime: Ints
    downtime: Ints


@compiled
def stage(m: Ints, lanes: Lanes) -> bool:
    """Put the next draws where they are taken from; return if there are any."""
    while m[n.TO_STAGE] > 0:
        what = m[m[n.STAGE] + m[n.TO_STAGE] - 1]
        place, stream = what >> 3, what & 7
        worker = worker_at(m, place)
        draw, to = m[worker + n.USED + stream], worker + n.STAGED + stream
        if draw >= m[worker + n.DRAWN + stream]:
            m[n.LACKING] = stream
            return False
        m[worker + n.USED + stream] = draw + 1
        m[n.TO_STAGE] -= 1
        if stream == n.GRADIENT:
            m[to] = _draw(lanes.compute, place, draw, n.NOTHING)
            _stage_parts(m, worker + n.PART_DRAWS, lanes, place, draw)
            if m[n.RANDOM_SIZES]:
                _stage_sizes(m, worker, lanes, place, draw)
        elif stream == n.AGAIN_PULL:
            m[to] = _draw(lanes.again_pull, place, draw, n.NOTHING)
        elif stream == n.AGAIN_PUSH:
            m[to] = _draw(lanes.again_push, place, draw, n.NOTHING)
        elif stream == n.AGAIN_LOST:
            m[to] = _draw(lanes.again_lost, place, draw, n.NOTHING)
        elif stream == n.UPTIME:
            m[to] = _draw(lanes.uptime, place, draw, n.NOTHING)
        else:
            m[to] = _draw(lanes.downtime, place, draw, n.NOTHING)
    return True


@compiled
def _stage_parts(m: Ints, to: int, lanes: Lanes, worker: int, draw: int) -> None:
    """Stage what a gradient's parts take: latency, whether it is lost, work."""
    shards = m[n.SHARDS]
    for part in range(shards):
        m[to + 3 * part] = _draw(lanes.pull, worker, draw, part)
        m[to + 3 * part + 1] = _draw(lanes.pull_lost, worker, draw, part)
        m[to + 3 * part + 2] = _draw(lanes.read, worker, draw, part)
    back = to + 3 * shards
    for part in range(shards):
        m[back + 3 * part] = _draw(lanes.push, worker, draw, part)
        m[back + 3 * part + 1] = _draw(lanes.push_lost, worker, draw, part)
        m[back + 3 * part + 2] = _draw(lanes.service, worker, draw, part)


@compiled
def _stage_sizes(m: Ints, worker: int, lanes: Lanes, place: int, draw: int) -> None:
    """Stage what random sizes make of a gradient's messages; its links are the parts' latency."""
    to, part, shards = worker + m[n.SIZE_DRAWS], worker + n.PART_DRAWS, m[n.SHARDS]
    for which in range(n.SIZE_COUNT):
        m[to + which] = _draw(lanes.compute, place, draw, 1 + which)
    for number in range(shards):
        m[part + 3 * number] += m[to + n.OUTBOUND]
        m[part + 3 * (shards + number)] += m[to + n.INBOUND]


@compiled
def _draw(table: Ints, worker: int, draw: int, part: int) -> int:
    return int(table[worker, draw & (table.shape[1] - 1), part])


@compiled
def compute(m: Ints, segments: Ints, powers: Floats) -> bool:
    """Tell when gradients will be done, and send them then; return if all power is known."""
    while m[n.TO_COMPUTE] > 0:
        flight = m[m[n.COMPUTE_NEXT] + m[n.TO_COMPUTE] - 1]
        worker, ready = m[flight + n.WORKER], m[flight + n.READY]
        done = ready + m[flight + n.COMPUTE]
        if m[worker + n.POWERED]:
            work = m[flight + n.COMPUTE]
            done = finish(m, worker, segments, powers, ready, work)
            if done == UNKNOWN:
                m[n.LACKING] = m[worker + n.PLACE]
                return False
        m[n.TO_COMPUTE] -= 1
        depart(m, flight, done if ready >= 0 and done >= 0 else FOREVER)  # it may be too late
    return True
