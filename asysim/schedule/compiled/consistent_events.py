"""What happens in the plain schedule of AsySG-con, compiled: arrivals, and what follows."""

from __future__ import annotations

from typing import NamedTuple

from asysim.coordination import bound as deadlines
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.heap import pop, push, replace
from asysim.schedule.timing import LONGEST
from asysim.trace.gradient import LOST

ROWS, UPDATE, FREE_AT, GATHERED = range(4)
READERS, FIRST_READER, PARKED, UNDER_WAY, PLACES = range(4, 9)
NO_BOUND = -1
DONE, OUT_OF_DRAWS, PAST_THE_CLOCK, NOT_YET = range(4)
LATEST = 2**63 - 1 - 4 * LONGEST  # a gradient that begins by then is served within 64 bits


class Way(NamedTuple):
    """Ticks of each draw's steps; tables of `Draws`."""

    pull: Ints
    compute: Ints
    push: Ints
    service: Ints


class Crowd(NamedTuple):
    """The workers, and the gradient that each of them has on its way; (p,) each but for rows.

    Attributes
    ----------
    draw
        The next one of each.
    made
        Draws that there are of each.
    row
        What is known of each gradient: see `asysim.trace.row_table.Taken`, the worker left out.
    service
        How long the server will take for it.
    instants, ranks
        The heap of those on their way.
    readers
        A ring of those that wait for leave to read.
    parked
        Those that wait for leave to be applied, in order.
    versions
        What those under way were read at, in order.
    """

    draw: Ints
    made: Ints
    row: Ints
    service: Ints
    instants: Ints
    ranks: Ints
    readers: Ints
    parked: Ints
    versions: Ints


class Out(NamedTuple):
    """Rows: facts, shape (4, rows); ticks, shape (5, rows); and (c, 7) of the next update."""

    facts: Ints
    ticks: Ints
    gathered: Ints


VERSION, FIRST_TICK = 1, 3  # places in a crowd's rows


@compiled
def _read(crowd: Crowd, way: Way, at: Ints, worker: int, now: int) -> int:
    """Take the snapshot for a worker's next gradient; return when it will arrive."""
    draw = crowd.draw[worker]
    crowd.draw[worker] = draw + 1
    ready = way.pull[worker, draw & (way.pull.shape[1] - 1), 0]
    done = ready + way.compute[worker, draw & (way.compute.shape[1] - 1), 0]
    arrived = done + way.push[worker, draw & (way.push.shape[1] - 1), 0]
    crowd.service[worker] = way.service[worker, draw & (way.service.shape[1] - 1), 0]
    row = crowd.row[worker]
    row[0], row[1], row[2] = draw, at[UPDATE], now
    row[3], row[4], row[5] = now + ready, now + done, now + arrived
    arrival: int = now + arrived
    return arrival


@compiled
def _dispose(out: Out, at: Ints, worker: int, row: Ints, update: int, now: int) -> None:
    i = at[ROWS]
    at[ROWS] = i + 1
    facts, ticks = out.facts, out.ticks
    facts[0, i], facts[1, i], facts[2, i], facts[3, i] = worker, row[0], row[1], update
    ticks[0, i], ticks[1, i], ticks[2, i], ticks[3, i] = row[2], row[3], row[4], row[5]
    ticks[4, i] = now


@compiled
def _apply(crowd: Crowd, out: Out, at: Ints, worker: int, now: int, per_update: int) -> None:
    """Fold a gradient into the update that is being put together; make it if it is whole."""
    if per_update == 1:
        _dispose(out, at, worker, crowd.row[worker], at[UPDATE], now)
        at[UPDATE] += 1
        return
    kept, row = out.gathered[at[GATHERED]], crowd.row[worker]
    kept[0] = worker
    for i in range(row.size):  # a slice's assignment can fail, in words that take 2 s to compile
        kept[1 + i] = row[i]
    at[GATHERED] += 1
    if at[GATHERED] == per_update:
        for i in range(per_update):
            kept = out.gathered[i]
            _dispose(out, at, kept[0], kept[1:], at[UPDATE], now)
        at[GATHERED] = 0
        at[UPDATE] += 1


@compiled
def _settle(
    crowd: Crowd, way: Way, out: Out, at: Ints, now: int, bound: int, per_update: int
) -> bool:
    """Let workers go on as far as T allows, in order of asking; return if draws are left."""
    workers, versions = crowd.draw.size, crowd.versions
    draws_left, going = True, True
    while going:
        going = False
        while at[READERS] > 0 and deadlines.admits_read(
            versions, at[UNDER_WAY], at[UPDATE], at[UPDATE], at[GATHERED], bound, per_update
        ):
            worker = crowd.readers[at[FIRST_READER]]
            at[FIRST_READER] = (at[FIRST_READER] + 1) % workers
            at[READERS] -= 1
            arrival = _read(crowd, way, at, worker, now)
            draws_left &= crowd.draw[worker] < crowd.made[worker]
            at[PLACES] = push(crowd.instants, crowd.ranks, at[PLACES], arrival, worker)
            at[UNDER_WAY] = deadlines.add(versions, at[UNDER_WAY], at[UPDATE])
        for place in range(at[PARKED]):
            worker = crowd.parked[place]
            version = crowd.row[worker, VERSION]
            if deadlines.admits_update(
                versions, at[UNDER_WAY], version, at[UPDATE], at[GATHERED], bound, per_update
            ):
                at[PARKED] -= 1
                for i in range(place, at[PARKED]):
                    crowd.parked[i] = crowd.parked[i + 1]
                at[UNDER_WAY] = deadlines.remove(versions, at[UNDER_WAY], version)
                _apply(crowd, out, at, worker, now, per_update)
                crowd.readers[(at[FIRST_READER] + at[READERS]) % workers] = worker
                at[READERS] += 1
                going = True
                break
    return draws_left


@compiled
def go_on(
    crowd: Crowd, way: Way, out: Out, at: Ints, size: int, bound: int, waits: bool,
    per_update: int, events: int,
) -> int:  # fmt: skip
    """Let events happen until there are so many rows, or something is amiss, or they are over.

    Before each event every worker has at least one draw left, and none takes two in one event.
    """
    instants, ranks = crowd.instants, crowd.ranks
    # Nobody is under way before the first event, and whoever waits may begin.
    if (
        waits
        and at[PLACES] == 0
        and not _settle(crowd, way, out, at, at[FREE_AT], bound, per_update)
    ):
        return OUT_OF_DRAWS
    while at[ROWS] < size:
        if events == 0:
            return NOT_YET
        events -= 1
        worker = ranks[0]
        now = max(instants[0], at[FREE_AT]) + crowd.service[worker]
        if now > LATEST:
            return PAST_THE_CLOCK
        at[FREE_AT] = now
        if waits:
            at[PLACES] = pop(instants, ranks, at[PLACES])
            crowd.parked[at[PARKED]] = worker
            at[PARKED] += 1
            if not _settle(crowd, way, out, at, now, bound, per_update):
                return OUT_OF_DRAWS
            continue
        row = crowd.row[worker]
        if bound == NO_BOUND or at[UPDATE] - row[VERSION] <= bound:
            _apply(crowd, out, at, worker, now, per_update)
        else:
            _dispose(out, at, worker, row, LOST, now)
        replace(instants, ranks, at[PLACES], _read(crowd, way, at, worker, now), worker)
        if crowd.draw[worker] >= crowd.made[worker]:
            return OUT_OF_DRAWS
    return DONE


@compiled
def go_on_simply(crowd: Crowd, way: Way, out: Out, at: Ints, size: int, bound: int) -> int:
    """Do the same where nobody waits and each gradient is an update: all in one loop.

    It is most of what is ever simulated, so nothing here is called, or looked up, twice.
    """
    instants, ranks, row = crowd.instants, crowd.ranks, crowd.row
    draws, made, services = crowd.draw, crowd.made, crowd.service
    pull, compute, push_, service = way.pull, way.compute, way.push, way.service
    facts, ticks = out.facts, out.ticks
    places, free_at, update, rows = at[PLACES], at[FREE_AT], at[UPDATE], at[ROWS]
    stopped = DONE
    while rows < size:
        worker = ranks[0]
        now = max(instants[0], free_at) + services[worker]
        if now > LATEST:
            stopped = PAST_THE_CLOCK
            break
        free_at = now
        version = row[worker, 1]
        facts[0, rows], facts[1, rows], facts[2, rows] = worker, row[worker, 0], version
        ticks[0, rows], ticks[1, rows] = row[worker, 2], row[worker, 3]
        ticks[2, rows], ticks[3, rows] = row[worker, 4], row[worker, 5]
        ticks[4, rows] = now
        if bound == NO_BOUND or update - version <= bound:
            facts[3, rows] = update
            update += 1
        else:
            facts[3, rows] = LOST
        rows += 1
        draw = draws[worker]
        draws[worker] = draw + 1
        ready = now + pull[worker, draw & (pull.shape[1] - 1), 0]
        done = ready + compute[worker, draw & (compute.shape[1] - 1), 0]
        arrived = done + push_[worker, draw & (push_.shape[1] - 1), 0]
        services[worker] = service[worker, draw & (service.shape[1] - 1), 0]
        row[worker, 0], row[worker, 1], row[worker, 2] = draw, update, now
        row[worker, 3], row[worker, 4], row[worker, 5] = ready, done, arrived
        replace(instants, ranks, places, arrived, worker)
        if draw + 1 >= made[worker]:
            stopped = OUT_OF_DRAWS
            break
    at[FREE_AT], at[UPDATE], at[ROWS] = free_at, update, rows
    return stopped
