"""The twin of `asysim.schedule.reference.star`: messages on their way to and fro. Compiled.

Nothing here calls a coordination rule. Where a queue's next turn may lead to one, the queue is
named in `m[SERVER_TURN]` or `m[STATION_TURN]`, and the loop of `asysim.schedule.compiled.turns`
goes on with it before anything else.
"""

from __future__ import annotations

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.agenda import (
    AT_INTERFACE,
    AT_SERVER,
    AT_WORKER,
    TIMED_OUT,
    TRIAL_OVER,
    schedule,
)
from asysim.schedule.compiled.memory import compute_next, hold, next_of
from asysim.schedule.compiled.names import (
    AGAIN_LOST,
    AGAIN_PULL,
    AGAIN_PUSH,
    ARRIVED,
    ATTEMPTS,
    DONE,
    EASY_PULL,
    FAIR,
    FIRST,
    FIRST_URGENT,
    HOLDERS,
    INBOUND,
    INTERFACE,
    INTERFACES,
    LATENCY,
    LIMIT,
    LOST,
    MISSING,
    NOTHING,
    NOW,
    OF,
    OUTBOUND,
    PART_SIZE,
    PARTS,
    PLACE,
    RANDOM_SIZES,
    REACHED,
    READ,
    READS_TAKE_TIME,
    READY,
    RETRIES,
    SERVER,
    SERVER_TURN,
    SERVING,
    SHARDS,
    SIZES,
    STATION_TURN,
    TIMEOUT,
    UNRELIABLE,
    UNSERVED,
    WANTED,
    WORKER,
)
from asysim.schedule.compiled.stations import append, serve, share, transfer
from asysim.schedule.reference.power import FOREVER

_ABOUT_TO = -1  # serve whoever is first in the queue


@compiled
def is_missing(m: Ints, part: int) -> bool:
    """Whether a part has not reached the other side, and still matters."""
    return bool(m[m[part + OF] + WANTED] and not m[part + REACHED])


@compiled
def schedule_part(m: Ints, tick: int, kind: int, part: int) -> None:
    """Let something happen to a part at a tick."""
    flight = m[part + OF]
    m[flight + HOLDERS] += 1
    schedule(m, tick, kind, m[m[flight + WORKER] + PLACE], part)


@compiled
def _await(m: Ints, part: int) -> None:
    """Have a part sent again, or given up, if it has not reached anybody by the timeout."""
    if m[TIMEOUT] > 0:
        schedule_part(m, m[NOW] + m[TIMEOUT], TIMED_OUT, part)


@compiled
def _on_its_way(m: Ints, part: int, again: int, size: int) -> tuple[int, int]:
    """Return how long a part's latest attempt is on its way, and whether it is lost there.

    Sent again it has another latency, of the stream `again`, but its message is as large as before.
    """
    if m[part + ATTEMPTS] == 1:
        return m[part + LATENCY], m[part + LOST]
    flight = m[part + OF]
    worker = m[flight + WORKER]
    latency, lost = next_of(m, worker, again), next_of(m, worker, AGAIN_LOST)
    if m[RANDOM_SIZES]:
        latency += m[flight + m[SIZES] + size]
    return latency, lost


# To the worker -------------------------------------------------------------------------------


@compiled
def pull(m: Ints, flight: int) -> None:
    """Send x to a worker."""
    first = flight + PARTS
    end = first + m[SHARDS] * PART_SIZE
    if m[EASY_PULL]:
        longest = 0
        for part in range(first, end, PART_SIZE):
            longest = max(longest, m[part + LATENCY])
        compute_next(m, flight, m[flight + READ] + longest)
        return
    for part in range(first, end, PART_SIZE):
        if m[READS_TAKE_TIME]:
            _read(m, part)
        else:
            send(m, part)


@compiled
def _read(m: Ints, part: int) -> None:
    """Have a server read its part of x, before all gradients that wait there."""
    server = m[part + SERVER]
    if m[server + SERVING] != NOTHING:
        hold(m, part)
        append(m, server, FIRST_URGENT, part)
    elif serve(m, server, part):
        send(m, part)


@compiled
def send(m: Ints, part: int) -> None:
    """Let the server send its part of x, the first time or again."""
    if not is_missing(m, part):
        return
    m[part + ATTEMPTS] += 1
    if not m[INTERFACES]:
        fly(m, part)
        read_if_not_yet(m, part)
        return
    station = m[part + INTERFACE]
    if m[FAIR]:
        hold(m, part)
        share(m, station, part)
    elif m[station + SERVING] != NOTHING:
        hold(m, part)
        append(m, station, FIRST, part)
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
    flight = m[part + OF]
    if m[flight + READ] < 0:
        m[flight + READ] = m[NOW]


@compiled
def fly(m: Ints, part: int) -> None:
    """Let a part of x go over its worker's link."""
    _await(m, part)
    latency, lost = _on_its_way(m, part, AGAIN_PULL, OUTBOUND)
    if not lost:
        schedule_part(m, m[NOW] + latency, AT_WORKER, part)


@compiled
def reach_worker(m: Ints, part: int) -> None:
    """Have x in hand if this was the last part of it."""
    if is_missing(m, part):
        m[part + REACHED] = 1
        flight = m[part + OF]
        m[flight + MISSING] -= 1
        if m[flight + MISSING] == 0:
            compute_next(m, flight, m[NOW])


# To the servers ------------------------------------------------------------------------------


@compiled
def depart(m: Ints, flight: int, done: int) -> None:
    """Let a gradient be done then, and sent; or given up before."""
    shards = m[SHARDS]
    m[flight + DONE] = done
    limit = m[flight + LIMIT]
    if limit > 0 and done > m[flight + READY] + limit:
        m[flight + HOLDERS] += 1
        over = m[flight + READY] + limit
        schedule(m, over, TRIAL_OVER, m[m[flight + WORKER] + PLACE], flight)
        return
    if done >= FOREVER:
        return
    m[flight + MISSING] = m[flight + UNSERVED] = shards
    first = flight + PARTS + shards * PART_SIZE
    end = first + shards * PART_SIZE
    for part in range(first, end, PART_SIZE):
        if m[UNRELIABLE]:
            schedule_part(m, done, AT_WORKER, part)
        else:
            _travel(m, part, done + m[part + LATENCY])


@compiled
def _travel(m: Ints, part: int, there: int) -> None:
    schedule_part(m, there, AT_INTERFACE if m[INTERFACES] else AT_SERVER, part)


@compiled
def post(m: Ints, part: int) -> bool:
    """Let the worker send a part of its gradient, first or again; false: it gives it up."""
    if not is_missing(m, part):
        return True
    if m[RETRIES] >= 0 and m[part + ATTEMPTS] > m[RETRIES]:
        return False
    m[part + ATTEMPTS] += 1
    _await(m, part)
    latency, lost = _on_its_way(m, part, AGAIN_PUSH, INBOUND)
    if not lost:
        _travel(m, part, m[NOW] + latency)
    return True


@compiled
def reach_server(m: Ints, part: int) -> None:
    """Come to a server's interface, if it has one; what comes twice is thrown away."""
    if not is_missing(m, part):
        return
    m[part + REACHED] = 1
    if not m[INTERFACES]:
        receive(m, part)
        return
    station = m[part + INTERFACE]
    if m[FAIR]:
        hold(m, part)
        share(m, station, part)
    elif m[station + SERVING] != NOTHING or not transfer(m, station, part):
        hold(m, part)
        append(m, station, FIRST, part)
        if m[station + SERVING] == NOTHING:
            m[station + SERVING] = _ABOUT_TO
            m[STATION_TURN] = station


@compiled
def receive(m: Ints, part: int) -> None:
    """Have a part of a gradient at its server, where it waits to be served."""
    flight, server = m[part + OF], m[part + SERVER]
    if not m[flight + WANTED]:
        return
    m[flight + MISSING] -= 1
    if m[flight + MISSING] == 0:
        m[flight + ARRIVED] = m[NOW]
    idle = m[server + SERVING] == NOTHING
    if idle and not serve(m, server, part):
        return
    hold(m, part)
    append(m, server, FIRST, part)
    if idle:
        m[server + SERVING] = _ABOUT_TO
        m[SERVER_TURN] = server
