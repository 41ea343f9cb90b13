"""AsySG-con in shared memory: reads are snapshots, taken and updated under a lock. Compiled.

x lies there twice. An update is written where the version before the last one was, its row is
logged, and then it becomes the current version with one store. So a worker that is killed at any
instant spoils nothing: of a row without its version nobody has read, and it is dropped.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asysim.backends.shared import memory as w
from asysim.backends.shared import rings
from asysim.backends.shared import ticket_lock as lock
from asysim.backends.shared.hardware import load, store
from asysim.backends.shared.memory import Limits, Memory
from asysim.backends.shared.sweeps import apart, copy, take_snapshot
from asysim.ground.arrays import Ints, Vector
from asysim.jit.compiler import compiled
from asysim.problems.compiled import draw_batch, gradient, new_batch, new_work
from asysim.replay.space import descend_into
from asysim.updates.perturbation import perturb


@compiled
def read(m: Memory, worker: int, limits: Limits, out: Vector, facts: Ints, instants: Ints) -> int:
    """Copy the current version of x; return 1, 2 if that had to wait for T, 0 if all stop."""
    turns = 0
    while lock.take_turn(m, worker, turns):
        version = load(m.control, w.COUNTER)
        admitted = not limits.waits or lock.in_time(m, limits, version, -1, 0)
        if admitted:
            instants[0] = lock.clock(m)
            copy(m.x[version & 1], out)
            store(m.held, w.LINE * worker, version)
            facts[w.VERSION] = version
        lock.release(m)
        if admitted:
            instants[1] = lock.clock(m)
            return 1 if turns == 0 else 2
        turns += 1
    return 0


@compiled
def may_apply(m: Memory, worker: int, limits: Limits, facts: Ints) -> int:
    """With the lock held, return 1 if a gradient is to be applied now, 0 dropped, −1 later."""
    if limits.bound < 0:
        return 1
    if not limits.waits:
        return 1 if load(m.control, w.COUNTER) - facts[w.VERSION] <= limits.bound else 0
    return 1 if lock.in_time(m, limits, -1, worker, 1) else -1


@compiled
def dispose(m: Memory, worker: int, facts: Ints, instants: Ints, update: int) -> None:
    """With the lock held, log that a gradient went into an update, or −1: there is room."""
    store(m.held, w.LINE * worker, w.NONE)
    sequence = m.control[w.SEQUENCE]
    facts[w.UPDATE], facts[w.KEY] = update, sequence
    m.control[w.SEQUENCE] = sequence + 1
    rings.draft_row(m, worker, facts, instants, facts)
    rings.show_row(m, worker)


@compiled
def fold(
    m: Memory, worker: int, limits: Limits, gradient: Vector, step: float, place: int, facts: Ints,
    instants: Ints,
) -> int:  # fmt: skip
    """With the lock held, put a gradient into the next update, and make it if it is the last.

    The gradient may be lost. Returns the place in `wanted` to look at next.
    """
    update, gathered = load(m.control, w.COUNTER), m.control[w.GATHERED]
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
        m.control[w.GATHERED] = gathered + 1
        return place
    m.control[w.GATHERED] = 0
    if limits.noise.scale > 0:
        perturb(total, limits.seed, update, limits.noise)
    if not descend_into(old, total, step, new):
        store(m.control, w.DIVERGED, update + 1)
    dispose(m, worker, facts, instants, update)
    store(m.control, w.COUNTER, update + 1)  # last: from here on the update is made
    return place


@compiled
def serve(m: Memory, worker: int, arrived: int, service: int) -> int:
    """Return when an emulated server, first come, first served, is done with a gradient."""
    if not lock.acquire(m, worker):
        return arrived
    finish: int = max(m.control[w.FREE], arrived) + service
    m.control[w.FREE] = finish
    lock.release(m)
    return finish


@compiled
def apply(
    m: Memory, worker: int, limits: Limits, gradient: Vector, place: int, facts: Ints,
    instants: Ints,
) -> int:  # fmt: skip
    """Apply or drop a gradient in its turn, and log it.

    Returns the place in `wanted` to look at next, or −1 if all are to stop.
    """
    if not rings.make_room(m, worker):
        return -1
    turns = 0
    while lock.take_turn(m, worker, turns):
        update = load(m.control, w.COUNTER)
        instants[4] = lock.clock(m)
        late = instants[4] > limits.deadline
        over = update >= limits.updates or lock.stopped(m)
        if over or late or load(m.control, w.DIVERGED) != 0:
            lock.release(m)
            return -1
        verdict = may_apply(m, worker, limits, facts)
        if verdict == 1:
            step = m.steps[min(update, m.steps.shape[0] - 1)]
            place = fold(m, worker, limits, gradient, step, place, facts, instants)
        elif verdict == 0:
            dispose(m, worker, facts, instants, -1)
        lock.release(m)
        if verdict >= 0:
            return place
        turns += 1
    return -1


@compiled
def consistent(
    m: Memory, limits: Limits, model: Any, seed: int, worker: int, batch_size: int
) -> None:
    """Be one worker of AsySG-con."""
    n = limits.dimension
    batch, work = new_batch(model, batch_size), new_work(model, batch_size)
    x, g = apart(m.x[0], n, 2), apart(m.x[0], n, 1)
    facts, instants = np.zeros(w.FACTS, np.int64), np.zeros(5, np.int64)
    place = 0
    draw_batch(model, seed, worker, 0, batch)
    if not lock.line_up(m):
        return
    draw = 0
    while not lock.stopped(m) and read(m, worker, limits, x, facts, instants):
        facts[w.DRAW] = draw
        draw_batch(model, seed, worker, draw, batch)
        gradient(model, x, batch, work, g)
        instants[2] = instants[3] = lock.clock(m)
        place = apply(m, worker, limits, g, place, facts, instants)
        if place < 0:
            break
        if load(m.control, w.DIVERGED) != 0 or load(m.control, w.COUNTER) >= limits.updates:
            break
        draw += 1
    lock.stop(m)
