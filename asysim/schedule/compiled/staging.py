"""Draws where they are taken from, and what is computed with them. Compiled."""

from __future__ import annotations

from typing import NamedTuple

from asysim.ground.arrays import Floats, Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.lists import worker_at
from asysim.schedule.compiled.names import (
    AGAIN_LOST,
    AGAIN_PULL,
    AGAIN_PUSH,
    COMPUTE,
    COMPUTE_NEXT,
    DRAWN,
    GRADIENT,
    INBOUND,
    LACKING,
    NOTHING,
    OUTBOUND,
    PART_DRAWS,
    PLACE,
    POWERED,
    RANDOM_SIZES,
    READY,
    SHARDS,
    SIZE_COUNT,
    SIZE_DRAWS,
    STAGE,
    STAGED,
    TO_COMPUTE,
    TO_STAGE,
    UPTIME,
    USED,
    WORKER,
)
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
    while m[TO_STAGE] > 0:
        what = m[m[STAGE] + m[TO_STAGE] - 1]
        place, stream = what >> 3, what & 7
        worker = worker_at(m, place)
        draw, to = m[worker + USED + stream], worker + STAGED + stream
        if draw >= m[worker + DRAWN + stream]:
            m[LACKING] = stream
            return False
        m[worker + USED + stream] = draw + 1
        m[TO_STAGE] -= 1
        if stream == GRADIENT:
            m[to] = _draw(lanes.compute, place, draw, NOTHING)
            _stage_parts(m, worker + PART_DRAWS, lanes, place, draw)
            if m[RANDOM_SIZES]:
                _stage_sizes(m, worker, lanes, place, draw)
        elif stream == AGAIN_PULL:
            m[to] = _draw(lanes.again_pull, place, draw, NOTHING)
        elif stream == AGAIN_PUSH:
            m[to] = _draw(lanes.again_push, place, draw, NOTHING)
        elif stream == AGAIN_LOST:
            m[to] = _draw(lanes.again_lost, place, draw, NOTHING)
        elif stream == UPTIME:
            m[to] = _draw(lanes.uptime, place, draw, NOTHING)
        else:
            m[to] = _draw(lanes.downtime, place, draw, NOTHING)
    return True


@compiled
def _stage_parts(m: Ints, to: int, lanes: Lanes, worker: int, draw: int) -> None:
    """Stage what a gradient's parts take: latency, whether it is lost, work."""
    shards = m[SHARDS]
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
    to, part, shards = worker + m[SIZE_DRAWS], worker + PART_DRAWS, m[SHARDS]
    for which in range(SIZE_COUNT):
        m[to + which] = _draw(lanes.compute, place, draw, 1 + which)
    for number in range(shards):
        m[part + 3 * number] += m[to + OUTBOUND]
        m[part + 3 * (shards + number)] += m[to + INBOUND]


@compiled
def _draw(table: Ints, worker: int, draw: int, part: int) -> int:
    return int(table[worker, draw & (table.shape[1] - 1), part])


@compiled
def compute(m: Ints, segments: Ints, powers: Floats) -> bool:
    """Tell when gradients will be done, and send them then; return if all power is known."""
    while m[TO_COMPUTE] > 0:
        flight = m[m[COMPUTE_NEXT] + m[TO_COMPUTE] - 1]
        worker, ready = m[flight + WORKER], m[flight + READY]
        done = ready + m[flight + COMPUTE]
        if m[worker + POWERED]:
            work = m[flight + COMPUTE]
            done = finish(m, worker, segments, powers, ready, work)
            if done == UNKNOWN:
                m[LACKING] = m[worker + PLACE]
                return False
        m[TO_COMPUTE] -= 1
        depart(m, flight, done if ready >= 0 and done >= 0 else FOREVER)  # it may be too late
    return True
