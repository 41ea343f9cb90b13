"""The loop of the compiled cluster: one event, or one turn of a queue, after the other."""

from __future__ import annotations

from asysim.ground.arrays import Floats, Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.agenda import (
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
    TIMED_OUT,
    TRIAL_OVER,
    remove_first,
)
from asysim.schedule.compiled.lists import is_in, worker_at
from asysim.schedule.compiled.lives import fall, go, join, rise
from asysim.schedule.compiled.memory import has_room, release
from asysim.schedule.compiled.names import (
    BACK,
    BITS,
    DOWN,
    EPOCH,
    EVENTS,
    FAIR,
    FIRST,
    FIRST_URGENT,
    FLIGHT,
    HEAP,
    LEAVING_PART,
    MEMBER,
    MOVING,
    NEXT,
    NOBODY,
    NOTHING,
    NOW,
    OF,
    OUTWARD,
    PAST_THE_CLOCK,
    PAUSES_ENDLESS,
    PULL_NEXT,
    READ,
    ROWS,
    SERVER_TURN,
    SERVING,
    SHARDS,
    STATION_SIZE,
    STATION_TURN,
    STATIONS,
    TO_COME,
    TO_COMPUTE,
    TO_PULL,
    TO_STAGE,
    TRIED,
    UNSERVED,
    WAITING,
    WANTED,
    WORKER_COUNT,
)
from asysim.schedule.compiled.rules import arrive, lose, renew
from asysim.schedule.compiled.staging import Lanes, compute, stage
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

FULL, OUT_OF_DRAWS, OUT_OF_POWER, OUT_OF_ROOM, OUT_OF_TIME, ENDLESS_PAUSES, STUCK = range(7)


@compiled
def go_on(m: Ints, lanes: Lanes, segments: Ints, powers: Floats, crashes: Ints, size: int) -> int:
    """Let events happen until there are so many rows, or something is amiss.

    A step reads x at most once for each worker, so one draw ahead is enough.
    """
    while True:
        if m[TO_STAGE] > 0 and not stage(m, lanes):
            return OUT_OF_DRAWS
        if m[TO_PULL] > 0:
            _pull(m)
        if m[TO_COMPUTE] > 0 and not compute(m, segments, powers):
            return OUT_OF_POWER
        if not has_room(m):
            return OUT_OF_ROOM
        if m[SERVER_TURN] != NOTHING:
            _server_turn(m, m[SERVER_TURN])
        elif m[STATION_TURN] != NOTHING:
            _station_turn(m, m[STATION_TURN])
        elif m[LEAVING_PART] != NOTHING:
            part = m[LEAVING_PART]
            m[LEAVING_PART] = m[part + NEXT]
            _transferred(m, part)
            release(m, m[part + OF])
        else:
            if m[PAUSES_ENDLESS]:
                return ENDLESS_PAUSES
            if m[ROWS] >= size:
                return FULL
            if m[EVENTS] == 0 or (m[MOVING] == 0 and _is_stuck(m)):
                return STUCK
            if m[m[HEAP]] == PAST_THE_CLOCK:
                return OUT_OF_TIME
            _happen(m, crashes)


@compiled
def _pull(m: Ints) -> None:
    """Send x to those that read it in the last step."""
    for place in range(m[PULL_NEXT], m[PULL_NEXT] + m[TO_PULL]):
        pull(m, m[place])
    m[TO_PULL] = 0


@compiled
def _happen(m: Ints, crashes: Ints) -> None:
    """Let the next event happen."""
    first = m[HEAP]
    m[NOW] = m[first]
    rank, load = m[first + 1] >> SERIAL_BITS, m[first + 2]
    remove_first(m)
    kind, place = rank >> m[BITS], rank & ((1 << m[BITS]) - 1)
    if kind == SERVED:
        server = m[STATIONS] + place * STATION_SIZE
        part = m[server + SERVING]
        m[SERVER_TURN] = server
        _served(m, part)
        release(m, m[part + OF])
    elif kind in (SENT, RECEIVED):
        place += m[SHARDS] if kind == SENT else 2 * m[SHARDS]
        station = m[STATIONS] + place * STATION_SIZE
        if m[FAIR]:
            share_out(m, station, load)
        else:
            part = m[station + SERVING]
            m[STATION_TURN] = station
            _transferred(m, part)
            release(m, m[part + OF])
    elif kind <= TIMED_OUT:
        flight = load if kind == TRIAL_OVER else m[load + OF]
        if kind == TRIAL_OVER:
            lose(m, flight)
        elif kind in (AT_SERVER, AT_INTERFACE):
            reach_server(m, load)
        elif not m[load + OUTWARD]:
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
    part = pop(m, server, FIRST_URGENT)
    if part == NOTHING:
        part = pop(m, server, FIRST)
    m[server + SERVING] = part
    if part == NOTHING:
        m[SERVER_TURN] = NOTHING
        return
    flight = m[part + OF]
    if m[flight + WANTED]:
        if serve(m, server, part):
            _served(m, part)
        else:
            m[SERVER_TURN] = NOTHING
    release(m, flight)


@compiled
def _station_turn(m: Ints, station: int) -> None:
    """Let an interface take up the next part, if any."""
    part = pop(m, station, FIRST)
    m[station + SERVING] = part
    if part == NOTHING:
        m[STATION_TURN] = NOTHING
        return
    flight = m[part + OF]
    if m[flight + WANTED]:
        if transfer(m, station, part):
            m[STATION_TURN] = NOTHING
        else:
            _transferred(m, part)
        if m[flight + READ] < 0:
            read_if_not_yet(m, part)
            renew(m, flight)
    release(m, flight)


@compiled
def _served(m: Ints, part: int) -> None:
    """Go on with a part that a server is done with."""
    flight = m[part + OF]
    if m[part + OUTWARD]:
        is_unread = m[flight + READ] < 0
        send(m, part)
        if is_unread and m[flight + READ] >= 0:
            renew(m, flight)
        return
    m[flight + UNSERVED] -= 1
    if m[flight + UNSERVED] == 0 and m[flight + WANTED]:
        arrive(m, flight)


@compiled
def _transferred(m: Ints, part: int) -> None:
    """Go on with a part that went through an interface."""
    if m[part + OUTWARD]:
        fly(m, part)
    else:
        receive(m, part)


@compiled
def _is_stuck(m: Ints) -> bool:
    """Whether all who could ask to read have asked, in vain; nothing is on its way."""
    if m[TO_COME] > 0:
        return False
    for place in range(m[WORKER_COUNT]):
        worker = worker_at(m, place)
        if (
            m[worker + MEMBER]
            and m[worker + TRIED] != m[EPOCH]
            and not is_in(m, WAITING, worker)
            and m[worker + FLIGHT] == NOBODY
            and (m[worker + DOWN] < 0 or m[worker + BACK])
        ):
            return False
    return True
