"""What a compiled coordination rule may do, as in `asysim.coordination.base`. Compiled."""

from __future__ import annotations

from asysim.coordination.machine import names as n
from asysim.coordination.machine.hooks import call
from asysim.coordination.machine.records import (
    compute_next,
    first_of,
    link,
    pull_next,
    release,
    stage_next,
    unlink,
    worker_at,
)
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled


@compiled
def grant(m: Ints, worker: int) -> None:
    """Let a worker that asked read x now, or when it is sent."""
    grant_trial(m, worker, n.NEVER, n.AFAR)


@compiled
def grant_trial(m: Ints, worker: int, limit: int, in_hand: bool) -> None:
    """Do so; it gives up `limit` ticks after x is in hand (−1: never), where x may already be."""
    # One draw of each worker is laid out ahead of a step; it is -1 once it has been used.
    if m[worker + n.FLIGHT] != n.NOBODY or m[worker + n.STAGED + n.GRADIENT] < 0:
        m[n.MISTAKE] = n.READ_TWICE
        return
    flight, shards = m[n.SPARE], m[n.SHARDS]
    m[n.SPARE] = m[flight + n.NEXT_FLIGHT]
    m[n.SPARES] -= 1
    m[flight + n.WORKER], m[flight + n.DRAW] = worker, m[worker + n.USED + n.GRADIENT] - 1
    m[flight + n.VERSION], m[flight + n.READ] = m[n.UPDATE], m[n.NOW]
    m[flight + n.READY] = m[flight + n.DONE] = m[flight + n.ARRIVED] = n.NEVER
    m[flight + n.WANTED], m[flight + n.IS_SERVED] = 1, 0
    m[flight + n.LIMIT], m[flight + n.HOLDERS] = limit, 1
    m[flight + n.MISSING] = m[flight + n.UNSERVED] = shards
    m[flight + n.COMPUTE] = m[worker + n.STAGED + n.GRADIENT]
    part, draws = flight + n.PARTS, worker + n.PART_DRAWS
    for _ in range(2 * shards):
        m[part + n.ATTEMPTS] = m[part + n.REACHED] = 0
        m[part + n.LATENCY], m[part + n.LOST] = m[draws], m[draws + 1]
        m[part + n.WORK] = m[draws + 2]
        part, draws = part + n.PART_SIZE, draws + 3
    if m[n.RANDOM_SIZES]:
        sizes, draws = flight + m[n.SIZES], worker + m[n.SIZE_DRAWS]
        for place in range(n.SIZE_COUNT):
            m[sizes + place] = m[draws + place]
    m[worker + n.STAGED + n.GRADIENT] = n.NEVER
    stage_next(m, worker, n.GRADIENT)
    m[worker + n.FLIGHT] = flight
    link(m, n.IN_FLIGHT, worker)
    m[n.MOVING] += 1
    m[n.EPOCH] += 1  # nobody has asked in vain since
    if in_hand:
        compute_next(m, flight, m[n.NOW])
    else:
        if m[n.READS_LATER]:
            m[flight + n.READ] = n.NEVER
        pull_next(m, flight)


@compiled
def fold(m: Ints, flight: int) -> None:
    """Add a gradient that is at the server to the next update."""
    if _is_not_there(m, flight) or not m[flight + n.IS_SERVED]:
        m[n.MISTAKE] = n.NOT_THERE
        return
    m[flight + n.NEXT_FLIGHT] = n.NOTHING
    if m[n.GATHERED] == 0:
        m[n.FIRST_GATHERED] = flight
    else:
        m[m[n.LAST_GATHERED] + n.NEXT_FLIGHT] = flight
    m[n.LAST_GATHERED] = flight
    m[n.GATHERED] += 1
    _land(m, flight)


@compiled
def make_update(m: Ints) -> None:
    """Make the update of all gradients folded into it."""
    flight = m[n.FIRST_GATHERED]
    for _ in range(m[n.GATHERED]):
        later = m[flight + n.NEXT_FLIGHT]
        _write_row(m, flight, m[n.UPDATE])
        release(m, flight)
        flight = later
    m[n.GATHERED] = 0
    m[n.UPDATE] += 1


@compiled
def apply(m: Ints, flight: int, per_update: int) -> bool:
    """Add a gradient to the next update, made if it then has so many; return if it was."""
    fold(m, flight)
    if m[n.GATHERED] != per_update:
        return False
    make_update(m)
    return True


@compiled
def discard(m: Ints, flight: int) -> None:
    """Drop a gradient, wherever it is."""
    if _is_not_there(m, flight):
        m[n.MISTAKE] = n.NOT_THERE
        return
    _write_row(m, flight, n.NEVER)
    m[flight + n.WANTED] = 0
    m[n.DROPPED] += 1
    if not m[flight + n.IS_SERVED]:
        m[n.MOVING] -= 1
    _land(m, flight)
    release(m, flight)


@compiled
def stop(m: Ints, worker: int) -> None:
    """Drop a worker's gradient, wherever it is."""
    discard(m, m[worker + n.FLIGHT])


@compiled
def free(m: Ints, worker: int) -> None:
    """Tell a worker that its gradient is disposed of: it asks to read again, if it can."""
    if m[worker + n.LEAVES]:
        retire(m, worker)
    elif m[worker + n.DOWN] < 0:
        request(m, worker)


@compiled
def is_free(m: Ints, worker: int) -> bool:
    """Do the same, but for the answer: return whether it asks, where a rule knows what to say.

    To be asked by the machine costs some nanoseconds.
    """
    if m[worker + n.LEAVES]:
        retire(m, worker)
        return False
    if m[worker + n.DOWN] >= 0 or not m[worker + n.MEMBER] or m[worker + n.FLIGHT] != n.NOBODY:
        return False
    m[worker + n.TRIED] = m[n.EPOCH]
    return True


@compiled
def free_round(m: Ints, also: int, let_all: bool) -> None:
    """Free in order all that are marked, that wait, and one more (0: nobody): a round is over.

    `let_all`: the rule lets each of them read.
    """
    marks = m[n.MARKS]
    if also != n.NOBODY:
        m[marks + m[also + n.PLACE]] = 1
    while first_of(m, n.WAITING) != n.NOBODY:
        worker = first_of(m, n.WAITING)
        m[marks + m[worker + n.PLACE]] = 1
        unlink(m, n.WAITING, worker)
    for place in range(m[n.WORKER_COUNT]):
        if m[marks + place]:
            m[marks + place] = 0
            worker = worker_at(m, place)
            if not let_all:
                free(m, worker)
            elif is_free(m, worker):
                grant(m, worker)


# What the machine itself does with workers ---------------------------------------------------


@compiled
def request(m: Ints, worker: int) -> None:
    """Let a worker ask to read x, if it is there and has no gradient."""
    if m[worker + n.MEMBER] and m[worker + n.FLIGHT] == n.NOBODY:
        m[worker + n.TRIED] = m[n.EPOCH]
        if m[n.ON_ASK] == 0:
            grant(m, worker)
        else:
            call(m[n.ON_ASK], m, worker)


@compiled
def retire(m: Ints, worker: int) -> None:
    """Let a worker be gone for good."""
    m[worker + n.LEAVES] = m[worker + n.MEMBER] = 0
    m[worker + n.LEFT], m[worker + n.LEFT_ORDER] = m[n.NOW], m[n.ORDER]
    m[n.ORDER] += 1
    m[n.MEMBERS] -= 1
    if m[n.ON_LEAVE] != 0:
        call(m[n.ON_LEAVE], m, worker)


@compiled
def _is_not_there(m: Ints, flight: int) -> bool:
    """Whether there is no such gradient, or none any more."""
    return flight == n.NOTHING or bool(m[m[flight + n.WORKER] + n.FLIGHT] != flight)


@compiled
def _land(m: Ints, flight: int) -> None:
    """Let a worker be without a gradient; it asks again once it is freed."""
    worker = m[flight + n.WORKER]
    m[worker + n.FLIGHT] = n.NOBODY
    m[worker + n.TRIED] = 0
    unlink(m, n.IN_FLIGHT, worker)


@compiled
def _write_row(m: Ints, flight: int, update: int) -> None:
    """Write a flight's row; a stage that it has not reached by now is now."""
    now, row = m[n.NOW], m[n.TABLE] + m[n.ROWS] * n.ROW_SIZE
    m[row], m[row + 1] = m[m[flight + n.WORKER] + n.PLACE], m[flight + n.DRAW]
    m[row + 2], m[row + 3] = m[flight + n.VERSION], m[flight + n.READ]
    if m[flight + n.READ] < 0:
        m[row + 2], m[row + 3] = m[n.UPDATE], now
    for place in range(3):
        tick = m[flight + n.READY + place]  # ready, done, arrived
        m[row + 4 + place] = now if tick < 0 or tick > now else tick
    m[row + 7], m[row + 8] = update, now
    m[n.ROWS] += 1
