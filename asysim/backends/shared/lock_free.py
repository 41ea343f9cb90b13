"""AsySG-incon for real: lock-free reads and writes of one vector (Lian et al. 2015). Compiled.

An update takes its number when its write begins, as in the simulation; its row is drafted before,
so that it is not lost with a worker that is killed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asysim.backends.shared import memory as w
from asysim.backends.shared import rings, sweeps
from asysim.backends.shared import ticket_lock as lock
from asysim.backends.shared.hardware import relaxed_load, store
from asysim.backends.shared.memory import Limits, Memory
from asysim.backends.shared.read_bracket import begin_read, end_read, end_write, look, take_number
from asysim.ground.arrays import Ints, Vector
from asysim.jit.compiler import compiled
from asysim.problems import compiled as problems
from asysim.random.philox import index, words
from asysim.random.streams import Purpose
from asysim.trace.gradient import LOST

_BLOCK = int(Purpose.BLOCK)


@compiled
def write(
    m: Memory, worker: int, how: int, gradient: Vector, step: float, lo: int, hi: int,
    seen: Vector, stride: int,
) -> bool:  # fmt: skip
    """Subtract step × gradient from x[lo:hi]; return whether it is finite."""
    finite = True
    if how == sweeps.ATOMIC:
        finite = sweeps.atomic(m.x[0], gradient, step, lo, hi, seen)
    elif how == sweeps.RELAXED:
        finite = sweeps.relaxed(m.x[0], gradient, step, lo, hi, seen, m.canaries, stride)
    elif how == sweeps.RACING:
        finite = sweeps.racing(m.x[0], gradient, step, lo, hi, seen, m.canaries, stride)
    if how != sweeps.ATOMIC:
        m.tries[w.LINE * worker] += sweeps.canaries_in(lo, hi, stride)
    return finite


@compiled
def read_x(
    m: Memory, worker: int, limits: Limits, x: Vector, facts: Ints, instants: Ints, partly: Ints
) -> bool:
    """Read all of x without a lock; return False if all are to stop."""
    if not begin_read(m, worker, limits, facts, partly):
        return False
    instants[0] = lock.clock(m)
    sweeps.copy(m.x[0], x)
    end_read(m, facts)
    instants[1] = lock.clock(m)
    return True


@compiled
def write_x(
    m: Memory, worker: int, limits: Limits, how: int, g: Vector, span: tuple[int, int],
    seen: Vector, place: int, facts: Ints, instants: Ints, partly: Ints,
) -> tuple[int, bool]:  # fmt: skip
    """Write an update without a lock, or drop it if it is too old, and log the row.

    Returns the place in `wanted` to look at next, −1 if all are to stop; and whether `seen`,
    `facts` and `partly` now tell of a new read in the same sweep, which needs `seen` not empty.
    """
    instants[3] = lock.clock(m)
    if instants[3] > limits.deadline or not rings.make_room(m, worker):
        return -1, False
    # The number may be all that is left of an update whose worker is killed: so its row is there
    # before, and whoever clears up finds out whose it was.
    facts[w.UPDATE] = LOST
    rings.draft_row(m, worker, facts, instants, partly)
    if not take_number(m, worker, limits, facts):
        return -1, False
    rings.number_row(m, worker, facts)
    update, reads = facts[w.UPDATE], seen.shape[0] > 0
    finite = True
    later, in_part = np.zeros(w.FACTS, np.int64), np.zeros(limits.workers, np.int64)
    if update >= 0:
        place = sweeps.take_snapshot(m, m.x[0], update, place)
        step = m.steps[min(update, m.steps.shape[0] - 1)]
        if reads:
            look(m, worker, limits.workers, later, in_part)
        finite = write(m, worker, how, g, step, span[0], span[1], seen, limits.stride)
        end_write(m, worker)
    # Only now: whoever reads before that, by this clock, may count it as in flight.
    instants[4] = lock.clock(m)
    rings.complete_row(m, worker, instants)
    if not finite:
        store(m.control, w.DIVERGED, update + 1)
        return -1, False
    if update < 0 or not reads:
        return place, False
    end_read(m, later)
    facts[:] = later
    partly[:] = in_part
    instants[0], instants[1] = instants[3], instants[4]
    return place, True


@compiled
def written(seed: int, worker: int, draw: int, blocks: int, n: int, word: Any) -> tuple[int, int]:
    """Return the coordinates [lo, hi) that a gradient writes: of one block out of so many."""
    if blocks <= 1:
        return 0, n
    words(seed, _BLOCK, worker, draw, word)
    block = index(word[0], blocks)
    return block * n // blocks, (block + 1) * n // blocks


@compiled
def lock_free(
    m: Memory, limits: Limits, model: Any, seed: int, worker: int, batch_size: int,
    how: int, blocks: int, one_sweep: bool,
) -> None:  # fmt: skip
    """Be one worker of AsySG-incon that reads all of x, and writes it or a block of it."""
    n = limits.dimension
    batch, work = problems.new_batch(model, batch_size), problems.new_work(model, batch_size)
    x, g = sweeps.apart(m.x[0], n, 2), sweeps.apart(m.x[0], n, 1)
    nothing = np.empty(0)
    facts, instants = np.zeros(w.FACTS, np.int64), np.zeros(5, np.int64)
    partly, word = np.zeros(limits.workers, np.int64), np.zeros(1, np.uint64)
    place, draw, has_x = 0, 0, False
    problems.draw_batch(model, seed, worker, 0, batch)
    if not lock.line_up(m):
        return
    while not lock.stopped(m):
        if not has_x and not read_x(m, worker, limits, x, facts, instants, partly):
            break
        facts[w.DRAW] = draw
        problems.draw_batch(model, seed, worker, draw, batch)
        problems.gradient(model, x, batch, work, g)
        instants[2] = lock.clock(m)
        span = written(seed, worker, draw, blocks, n, word)
        # What x is after the write comes where the gradient was: one array less to go through.
        seen: Vector = g if one_sweep else nothing
        place, has_x = write_x(
            m, worker, limits, how, g, span, seen, place, facts, instants, partly
        )
        if place < 0:
            break
        if has_x:
            x, g = g, x
        draw += 1
    lock.stop(m)


@compiled
def sparse(
    m: Memory, limits: Limits, model: Any, seed: int, worker: int, batch_size: int,
    how: int, most: int,
) -> None:  # fmt: skip
    """Be one worker of AsySG-incon that reads and writes the few coordinates it needs."""
    batch, work = problems.new_batch(model, batch_size), problems.new_work(model, batch_size)
    places, values, change = np.empty(most, np.int64), np.empty(most), np.empty(most)
    facts, instants = np.zeros(w.FACTS, np.int64), np.zeros(5, np.int64)
    partly = np.zeros(limits.workers, np.int64)
    x = m.x[0]
    place, draw, tried = 0, 0, 0
    problems.draw_batch(model, seed, worker, 0, batch)
    if not lock.line_up(m):
        return
    while not lock.stopped(m):
        timed = draw % limits.clock_every == 0
        problems.draw_batch(model, seed, worker, draw, batch)
        count = problems.support(model, batch, places)
        if not begin_read(m, worker, limits, facts, partly):
            break
        if timed:
            instants[0] = lock.clock(m)
        for j in range(count):
            values[j] = relaxed_load(x, places[j])
        end_read(m, facts)
        if timed:
            instants[1] = lock.clock(m)
        facts[w.DRAW] = draw
        problems.sparse_gradient(model, batch, values, work, change)
        if timed:
            instants[2] = lock.clock(m)
            instants[3] = instants[2]
        else:
            instants[:] = -1
        # As in `write_x`, which would cost a tenth of such an update if both called a function.
        if (timed and instants[2] > limits.deadline) or not rings.make_room(m, worker):
            break
        facts[w.UPDATE] = LOST
        rings.draft_row(m, worker, facts, instants, partly)
        if not take_number(m, worker, limits, facts):
            break
        rings.number_row(m, worker, facts)
        if timed:
            instants[3] = lock.clock(m)
        update = facts[w.UPDATE]
        finite = True
        if update >= 0:
            place = sweeps.take_snapshot(m, x, update, place)
            step = m.steps[min(update, m.steps.shape[0] - 1)]
            tried += sweeps.scatter(x, places, change, count, step, how, m.canaries, limits.stride)
            for j in range(count):
                finite &= np.isfinite(change[j])
            end_write(m, worker)
        if timed:
            instants[4] = lock.clock(m)
        rings.complete_row(m, worker, instants)
        if not finite:
            store(m.control, w.DIVERGED, update + 1)
            break
        draw += 1
    m.tries[w.LINE * worker] = tried
    lock.stop(m)
