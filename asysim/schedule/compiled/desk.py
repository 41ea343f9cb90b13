"""The twin of what `asysim.schedule.reference.cluster` lets a coordination rule do. Compiled."""

from __future__ import annotations

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.lists import link, unlink
from asysim.schedule.compiled.memory import compute_next, pull_next, release, stage_next
from asysim.schedule.compiled.names import (
    ARRIVED,
    ATTEMPTS,
    COMPUTE,
    DONE,
    DRAW,
    DROPPED,
    EPOCH,
    FIRST_GATHERED,
    FLIGHT,
    GATHERED,
    GRADIENT,
    HOLDERS,
    IN_FLIGHT,
    IS_SERVED,
    LAST_GATHERED,
    LATENCY,
    LIMIT,
    LOST,
    MISSING,
    MOVING,
    NEVER,
    NEXT_FLIGHT,
    NOBODY,
    NOTHING,
    NOW,
    PART_DRAWS,
    PART_SIZE,
    PARTS,
    PER_UPDATE,
    PLACE,
    RANDOM_SIZES,
    REACHED,
    READ,
    READS_LATER,
    READY,
    ROW_SIZE,
    ROWS,
    SHARDS,
    SIZE_COUNT,
    SIZE_DRAWS,
    SIZES,
    SPARE,
    SPARES,
    STAGED,
    TABLE,
    UNSERVED,
    UPDATE,
    USED,
    VERSION,
    WANTED,
    WORK,
    WORKER,
)


@compiled
def grant(m: Ints, worker: int, limit: int, in_hand: bool) -> None:
    """Let a worker read x now, or when it is sent; `limit`: −1 for none."""
    flight, shards = m[SPARE], m[SHARDS]
    m[SPARE] = m[flight + NEXT_FLIGHT]
    m[SPARES] -= 1
    m[flight + WORKER], m[flight + DRAW] = worker, m[worker + USED + GRADIENT] - 1
    m[flight + VERSION], m[flight + READ] = m[UPDATE], m[NOW]
    m[flight + READY] = m[flight + DONE] = m[flight + ARRIVED] = NEVER
    m[flight + WANTED], m[flight + IS_SERVED] = 1, 0
    m[flight + LIMIT], m[flight + HOLDERS] = limit, 1
    m[flight + MISSING] = m[flight + UNSERVED] = shards
    m[flight + COMPUTE] = m[worker + STAGED + GRADIENT]
    part, draws = flight + PARTS, worker + PART_DRAWS
    for _ in range(2 * shards):
        m[part + ATTEMPTS] = m[part + REACHED] = 0
        m[part + LATENCY], m[part + LOST], m[part + WORK] = m[draws], m[draws + 1], m[draws + 2]
        part, draws = part + PART_SIZE, draws + 3
    if m[RANDOM_SIZES]:
        sizes, draws = flight + m[SIZES], worker + m[SIZE_DRAWS]
        for place in range(SIZE_COUNT):
            m[sizes + place] = m[draws + place]
    stage_next(m, worker, GRADIENT)
    m[worker + FLIGHT] = flight
    link(m, IN_FLIGHT, worker)
    m[MOVING] += 1
    m[EPOCH] += 1  # nobody has asked in vain since
    if in_hand:
        compute_next(m, flight, m[NOW])
    else:
        if m[READS_LATER]:
            m[flight + READ] = NEVER
        pull_next(m, flight)


@compiled
def fold(m: Ints, flight: int) -> None:
    """Add a gradient that is at the server to the next update."""
    m[flight + NEXT_FLIGHT] = NOTHING
    if m[GATHERED] == 0:
        m[FIRST_GATHERED] = flight
    else:
        m[m[LAST_GATHERED] + NEXT_FLIGHT] = flight
    m[LAST_GATHERED] = flight
    m[GATHERED] += 1
    _land(m, flight)


@compiled
def make_update(m: Ints) -> None:
    """Make the update of all gradients folded into it."""
    flight = m[FIRST_GATHERED]
    for _ in range(m[GATHERED]):
        later = m[flight + NEXT_FLIGHT]
        _write_row(m, flight, m[UPDATE])
        release(m, flight)
        flight = later
    m[GATHERED] = 0
    m[UPDATE] += 1


@compiled
def apply(m: Ints, flight: int) -> bool:
    """Add a gradient to the next update; return if that was made."""
    fold(m, flight)
    if m[GATHERED] != m[PER_UPDATE]:
        return False
    make_update(m)
    return True


@compiled
def drop(m: Ints, flight: int) -> None:
    """Dispose of a gradient without an update, wherever it is."""
    _write_row(m, flight, NEVER)
    m[flight + WANTED] = 0
    m[DROPPED] += 1
    if not m[flight + IS_SERVED]:
        m[MOVING] -= 1
    _land(m, flight)
    release(m, flight)


@compiled
def _land(m: Ints, flight: int) -> None:
    """Let a worker be without a gradient."""
    worker = m[flight + WORKER]
    m[worker + FLIGHT] = NOBODY
    unlink(m, IN_FLIGHT, worker)


@compiled
def _write_row(m: Ints, flight: int, update: int) -> None:
    """Write a flight's row; a stage that it has not reached by now is now."""
    now, row = m[NOW], m[TABLE] + m[ROWS] * ROW_SIZE
    m[row], m[row + 1] = m[m[flight + WORKER] + PLACE], m[flight + DRAW]
    m[row + 2], m[row + 3] = m[flight + VERSION], m[flight + READ]
    if m[flight + READ] < 0:
        m[row + 2], m[row + 3] = m[UPDATE], now
    for place in range(3):
        tick = m[flight + READY + place]  # ready, done, arrived
        m[row + 4 + place] = now if tick < 0 or tick > now else tick
    m[row + 7], m[row + 8] = update, now
    m[ROWS] += 1
