"""All that the compiled cluster knows at an instant: one array of whole numbers, `m`.

The first places are single numbers. The rest are records: workers, stations (servers' queues and
interfaces), flights (gradients on their way round), each with its parts: one for each server in
each direction. A record is named by its first place, and `m[worker + FLIGHT]` is a field of it; 0
stands for none. Many arrays would say the same, but each costs when a function is called with it.

Whatever is scheduled for a flight, or queues for it, holds it; it is used again when nobody does.
A part is in one queue at a time, so queues are linked through their parts.
"""

from __future__ import annotations

import numpy as np

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.agenda import RECEIVED, SENT, SERVED
from asysim.schedule.compiled.lists import worker_at
from asysim.schedule.compiled.names import (
    BITS,
    COMPUTE_NEXT,
    END_KIND,
    EPOCH,
    EVENT_SIZE,
    EVENTS,
    FIRST_GATHERED,
    FLIGHT,
    FLIGHT_COUNT,
    FLIGHT_SIZE,
    FLIGHTS,
    GATHERED,
    HALF,
    HEAP,
    HEAP_ROOM,
    HOLDERS,
    INTERFACE,
    MARKS,
    NEVER,
    NEXT_FLIGHT,
    NOBODY,
    OF,
    OUTWARD,
    PART_DRAWS,
    PART_SIZE,
    PARTS,
    PAUSE_COUNT,
    PAUSES,
    PLACE,
    PULL_NEXT,
    RANDOM_SIZES,
    READ,
    READY,
    ROUND,
    ROW_SIZE,
    ROWS,
    SERVER,
    SHARD,
    SHARDS,
    SIZE_COUNT,
    SIZE_DRAWS,
    SIZES,
    SPARE,
    SPARES,
    STAGE,
    STAGED,
    STATION_SIZE,
    STATIONS,
    STREAMS,
    TABLE,
    TABLE_ROOM,
    TO_COMPUTE,
    TO_PULL,
    TO_STAGE,
    UNKNOWN_AT_FIRST,
    VERSION,
    VERSIONS,
    WORKER_COUNT,
    WORKER_SIZE,
    WORKERS,
)


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
    sizes_of_messages = int(SIZE_COUNT) if random_sizes else 0
    size_draws = PART_DRAWS + 6 * shards
    worker_size = size_draws + sizes_of_messages
    bases = [STATIONS, PAUSES, STAGE, PULL_NEXT, COMPUTE_NEXT, MARKS, VERSIONS, FLIGHTS]
    sizes = [
        workers * worker_size, 3 * shards * STATION_SIZE, pauses.size, 2 * STREAMS * workers + 16,
        workers + 1, workers + 1, workers, workers + 1,
    ]  # fmt: skip
    begins = WORKERS + np.cumsum(sizes)
    m = np.zeros(begins[-1], np.int64)
    m[bases] = begins
    m[WORKER_COUNT], m[WORKER_SIZE], m[SHARDS] = workers, worker_size, shards
    m[RANDOM_SIZES], m[SIZE_DRAWS] = random_sizes, size_draws
    m[SIZES] = PARTS + 2 * shards * PART_SIZE
    m[FLIGHT_SIZE] = m[SIZES] + sizes_of_messages
    m[PAUSE_COUNT], m[HALF] = len(pauses), half_duplex
    m[BITS], m[EPOCH], m[ROUND] = max(workers, shards).bit_length(), 1, 1
    m[m[PAUSES] : m[STAGE]] = pauses.ravel()
    crowd = workers_of(m)
    crowd[:, PLACE] = np.arange(workers)
    crowd[:, UNKNOWN_AT_FIRST] = NEVER
    stations = m[m[STATIONS] : m[PAUSES]].reshape(3, shards, STATION_SIZE)
    stations[:, :, SHARD] = np.arange(shards)
    stations[:, :, END_KIND] = np.array([SERVED, SENT, RECEIVED])[:, None]
    return m


def workers_of(m: Ints) -> Ints:
    """Return a view of the workers' records, (p, fields)."""
    end = WORKERS + m[WORKER_COUNT] * m[WORKER_SIZE]
    return m[WORKERS:end].reshape(-1, m[WORKER_SIZE])


def rows_of(m: Ints) -> Ints:
    """Return a view of the rows of the block, (rows, 9): see `asysim.trace.row_table.Row`."""
    return m[m[TABLE] : m[TABLE] + m[ROWS] * ROW_SIZE].reshape(-1, ROW_SIZE)


def with_room(m: Ints, events: int) -> Ints:
    """Return the memory with room for the next step and many more.

    `events` are scheduled beside those of a step.
    """
    workers, count = int(m[WORKER_COUNT]), int(m[FLIGHT_COUNT])
    flights = count if m[SPARES] > workers else max(2 * count, 4 * workers + 16)
    rows = max(int(m[TABLE_ROOM]), 2 * _rows_after(m) + 64)
    events += max(int(m[HEAP_ROOM]), 2 * _events_after(m) + 64)
    size, old = int(m[FLIGHT_SIZE]), int(m[FLIGHTS] + m[FLIGHT_COUNT] * m[FLIGHT_SIZE])
    heap = old + (flights - count) * size
    table = heap + events * EVENT_SIZE
    new = np.zeros(table + rows * ROW_SIZE, np.int64)
    new[:old] = m[:old]
    for begin, base, used in (
        (heap, HEAP, m[EVENTS] * EVENT_SIZE),
        (table, TABLE, m[ROWS] * ROW_SIZE),
    ):
        new[begin : begin + used] = m[m[base] : m[base] + used]
        new[base] = begin
    new[HEAP_ROOM], new[TABLE_ROOM], new[FLIGHT_COUNT] = events, rows, flights
    if flights > count:
        _add_flights(new, old, heap)
    return new


def _add_flights(m: Ints, begin: int, end: int) -> None:
    """Make flights of m[begin:end]."""
    size, shards = int(m[FLIGHT_SIZE]), int(m[SHARDS])
    starts = np.arange(begin, end, size)
    flights = m[begin:end].reshape(-1, size)
    flights[:, NEXT_FLIGHT] = np.append(starts[1:], m[SPARE])
    m[SPARE] = begin
    m[SPARES] += len(starts)
    parts = flights[:, PARTS : m[SIZES]].reshape(-1, 2, shards, PART_SIZE)
    servers = m[STATIONS] + np.arange(shards) * STATION_SIZE
    there = 1 if m[HALF] else 2
    parts[:, :, :, OF] = starts[:, None, None]
    parts[:, 0, :, OUTWARD] = 1
    parts[:, :, :, SERVER] = servers
    parts[:, 0, :, INTERFACE] = servers + shards * STATION_SIZE
    parts[:, 1, :, INTERFACE] = servers + there * shards * STATION_SIZE


@compiled
def _rows_after(m: Ints) -> int:
    """Return how many rows there are after the next step, at most."""
    return int(m[ROWS] + m[GATHERED] + 2 * m[WORKER_COUNT] + 16)


@compiled
def _events_after(m: Ints) -> int:
    """Return how many events there are after the next step, at most: everybody may read anew."""
    return int(m[EVENTS] + (4 * m[SHARDS] + 2) * m[WORKER_COUNT] + 16)


@compiled
def has_room(m: Ints) -> bool:
    """Whether there is room for all that may come of the next step."""
    return bool(
        m[SPARES] > m[WORKER_COUNT]
        and _rows_after(m) <= m[TABLE_ROOM]
        and _events_after(m) <= m[HEAP_ROOM]
    )


@compiled
def held_versions(m: Ints) -> Ints:
    """Return the versions of all flights that have read x, and were not disposed of."""
    out, count = np.empty(m[WORKER_COUNT] + m[GATHERED], np.int64), 0
    for place in range(m[WORKER_COUNT]):
        flight = m[worker_at(m, place) + FLIGHT]
        if flight != NOBODY and m[flight + READ] >= 0:
            out[count] = m[flight + VERSION]
            count += 1
    flight = m[FIRST_GATHERED]
    for _ in range(m[GATHERED]):
        out[count] = m[flight + VERSION]
        count += 1
        flight = m[flight + NEXT_FLIGHT]
    return out[:count]


@compiled
def stage_next(m: Ints, worker: int, stream: int) -> None:
    """Have the worker's next draw of a stream put in the place of the one that was used."""
    m[m[STAGE] + m[TO_STAGE]] = m[worker + PLACE] * 8 + stream
    m[TO_STAGE] += 1


@compiled
def next_of(m: Ints, worker: int, stream: int) -> int:
    """Return the worker's next draw of a stream; not of gradients."""
    stage_next(m, worker, stream)
    return int(m[worker + STAGED + stream])


@compiled
def compute_next(m: Ints, flight: int, ready: int) -> None:
    """Have a worker compute its gradient, which has x at tick `ready`, after this step."""
    m[flight + READY] = ready
    m[m[COMPUTE_NEXT] + m[TO_COMPUTE]] = flight
    m[TO_COMPUTE] += 1


@compiled
def pull_next(m: Ints, flight: int) -> None:
    """Have x sent to a worker after this step, in the order in which that was asked for."""
    m[m[PULL_NEXT] + m[TO_PULL]] = flight
    m[TO_PULL] += 1


@compiled
def hold(m: Ints, part: int) -> None:
    """Hold the flight of a part."""
    m[m[part + OF] + HOLDERS] += 1


@compiled
def release(m: Ints, flight: int) -> None:
    """Let go of a flight; when nobody holds it any more, it is used again."""
    m[flight + HOLDERS] -= 1
    if m[flight + HOLDERS] == 0:
        m[flight + NEXT_FLIGHT] = m[SPARE]
        m[SPARE] = flight
        m[SPARES] += 1
