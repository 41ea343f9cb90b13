"""Records in the memory, and lists of workers, linked through theirs. Compiled.

See `asysim.schedule.compiled.memory`.
"""

from __future__ import annotations

from asysim.coordination.machine import names as n
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled


def workers_of(m: Ints) -> Ints:
    """Return a view of the workers' records, (p, fields)."""
    end = n.WORKERS + m[n.WORKER_COUNT] * m[n.WORKER_SIZE]
    return m[n.WORKERS : end].reshape(-1, m[n.WORKER_SIZE])


@compiled
def worker_at(m: Ints, place: int) -> int:
    """Return the record of a worker by its number."""
    return int(n.WORKERS + place * m[n.WORKER_SIZE])


@compiled
def first_of(m: Ints, which: int) -> int:
    """Return the first worker of a list; 0: it is empty."""
    return int(m[n.ENDS + 2 * which])


@compiled
def after(m: Ints, which: int, worker: int) -> int:
    """Return the worker after this one in a list; 0: none is."""
    return int(m[worker + n.LINKS + 3 * which + 2])


@compiled
def is_in(m: Ints, which: int, worker: int) -> bool:
    """Whether a worker is in a list."""
    return bool(m[worker + n.LINKS + 3 * which])


@compiled
def link(m: Ints, which: int, worker: int) -> None:
    """Put a worker at the end of a list, if it is not there."""
    last, there = n.ENDS + 2 * which + 1, n.LINKS + 3 * which
    if m[worker + there]:
        return
    before = m[last]
    m[worker + there], m[worker + there + 1], m[worker + there + 2] = 1, before, n.NOBODY
    if before == n.NOBODY:
        m[n.ENDS + 2 * which] = worker
    else:
        m[before + there + 2] = worker
    m[last] = worker


@compiled
def unlink(m: Ints, which: int, worker: int) -> None:
    """Take a worker out of a list, if it is there."""
    first, there = n.ENDS + 2 * which, n.LINKS + 3 * which
    if not m[worker + there]:
        return
    before, behind = m[worker + there + 1], m[worker + there + 2]
    m[worker + there] = 0
    if before == n.NOBODY:
        m[first] = behind
    else:
        m[before + there + 2] = behind
    if behind == n.NOBODY:
        m[first + 1] = before
    else:
        m[behind + there + 1] = before


# What is done after a step ------------------------------------------------------------


@compiled
def stage_next(m: Ints, worker: int, stream: int) -> None:
    """Have the worker's next draw of a stream put in the place of the one that was used."""
    m[m[n.STAGE] + m[n.TO_STAGE]] = m[worker + n.PLACE] * 8 + stream
    m[n.TO_STAGE] += 1


@compiled
def compute_next(m: Ints, flight: int, ready: int) -> None:
    """Have a worker compute its gradient, which has x at tick `ready`, after this step."""
    m[flight + n.READY] = ready
    m[m[n.COMPUTE_NEXT] + m[n.TO_COMPUTE]] = flight
    m[n.TO_COMPUTE] += 1


@compiled
def pull_next(m: Ints, flight: int) -> None:
    """Have x sent to a worker after this step, in the order in which that was asked for."""
    m[m[n.PULL_NEXT] + m[n.TO_PULL]] = flight
    m[n.TO_PULL] += 1


@compiled
def release(m: Ints, flight: int) -> None:
    """Let go of a flight; when nobody holds it any more, it is used again."""
    m[flight + n.HOLDERS] -= 1
    if m[flight + n.HOLDERS] == 0:
        m[flight + n.NEXT_FLIGHT] = m[n.SPARE]
        m[n.SPARE] = flight
        m[n.SPARES] += 1
