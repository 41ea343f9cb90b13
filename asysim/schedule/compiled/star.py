"""The twin of `asysim.schedule.reference.star`: messages on their way to and fro. Compiled.

Nothing here calls a coordination rule. Where a queue's next turn may lead to one, the queue is
named in `m[SERVER_TURN]` or `m[STATION_TURN]`, and `asysim.schedule.compiled.event_loop` goes on
with it before anything else.
"""

from __future__ import annotations

from asysim.coordination.machine import names as n
from asysim.coordination.machine.records import compute_next
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.heap import (
    AT_INTERFACE,
    AT_SERVER,
    AT_WORKER,
    TIMEOUT,
    TRIAL_OVER,
    schedule,
)
from asysim.schedule.compiled.memory import hold, next_of
from asysim.schedule.compiled.stations import append, serve, share, transfer
from asysim.schedule.reference.power import FOREVER

_ABOUT_TO = -1  # serve whoever is first in the queue


@compiled
def is_missing(m: Ints, part: int) -> bool:
    """Whether a part has not reached the other side, and still matters."""
    return bool(m[m[part + n.OF] + n.WANTED] and not m[part + n.REACHED])


@compiled
def schedule_part(m: Ints, tick: int, kind: int, part: int) -> None:
    """Let something happen to a part at a tick."""
    flight = m[part + n.OF]
    m[flight + n.HOLDERS] += 1
    schedule(m, tick, kind, m[m[flight + n.WORKER] + n.PLACE], part)


@compiled
def _await(m: Ints, part: int) -> None:
    """Have a part sent again, or given up, if it has not reached anybody by the timeout."""
    if m[n.TIMEOUT] > 0:
        schedule_part(m, m[n.NOW] + m[n.TIMEOUT], TIMEOUT, part)


@compiled
def _on_its_way(m: Ints, part: int, again: int, size: int) -> tuple[int, int]:
    """Return how long a part's latest attempt is on its way, and whether it is lost there.

    Sent again it has another latency, of the stream `again`, but its message is as large as before.
    """
    if m[part + n.ATTEMPTS] == 1:
        return m[part + n.LATENCY], m[part + n.LOST]
    flight = m[part + n.OF]
    worker = m[flight + n.WORKER]
    latency, lost = next_of(m, worker, again), next_of(m, worker, n.AGAIN_LOST)
    if m[n.RANDOM_SIZES]:
        latency += m[flight + m[n.SIZES] + size]
    return latency, lost


# To the worker -------------------------------------------------------------------------------


@compiled
def pull(m: Ints, flight: int) -> None:
    """Send x to a worker."""
    first = flight + n.PARTS
    end = first + m[n.SHARDS] * n.PART_SIZE
    if m[n.EASY_PULL]:
        longest = 0
        for part in range(first, end, n.PART_SIZE):
            longest = max(longest, m[part + n.LATENCY])
        compute_next(m, flight, m[flight + n.READ] + longest)
        return
    for part in range(first, end, n.PART_SIZE):
        if m[n.READS_TAKE_TIME]:
            _read(m, part)
        else:
            send(m, part)


@compiled
def _read(m: Ints, part: int) -> None:
    """Have a server read its part of x, before all gradients that wait there."""
    server = m[part + n.SERVER]
    if m[server + n.SERVING] != n.NOTHING:
        hold(m, part)
        append(m, server, n.FIRST_URGENT, part)
    elif serve(m, server, part):
        send(m, part)


@compiled
def send(m: Ints, part: int) -> None:
    """Let the server send its part of x, the first time or again."""
    if not is_missing(m, part):
        return
    m[part + n.ATTEMPTS] += 1
    if not m[n.INTERFACES]:
        fly(m, part)
        read_if_not_yet(m, part)
        return
    station = m[part + n.INTERFACE]
    if m[n.FAIR]:
        hold(m, part)
        share(m, station, part)
    elif m[station + n.SERVING] != n.NOTHING:
        hold(m, part)
        append(m, station, n.FIRST, part)
        return
    elif not transfer(m, station, part):
        fly(m, part)
    read_if_not_yet(m, part)


@compiled
def read_if_not_yet(m: Ints, part: int) -> None:
    """Read x for a flight, as its transfer begins.

    Its version is that of the grant, if it is sent in the same step: an update that the step made
    came later. Otherwise the loop, which knows, has it renewed.
    """
    flight = m[part + n.OF]
    if m[flight + n.READ] < 0:
        m[flight + n.READ] = m[n.NOW]


@compiled
def fly(m: Ints, part: int) -> None:
    """Let a part of x go over its worker's link."""
    _await(m, part)
    latency, lost = _on_its_way(m, part, n.AGAIN_PULL, n.OUTBOUND)
    if not lost:
        schedule_part(m, m[n.NOW] + latency, AT_WORKER, part)


@compiled
def reach_worker(m: Ints, part: int) -> None:
    """Have x in hand if this was the last part of it."""
    if is_missing(m, part):
        m[part + n.REACHED] = 1
        flight = m[part + n.OF]
        m[flight + n.MISSING] -= 1
        if m[flight + n.MISSING] == 0:
            compute_next(m, flight, m[n.NOW])


# To the servers ------------------------------------------------------------------------------


@compiled
def depart(m: Ints, flight: int, done: int) -> None:
    """Let a gradient be done then, and sent; or given up before."""
    shards = m[n.SHARDS]
    m[flight + n.DONE] = done
    limit = m[flight + n.LIMIT]
    if limit > 0 and done > m[flight + n.READY] + limit:
        m[flight + n.HOLDERS] += 1
        over = m[flight + n.READY] + limit
        schedule(m, over, TRIAL_OVER, m[m[flight + n.WORKER] + n.PLACE], flight)
        return
    if done >= FOREVER:
        return
    m[flight + n.MISSING] = m[flight + n.UNSERVED] = shards
    first = flight + n.PARTS + shards * n.PART_SIZE
    end = first + shards * n.PART_SIZE
    for part in range(first, end, n.PART_SIZE):
        if m[n.UNRELIABLE]:
            schedule_part(m, done, AT_WORKER, part)
        else:
            _travel(m, part, done + m[part + n.LATENCY])


@compiled
def _travel(m: Ints, part: int, there: int) -> None:
    schedule_part(m, there, AT_INTERFACE if m[n.INTERFACES] else AT_SERVER, part)


@compiled
def post(m: Ints, part: int) -> bool:
    """Let the worker send a part of its gradient, first or again; false: it gives it up."""
    if not is_missing(m, part):
        return True
    if m[n.RETRIES] >= 0 and m[part + n.ATTEMPTS] > m[n.RETRIES]:
        return False
    m[part + n.ATTEMPTS] += 1
    _await(m, part)
    latency, lost = _on_its_way(m, part, n.AGAIN_PUSH, n.INBOUND)
    if not lost:
        _travel(m, part, m[n.NOW] + latency)
    return True


@compiled
def reach_server(m: Ints, part: int) -> None:
    """Come to a server's interface, if it has one; what comes twice is thrown away."""
    if not is_missing(m, part):
        return
    m[part + n.REACHED] = 1
    if not m[n.INTERFACES]:
        receive(m, part)
        return
    station = m[part + n.INTERFACE]
    if m[n.FAIR]:
        hold(m, part)
        share(m, station, part)
    elif m[station + n.SERVING] != n.NOTHING or not transfer(m, station, part):
        hold(m, part)
        append(m, station, n.FIRST, part)
        if m[station + n.SERVING] == n.NOTHING:
            m[station + n.SERVING] = _ABOUT_TO
            m[n.STATION_TURN] = station


@compiled
def receive(m: Ints, part: int) -> None:
    """Have a part of a gradient at its server, where it waits to be served."""
    flight, server = m[part + n.OF], m[part + n.SERVER]
    if not m[flight + n.WANTED]:
        return
    m[flight + n.MISSING] -= 1
    if m[flight + n.MISSING] == 0:
        m[flight + n.ARRIVED] = m[n.NOW]
    idle = m[server + n.SERVING] == n.NOTHING
    if idle and not serve(m, server, part):
        return
    hold(m, part)
    append(m, server, n.FIRST, part)
    if idle:
        m[server + n.SERVING] = _ABOUT_TO
        m[n.SERVER_TURN] = server
