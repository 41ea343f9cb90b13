"""AsySG-con in shared memory: reads are snapshots, taken and updated under a lock. Compiled.

x lies there twice. An update is written where the version before the last one was, its row is
logged, and then it becomes the current version with one store. So a worker that is killed at any
instant spoils nothing: of a row without its version nobody has read, and it is dropped.
"""

from __future__ import annotations

from asysim.backends.atomics import load, store
from asysim.backends.memory import (
    COUNTER,
    DIVERGED,
    FREE,
    GATHERED,
    KEY,
    LINE,
    NONE,
    SEQUENCE,
    UPDATE,
    VERSION,
    Limits,
    Memory,
)
from asysim.backends.turns import (
    acquire,
    clock,
    copy,
    draft_row,
    in_time,
    make_room,
    release,
    show_row,
    stopped,
    take_snapshot,
    take_turn,
)
from asysim.ground.arrays import Ints, Vector
from asysim.jit.compiler import compiled
from asysim.replay.kernel import descend_into


@compiled
def read(m: Memory, worker: int, limits: Limits, out: Vector, facts: Ints, instants: Ints) -> int:
    """Copy the current version of x; return 1, 2 if that had to wait for T, 0 if all stop."""
    turns = 0
    while take_turn(m, worker, turns):
        version = load(m.control, COUNTER)
        admitted = not limits.waits or in_time(m, limits, version, -1, 0)
        if admitted:
            instants[0] = clock(m)
            copy(m.x[version & 1], out)
            store(m.held, LINE * worker, version)
            facts[VERSION] = version
        release(m)
        if admitted:
            instants[1] = clock(m)
            return 1 if turns == 0 else 2
        turns += 1
    return 0


@compiled
def may_apply(m: Memory, worker: int, limits: Limits, facts: Ints) -> int:
    """With the lock held, return 1 if a gradient is to be applied now, 0 dropped, −1 later."""
    if limits.bound < 0:
        return 1
    if not limits.waits:
        return 1 if load(m.control, COUNTER) - facts[VERSION] <= limits.bound else 0
    return 1 if in_time(m, limits, -1, worker, 1) else -1


@compiled
def dispose(m: Memory, worker: int, facts: Ints, instants: Ints, update: int) -> None:
    """With the lock held, log that a gradient went into an update, or −1: there is room."""
    store(m.held, LINE * worker, NONE)
    sequence = m.control[SEQUENCE]
    facts[UPDATE], facts[KEY] = update, sequence
    m.control[SEQUENCE] = sequence + 1
    draft_row(m, worker, facts, instants, facts)
    show_row(m, worker)


@compiled
def fold(
    m: Memory, worker: int, limits: Limits, gradient: Vector, step: float, place: int, facts: Ints,
    instants: Ints,
) -> int:  # fmt: skip
    """With the lock held, put a gradient into the next update, and make it if it is the last.

    Returns the place in `wanted` to look at next.
    """
    update, gathered = load(m.control, COUNTER), m.control[GATHERED]
    n = limits.dimension
    old, new = m.x[update & 1][:n], m.x[(update + 1) & 1][:n]
    total = gradient
    if gathered == 0:
        place = take_snapshot(m, old, update, place)
    if limits.per_update > 1:
        total = m.total
        for i in range(total.shape[0]):
            total[i] = gradient[i] if gathered == 0 else total[i] + gradient[i]
    if gathered + 1 < limits.per_update:
        dispose(m, worker, facts, instants, update)
        m.control[GATHERED] = gathered + 1
        return place
    m.control[GATHERED] = 0
    if not descend_into(old, total, step, new):
        store(m.control, DIVERGED, update + 1)
    dispose(m, worker, facts, instants, update)
    store(m.control, COUNTER, update + 1)  # last: from here on the update is made
    return place


@compiled
def serve(m: Memory, worker: int, arrived: int, service: int) -> int:
    """Return when an emulated server, first come, first served, is done with a gradient."""
    if not acquire(m, worker):
        return arrived
    finish: int = max(m.control[FREE], arrived) + service
    m.control[FREE] = finish
    release(m)
    return finish


@compiled
def apply(
    m: Memory, worker: int, limits: Limits, gradient: Vector, place: int, facts: Ints,
    instants: Ints,
) -> int:  # fmt: skip
    """Apply or drop a gradient in its turn, and log it.

    Returns the place in `wanted` to look at next, or −1 if all are to stop.
    """
    if not make_room(m, worker):
        return -1
    turns = 0
    while take_turn(m, worker, turns):
        update = load(m.control, COUNTER)
        instants[4] = clock(m)
        late = instants[4] > limits.deadline
        over = update >= limits.updates or stopped(m)
        if over or late or load(m.control, DIVERGED) != 0:
            release(m)
            return -1
        verdict = may_apply(m, worker, limits, facts)
        if verdict == 1:
            step = m.steps[min(update, m.steps.shape[0] - 1)]
            place = fold(m, worker, limits, gradient, step, place, facts, instants)
        elif verdict == 0:
            dispose(m, worker, facts, instants, -1)
        release(m)
        if verdict >= 0:
            return place
        turns += 1
    return -1
