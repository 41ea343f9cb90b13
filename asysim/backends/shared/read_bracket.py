"""Bounds on what a lock-free read saw, and how an update's number is told. Compiled.

Updates begun after a read were not seen at all; those in flight when it began, and those begun
while it lasted, perhaps in part; all others entirely. So whoever writes says first that it is about
to take a number, then which, then that its update is all there.
"""

from __future__ import annotations

from asysim.backends.shared import memory as w
from asysim.backends.shared import ticket_lock as lock
from asysim.backends.shared.hardware import fetch_add, give_way, load, store
from asysim.backends.shared.memory import Limits, Memory
from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled


@compiled
def look(m: Memory, worker: int, workers: int, facts: Ints, partly: Ints) -> None:
    """Note in `facts` and `partly` what a read that begins now may see in part."""
    begun = load(m.control, w.COUNTER)
    version, count = begun, 0
    for other in range(workers):
        if other == worker:
            continue
        update = load(m.writing, w.LINE * other)
        turns = 0
        while update < 0 and not lock.stopped(m):  # its number is being taken
            turns += 1
            give_way(turns)
            update = load(m.writing, w.LINE * other)
        if update < 0:  # all are to stop: then of the bound that it has told
            update = -1 - update
        if update < begun:  # NONE is not: nothing is being written
            partly[count] = update
            count += 1
            version = min(version, update)
    facts[w.VERSION], facts[w.BEGUN], facts[w.PARTLY] = version, begun, count


@compiled
def begin_read(m: Memory, worker: int, limits: Limits, facts: Ints, partly: Ints) -> bool:
    """Wait until a read may begin, and note what it may see; return False if all are to stop."""
    if not limits.waits:
        look(m, worker, limits.workers, facts, partly)
        return not lock.stopped(m)
    turns = 0
    while lock.take_turn(m, worker, turns):
        look(m, worker, limits.workers, facts, partly)
        admitted = lock.in_time(m, limits, facts[w.VERSION], -1, 0)
        if admitted:
            store(m.held, w.LINE * worker, facts[w.VERSION])
        lock.release(m)
        if admitted:
            return True
        turns += 1
    return False


@compiled
def end_read(m: Memory, facts: Ints) -> None:
    """Note which updates a read that is over can't have seen."""
    facts[w.AFTER] = load(m.control, w.COUNTER)


@compiled
def take_number(m: Memory, worker: int, limits: Limits, facts: Ints) -> bool:
    """Take the number of an update, waiting if need be; or −1 if the gradient is too old.

    Returns False, with no number, if all are to stop.
    """
    if limits.bound < 0:
        if lock.stopped(m):
            return False
        # Said before it is taken: whoever reads in between knows that it can't have been seen.
        store(m.writing, w.LINE * worker, -1 - load(m.control, w.COUNTER))
        update = fetch_add(m.control, w.COUNTER, 1)
        if update >= limits.updates:
            store(m.writing, w.LINE * worker, w.NONE)
            return False
        store(m.writing, w.LINE * worker, update)
        facts[w.UPDATE], facts[w.KEY] = update, 2 * update + 1
        return True
    # With a bound the number depends on what others hold, which only the lock keeps as it is.
    turns = 0
    while lock.take_turn(m, worker, turns):
        update = load(m.control, w.COUNTER)
        if update >= limits.updates or lock.stopped(m):
            lock.release(m)
            return False
        if not limits.waits and update - facts[w.VERSION] > limits.bound:
            lock.release(m)
            facts[w.UPDATE], facts[w.KEY] = -1, 2 * update
            return True
        admitted = not limits.waits or lock.in_time(m, limits, -1, worker, 1)
        if admitted:
            store(m.held, w.LINE * worker, w.NONE)
            store(m.writing, w.LINE * worker, update)
            store(m.control, w.COUNTER, update + 1)
            facts[w.UPDATE], facts[w.KEY] = update, 2 * update + 1
        lock.release(m)
        if admitted:
            return True
        turns += 1
    return False


@compiled
def end_write(m: Memory, worker: int) -> None:
    """Say that the update that a worker was writing is all there."""
    store(m.writing, w.LINE * worker, w.NONE)
