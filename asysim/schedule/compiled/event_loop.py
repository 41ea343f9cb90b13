"""The loop of the compiled cluster: one event, or one turn of a queue, after the other."""

from __future__ import annotations

from asysim.coordination.machine import names as n
from asysim.coordination.machine.records import is_in, release, worker_at
from asysim.ground.arrays import Floats, Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.draw_buffers import Lanes, compute, stage
from asysim.schedule.compiled.failures import fall, go, join, rise
from asysim.schedule.compiled.heap import (
    AT_INTERFACE,
    AT_SERVER,
    AT_WORKER,
    CRASH,
    JOIN,
    RECEIVED,
    RESTART,
    SENT,
    SERIAL_BITS,
    SERVED,
    TIMEOUT,
    TRIAL_OVER,
    remove_first,
)
from asysim.schedule.compiled.memory import has_room
from asysim.schedule.compiled.rules import arrive, lose, renew
from asysim.schedule.compiled.star import (
    fly,
    post,
    pull,
    reach_server,
    reach_worker,
    read_if_not_yet,
    receive,
    send,
)
from asysim.schedule.compiled.stations import pop, serve, share_out, transfer

(FULL, OUT_OF_DRAWS, OUT_OF_POWER, OUT_OF_ROOM, OUT_OF_TIME, ENDLESS_PAUSES, STUCK,
 MISTAKEN, NOT_YET) = range(9)  # fmt: skip


@compiled
def go_on(
    m: Ints, lanes: Lanes, segments: Ints, powers: Floats, crashes: Ints, size: int, turns: int
) -> int:
    """Let events happen until there are so many rows, or something is amiss, or `turns` are over.

    A step reads x at most once for each worker, so one draw ahead is enough.
    """
    for _ in range(turns):
        # First what the last step left to do: draws for the next reads, x to send, gradients to
        # compute. Each is done here once, and not wherever a rule may let a worker read.
        if m[n.TO_STAGE] > 0 and not stage(m, lanes):
            return OUT_OF_DRAWS
        if m[n.TO_PULL] > 0:
            _pull(m)
        if m[n.TO_COMPUTE] > 0 and not compute(m, segments, powers):
            return OUT_OF_POWER
        if not has_room(m):
            return OUT_OF_ROOM
        # Then one turn of a queue: it may lead to the rule, and so to all of the above.
        if m[n.SERVER_TURN] != n.NOTHING:
            _server_turn(m, m[n.SERVER_TURN])
        elif m[n.STATION_TURN] != n.NOTHING:
            _station_turn(m, m[n.STATION_TURN])
        elif m[n.LEAVING_PART] != n.NOTHING:
            part = m[n.LEAVING_PART]
            m[n.LEAVING_PART] = m[part + n.NEXT]
            _transferred(m, part)
            release(m, m[part + n.OF])
        else:  # all that this instant's last event led to has happened
            if m[n.PAUSES_ENDLESS]:
                return ENDLESS_PAUSES
            if m[n.MISTAKE]:
                return MISTAKEN
            if m[n.ROWS] >= size:
                return FULL
            if m[n.EVENTS] == 0 or (m[n.MOVING] == 0 and _is_stuck(m)):
                return STUCK
            if m[m[n.HEAP]] == n.PAST_THE_CLOCK:
                return OUT_OF_TIME
            _happen(m, crashes)
    return NOT_YET


@compiled
def _pull(m: Ints) -> None:
    """Send x to those that read it in the last step."""
    for place in range(m[n.PULL_NEXT], m[n.PULL_NEXT] + m[n.TO_PULL]):
        pull(m, m[place])
    m[n.TO_PULL] = 0


@compiled
def _happen(m: Ints, crashes: Ints) -> None:
    """Let the next event happen."""
    first = m[n.HEAP]
    m[n.NOW] = m[first]
    rank, load = m[first + 1] >> SERIAL_BITS, m[first + 2]
    remove_first(m)
    kind, place = rank >> m[n.BITS], rank & ((1 << m[n.BITS]) - 1)
    if kind == SERVED:
        server = m[n.STATIONS] + place * n.STATION_SIZE
        part = m[server + n.SERVING]
        m[n.SERVER_TURN] = server
        _served(m, part)
        release(m, m[part + n.OF])
    elif kind in (SENT, RECEIVED):
        place += m[n.SHARDS] if kind == SENT else 2 * m[n.SHARDS]
        station = m[n.STATIONS] + place * n.STATION_SIZE
        if m[n.FAIR]:
            share_out(m, station, load)
        else:
            part = m[station + n.SERVING]
            m[n.STATION_TURN] = station
            _transferred(m, part)
            release(m, m[part + n.OF])
    elif kind <= TIMEOUT:
        # About a part; only the end of a trial is about a whole flight. The event held the flight.
        flight = load if kind == TRIAL_OVER else m[load + n.OF]
        if kind == TRIAL_OVER:
            lose(m, flight)
        elif kind in (AT_SERVER, AT_INTERFACE):
            reach_server(m, load)
        elif not m[load + n.OUTWARD]:
            if not post(m, load):
                lose(m, flight)
        elif kind == AT_WORKER:
            reach_worker(m, load)
        else:
            send(m, load)
        release(m, flight)
    elif kind == CRASH:
        fall(m, worker_at(m, place), load, crashes)
    elif kind == RESTART:
        rise(m, worker_at(m, place), load)
    elif kind == JOIN:
        join(m, worker_at(m, place))
    else:
        go(m, worker_at(m, place))


@compiled
def _server_turn(m: Ints, server: int) -> None:
    """Let a server take up the next part, if any: gradients wait for reads."""
    part = pop(m, server, n.FIRST_URGENT)
    if part == n.NOTHING:
        part = pop(m, server, n.FIRST)
    m[server + n.SERVING] = part
    if part == n.NOTHING:
        m[n.SERVER_TURN] = n.NOTHING
        return
    flight = m[part + n.OF]
    if m[flight + n.WANTED]:
        if serve(m, server, part):
            _served(m, part)
        else:
            m[n.SERVER_TURN] = n.NOTHING
    release(m, flight)


@compiled
def _station_turn(m: Ints, station: int) -> None:
    """Let an interface take up the next part, if any."""
    part = pop(m, station, n.FIRST)
    m[station + n.SERVING] = part
    if part == n.NOTHING:
        m[n.STATION_TURN] = n.NOTHING
        return
    flight = m[part + n.OF]
    if m[flight + n.WANTED]:
        if transfer(m, station, part):
            m[n.STATION_TURN] = n.NOTHING
        else:
            _transferred(m, part)
        if m[flight + n.READ] < 0:
            read_if_not_yet(m, part)
            renew(m, flight)
    release(m, flight)


@compiled
def _served(m: Ints, part: int) -> None:
    """Go on with a part that a server is done with."""
    flight = m[part + n.OF]
    if m[part + n.OUTWARD]:
        is_unread = m[flight + n.READ] < 0
        send(m, part)
        if is_unread and m[flight + n.READ] >= 0:
            renew(m, flight)
        return
    m[flight + n.UNSERVED] -= 1
    if m[flight + n.UNSERVED] == 0 and m[flight + n.WANTED]:
        arrive(m, flight)


@compiled
def _transferred(m: Ints, part: int) -> None:
    """Go on with a part that went through an interface."""
    if m[part + n.OUTWARD]:
        fly(m, part)
    else:
        receive(m, part)


@compiled
def _is_stuck(m: Ints) -> bool:
    """Whether all who could ask to read have asked, in vain; nothing is on its way."""
    if m[n.TO_COME] > 0:
        return False
    for place in range(m[n.WORKER_COUNT]):
        worker = worker_at(m, place)
        if (
            m[worker + n.MEMBER]
            and m[worker + n.TRIED] != m[n.EPOCH]
            and not is_in(m, n.WAITING, worker)
            and m[worker + n.FLIGHT] == n.NOBODY
            and (m[worker + n.DOWN] < 0 or m[worker + n.BACK])
        ):
            return False
    return True
