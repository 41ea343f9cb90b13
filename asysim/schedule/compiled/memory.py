"""All that the compiled cluster knows at an instant: one array of whole numbers, `m`.

The first places are single numbers. The rest are records: workers, stations (servers' queues and
interfaces), flights (gradients on their way round), each with its parts: one for each server in
each direction. A record is named by its first place, and `m[worker + FLIGHT]` is a field of it; 0
stands for none.

Many arrays would say the same, but each costs when a function is called with it: an event takes
70 ns so, 139 with five arrays of structures, 355 with named tuples within one another.

Whatever is scheduled for a flight, or queues for it, holds it; it is used again when nobody does.
A part is in one queue at a time, so queues are linked through their parts.
"""

from __future__ import annotations

import numpy as np

from asysim.coordination.machine import names as n
from asysim.coordination.machine.records import stage_next, worker_at, workers_of
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.heap import RECEIVED, SENT, SERVED


def new_memory(
    workers: int, shards: int, pauses: Ints, *, half_duplex: bool, random_sizes: bool
) -> Ints:
    """Return a memory in which nothing has happened, and that has no room for anything.

    Parameters
    ----------
    workers, shards
        How many workers and servers.
    pauses
        See `asysim.schedule.compiled.power.pause_table`.
    half_duplex
        Whether servers send and receive through the same interface.
    random_sizes
        Whether messages have sizes of their own.
    """
    sizes_of_messages = int(n.SIZE_COUNT) if random_sizes else 0
    size_draws = n.PART_DRAWS + 6 * shards
    worker_size = size_draws + sizes_of_messages
    sizes = {  # of what comes before each
        n.STATIONS: workers * worker_size,
        n.PAUSES: 3 * shards * n.STATION_SIZE,
        n.STAGE: pauses.size,
        n.PULL_NEXT: 2 * n.STREAMS * workers + 16,
        n.COMPUTE_NEXT: workers + 1,
        n.MARKS: workers + 1,
        n.ROOM: workers,
        n.FLIGHTS: workers + 1,
    }
    begins = n.WORKERS + np.cumsum(list(sizes.values()))
    m = np.zeros(begins[-1], np.int64)
    m[list(sizes)] = begins
    m[n.WORKER_COUNT], m[n.WORKER_SIZE], m[n.SHARDS] = workers, worker_size, shards
    m[n.RANDOM_SIZES], m[n.SIZE_DRAWS] = random_sizes, size_draws
    m[n.SIZES] = n.PARTS + 2 * shards * n.PART_SIZE
    m[n.FLIGHT_SIZE] = m[n.SIZES] + sizes_of_messages
    m[n.PAUSE_COUNT], m[n.HALF] = len(pauses), half_duplex
    m[n.BITS], m[n.EPOCH] = max(workers, shards).bit_length(), 1
    m[m[n.PAUSES] : m[n.STAGE]] = pauses.ravel()
    crowd = workers_of(m)
    crowd[:, n.PLACE] = np.arange(workers)
    crowd[:, n.UNKNOWN_AT_FIRST] = n.NEVER
    stations = m[m[n.STATIONS] : m[n.PAUSES]].reshape(3, shards, n.STATION_SIZE)
    stations[:, :, n.SHARD] = np.arange(shards)
    stations[:, :, n.END_KIND] = np.array([SERVED, SENT, RECEIVED])[:, None]
    return m


def rows_of(m: Ints) -> Ints:
    """Return a view of the rows of the block, (rows, 9): see `asysim.trace.row_table.Row`."""
    return m[m[n.TABLE] : m[n.TABLE] + m[n.ROWS] * n.ROW_SIZE].reshape(-1, n.ROW_SIZE)


def with_room(m: Ints, events: int) -> Ints:
    """Return the memory with room for the next step and many more.

    `events` are scheduled beside those of a step.
    """
    workers, count = int(m[n.WORKER_COUNT]), int(m[n.FLIGHT_COUNT])
    flights = count if m[n.SPARES] > workers else max(2 * count, 4 * workers + 16)
    rows = max(int(m[n.TABLE_ROOM]), 2 * _rows_after(m) + 64)
    events += max(int(m[n.HEAP_ROOM]), 2 * _events_after(m) + 64)
    size, old = int(m[n.FLIGHT_SIZE]), int(m[n.FLIGHTS] + m[n.FLIGHT_COUNT] * m[n.FLIGHT_SIZE])
    heap = old + (flights - count) * size
    table = heap + events * n.EVENT_SIZE
    new = np.zeros(table + rows * n.ROW_SIZE, np.int64)
    new[:old] = m[:old]
    for begin, base, used in (
        (heap, n.HEAP, m[n.EVENTS] * n.EVENT_SIZE),
        (table, n.TABLE, m[n.ROWS] * n.ROW_SIZE),
    ):
        new[begin : begin + used] = m[m[base] : m[base] + used]
        new[base] = begin
    new[n.HEAP_ROOM], new[n.TABLE_ROOM], new[n.FLIGHT_COUNT] = events, rows, flights
    if flights > count:
        _add_flights(new, old, heap)
    return new


def _add_flights(m: Ints, begin: int, end: int) -> None:
    """Make flights of m[begin:end]."""
    size, shards = int(m[n.FLIGHT_SIZE]), int(m[n.SHARDS])
    starts = np.arange(begin, end, size)
    flights = m[begin:end].reshape(-1, size)
    flights[:, n.NEXT_FLIGHT] = np.append(starts[1:], m[n.SPARE])
    m[n.SPARE] = begin
    m[n.SPARES] += len(starts)
    parts = flights[:, n.PARTS : m[n.SIZES]].reshape(-1, 2, shards, n.PART_SIZE)
    servers = m[n.STATIONS] + np.arange(shards) * n.STATION_SIZE
    there = 1 if m[n.HALF] else 2
    parts[:, :, :, n.OF] = starts[:, None, None]
    parts[:, 0, :, n.OUTWARD] = 1
    parts[:, :, :, n.SERVER] = servers
    parts[:, 0, :, n.INTERFACE] = servers + shards * n.STATION_SIZE
    parts[:, 1, :, n.INTERFACE] = servers + there * shards * n.STATION_SIZE


@compiled
def _rows_after(m: Ints) -> int:
    """Return how many rows there are after the next step, at most."""
    return int(m[n.ROWS] + m[n.GATHERED] + 2 * m[n.WORKER_COUNT] + 16)


@compiled
def _events_after(m: Ints) -> int:
    """Return how many events there are after the next step, at most: everybody may read anew."""
    return int(m[n.EVENTS] + (4 * m[n.SHARDS] + 2) * m[n.WORKER_COUNT] + 16)


@compiled
def has_room(m: Ints) -> bool:
    """Whether there is room for all that may come of the next step."""
    return bool(
        m[n.SPARES] > m[n.WORKER_COUNT]
        and _rows_after(m) <= m[n.TABLE_ROOM]
        and _events_after(m) <= m[n.HEAP_ROOM]
    )


@compiled
def held_versions(m: Ints) -> Ints:
    """Return the versions of all flights that have read x, and were not disposed of."""
    out, count = np.empty(m[n.WORKER_COUNT] + m[n.GATHERED], np.int64), 0
    for place in range(m[n.WORKER_COUNT]):
        flight = m[worker_at(m, place) + n.FLIGHT]
        if flight != n.NOBODY and m[flight + n.READ] >= 0:
            out[count] = m[flight + n.VERSION]
            count += 1
    flight = m[n.FIRST_GATHERED]
    for _ in range(m[n.GATHERED]):
        out[count] = m[flight + n.VERSION]
        count += 1
        flight = m[flight + n.NEXT_FLIGHT]
    return out[:count]


@compiled
def next_of(m: Ints, worker: int, stream: int) -> int:
    """Return the worker's next draw of a stream; not of gradients."""
    stage_next(m, worker, stream)
    return int(m[worker + n.STAGED + stream])


@compiled
def hold(m: Ints, part: int) -> None:
    """Hold the flight of a part."""
    m[m[part + n.OF] + n.HOLDERS] += 1
