"""Lists of workers, linked through their records: see `asysim.schedule.compiled.memory`."""

from __future__ import annotations

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.schedule.compiled.names import ENDS, LINKS, NOBODY, WORKER_SIZE, WORKERS


@compiled
def worker_at(m: Ints, place: int) -> int:
    """Return the record of a worker by its number."""
    return int(WORKERS + place * m[WORKER_SIZE])


@compiled
def first_of(m: Ints, which: int) -> int:
    """Return the first worker of a list; 0: it is empty."""
    return int(m[ENDS + 2 * which])


@compiled
def after(m: Ints, which: int, worker: int) -> int:
    """Return the worker after this one in a list; 0: none is."""
    return int(m[worker + LINKS + 3 * which + 2])


@compiled
def is_in(m: Ints, which: int, worker: int) -> bool:
    """Whether a worker is in a list."""
    return bool(m[worker + LINKS + 3 * which])


@compiled
def link(m: Ints, which: int, worker: int) -> None:
    """Put a worker at the end of a list, if it is not there."""
    last, there = ENDS + 2 * which + 1, LINKS + 3 * which
    if m[worker + there]:
        return
    before = m[last]
    m[worker + there], m[worker + there + 1], m[worker + there + 2] = 1, before, NOBODY
    if before == NOBODY:
        m[ENDS + 2 * which] = worker
    else:
        m[before + there + 2] = worker
    m[last] = worker


@compiled
def unlink(m: Ints, which: int, worker: int) -> None:
    """Take a worker out of a list, if it is there."""
    first, there = ENDS + 2 * which, LINKS + 3 * which
    if not m[worker + there]:
        return
    before, behind = m[worker + there + 1], m[worker + there + 2]
    m[worker + there] = 0
    if before == NOBODY:
        m[first] = behind
    else:
        m[before + there + 2] = behind
    if behind == NOBODY:
        m[first + 1] = before
    else:
        m[behind + there + 1] = before
