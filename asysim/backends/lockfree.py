"""AsySG-incon for real: lock-free reads and writes of one vector (Lian et al. 2015). Compiled.

An update takes its number when its write begins, as in the simulation; its row is drafted before,
so that it is not lost with a worker that is killed. What a read saw is known to
lie between bounds: updates begun after it were not seen at all; those in flight when it began, and
those begun while it lasted, perhaps in part; all others entirely.
"""

from __future__ import annotations

from asysim.backends.atomics import fetch_add, load, store
from asysim.backends.clock import give_way
from asysim.backends.memory import (
    AFTER,
    BEGUN,
    COUNTER,
    KEY,
    LINE,
    NONE,
    PARTLY,
    UPDATE,
    VERSION,
    Limits,
    Memory,
)
from asysim.backends.sweeps import ATOMIC, RACING, RELAXED, atomic, canaries_in, racing, relaxed
from asysim.backends.turns import in_time, release, stopped, take_turn
from asysim.ground.arrays import Ints, Vector
from asysim.jit.compiler import compiled


@compiled
def look(m: Memory, worker: int, workers: int, facts: Ints, partly: Ints) -> None:
    """Note in `facts` and `partly` what a read that begins now may see in part."""
    begun = load(m.control, COUNTER)
    version, count = begun, 0
    for other in range(workers):
        if other == worker:
            continue
        update = load(m.writing, LINE * other)
        turns = 0
        while update < 0 and not stopped(m):  # its number is being taken
            turns += 1
            give_way(turns)
            update = load(m.writing, LINE * other)
        if update < 0:
            update = -1 - update
        if update < begun:
            partly[count] = update
            count += 1
            version = min(version, update)
    facts[VERSION], facts[BEGUN], facts[PARTLY] = version, begun, count


@compiled
def begin_read(m: Memory, worker: int, limits: Limits, facts: Ints, partly: Ints) -> bool:
    """Wait until a read may begin, and note what it may see; return False if all are to stop."""
    if not limits.waits:
        look(m, worker, limits.workers, facts, partly)
        return not stopped(m)
    turns = 0
    while take_turn(m, worker, turns):
        look(m, worker, limits.workers, facts, partly)
        admitted = in_time(m, limits, facts[VERSION], -1, 0)
        if admitted:
            store(m.held, LINE * worker, facts[VERSION])
        release(m)
        if admitted:
            return True
        turns += 1
    return False


@compiled
def end_read(m: Memory, facts: Ints) -> None:
    """Note which updates a read that is over can't have seen."""
    facts[AFTER] = load(m.control, COUNTER)


@compiled
def take_number(m: Memory, worker: int, limits: Limits, facts: Ints) -> bool:
    """Take the number of an update, waiting if need be; or −1 if the gradient is too old.

    Returns False, with no number, if all are to stop.
    """
    if limits.bound < 0:
        if stopped(m):
            return False
        store(m.writing, LINE * worker, -1 - load(m.control, COUNTER))
        update = fetch_add(m.control, COUNTER, 1)
        if update >= limits.updates:
            store(m.writing, LINE * worker, NONE)
            return False
        store(m.writing, LINE * worker, update)
        facts[UPDATE], facts[KEY] = update, 2 * update + 1
        return True
    turns = 0
    while take_turn(m, worker, turns):
        update = load(m.control, COUNTER)
        if update >= limits.updates or stopped(m):
            release(m)
            return False
        if not limits.waits and update - facts[VERSION] > limits.bound:
            release(m)
            facts[UPDATE], facts[KEY] = -1, 2 * update
            return True
        admitted = not limits.waits or in_time(m, limits, -1, worker, 1)
        if admitted:
            store(m.held, LINE * worker, NONE)
            store(m.writing, LINE * worker, update)
            store(m.control, COUNTER, update + 1)
            facts[UPDATE], facts[KEY] = update, 2 * update + 1
        release(m)
        if admitted:
            return True
        turns += 1
    return False


@compiled
def write(
    m: Memory, worker: int, how: int, gradient: Vector, step: float, lo: int, hi: int,
    seen: Vector, stride: int,
) -> bool:  # fmt: skip
    """Subtract step × gradient from x[lo:hi]; return whether it is finite."""
    finite = True
    if how == ATOMIC:
        finite = atomic(m.x[0], gradient, step, lo, hi, seen)
    elif how == RELAXED:
        finite = relaxed(m.x[0], gradient, step, lo, hi, seen, m.canaries, stride)
    elif how == RACING:
        finite = racing(m.x[0], gradient, step, lo, hi, seen, m.canaries, stride)
    if how != ATOMIC:
        m.tries[LINE * worker] += canaries_in(lo, hi, stride)
    return finite


@compiled
def end_write(m: Memory, worker: int) -> None:
    """Say that the update that a worker was writing is all there."""
    store(m.writing, LINE * worker, NONE)
