"""Whole workers, compiled: read, compute, write, log, without ever coming back to Python."""

from __future__ import annotations

from typing import Any

import numpy as np

from asysim.backends.atomics import fetch_add, load, relaxed_load, store
from asysim.backends.clock import NAP, give_way, nap
from asysim.backends.locked import apply, read
from asysim.backends.lockfree import begin_read, end_read, end_write, look, take_number, write
from asysim.backends.memory import (
    COUNTER,
    DIVERGED,
    DRAW,
    FACTS,
    LINE,
    READY,
    START,
    UPDATE,
    Limits,
    Memory,
)
from asysim.backends.sweeps import scatter
from asysim.backends.turns import (
    clock,
    complete_row,
    copy,
    draft_row,
    make_room,
    number_row,
    stop,
    stopped,
    take_snapshot,
)
from asysim.ground.arrays import Ints, Vector
from asysim.jit.compiler import compiled
from asysim.problems.compiled import (
    draw_batch,
    gradient,
    new_batch,
    new_work,
    sparse_gradient,
    support,
)
from asysim.random.philox import index, words
from asysim.random.streams import Purpose
from asysim.trace.gradient import LOST

_BLOCK = int(Purpose.BLOCK)


@compiled
def line_up(m: Memory) -> bool:
    """Say that a worker is ready, and wait for the start; return False if all are to stop."""
    fetch_add(m.control, READY, 1)
    turns, p = 0, m.heads.shape[0] // LINE
    while load(m.control, START) == 0:
        if stopped(m):
            return False
        turns += 1
        if turns < 256:
            give_way(turns)
        else:
            nap(NAP * max(1, p // 8))  # a crowd leaves the cores to those who are still coming
    return True


@compiled
def apart(shared: Vector, n: int, part: int) -> Vector:
    """Return an array of n numbers that begins so many quarters of a page behind where x does.

    Of two addresses that differ by whole pages, and little else, a processor believes for a while
    that they are the same, and waits for one before it uses the other.
    """
    space = np.empty(n + 512)
    ahead = shared.ctypes.data + 1024 * part - space.ctypes.data
    first = (ahead % 4096) // 8
    return space[first : first + n]


@compiled
def written(seed: int, worker: int, draw: int, blocks: int, n: int, word: Any) -> tuple[int, int]:
    """Return the coordinates [lo, hi) that a gradient writes: of one block out of so many."""
    if blocks <= 1:
        return 0, n
    words(seed, _BLOCK, worker, draw, word)
    block = index(word[0], blocks)
    return block * n // blocks, (block + 1) * n // blocks


@compiled
def consistent(
    m: Memory, limits: Limits, model: Any, seed: int, worker: int, batch_size: int
) -> None:
    """Be one worker of AsySG-con."""
    n = limits.dimension
    batch, work = new_batch(model, batch_size), new_work(model, batch_size)
    x, g = apart(m.x[0], n, 2), apart(m.x[0], n, 1)
    facts, instants = np.zeros(FACTS, np.int64), np.zeros(5, np.int64)
    place = 0
    draw_batch(model, seed, worker, 0, batch)
    if not line_up(m):
        return
    draw = 0
    while not stopped(m) and read(m, worker, limits, x, facts, instants):
        facts[DRAW] = draw
        draw_batch(model, seed, worker, draw, batch)
        gradient(model, x, batch, work, g)
        instants[2] = instants[3] = clock(m)
        place = apply(m, worker, limits, g, place, facts, instants)
        if place < 0:
            break
        if load(m.control, DIVERGED) != 0 or load(m.control, COUNTER) >= limits.updates:
            break
        draw += 1
    stop(m)


@compiled
def read_x(
    m: Memory, worker: int, limits: Limits, x: Vector, facts: Ints, instants: Ints, partly: Ints
) -> bool:
    """Read all of x without a lock; return False if all are to stop."""
    if not begin_read(m, worker, limits, facts, partly):
        return False
    instants[0] = clock(m)
    copy(m.x[0], x)
    end_read(m, facts)
    instants[1] = clock(m)
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
    instants[3] = clock(m)
    if instants[3] > limits.deadline or not make_room(m, worker):
        return -1, False
    facts[UPDATE] = LOST
    draft_row(m, worker, facts, instants, partly)
    if not take_number(m, worker, limits, facts):
        return -1, False
    number_row(m, worker, facts)
    update, reads = facts[UPDATE], seen.shape[0] > 0
    finite = True
    later, in_part = np.zeros(FACTS, np.int64), np.zeros(limits.workers, np.int64)
    if update >= 0:
        place = take_snapshot(m, m.x[0], update, place)
        step = m.steps[min(update, m.steps.shape[0] - 1)]
        if reads:
            look(m, worker, limits.workers, later, in_part)
        finite = write(m, worker, how, g, step, span[0], span[1], seen, limits.stride)
        end_write(m, worker)
    # Only now: whoever reads before that, by this clock, may count it as in flight.
    instants[4] = clock(m)
    complete_row(m, worker, instants)
    if not finite:
        store(m.control, DIVERGED, update + 1)
        return -1, False
    if update < 0 or not reads:
        return place, False
    end_read(m, later)
    facts[:] = later
    partly[:] = in_part
    instants[0], instants[1] = instants[3], instants[4]
    return place, True


@compiled
def lock_free(
    m: Memory, limits: Limits, model: Any, seed: int, worker: int, batch_size: int,
    how: int, blocks: int, one_sweep: bool,
) -> None:  # fmt: skip
    """Be one worker of AsySG-incon that reads all of x, and writes it or a block of it."""
    n = limits.dimension
    batch, work = new_batch(model, batch_size), new_work(model, batch_size)
    x, g = apart(m.x[0], n, 2), apart(m.x[0], n, 1)
    nothing = np.empty(0)
    facts, instants = np.zeros(FACTS, np.int64), np.zeros(5, np.int64)
    partly, word = np.zeros(limits.workers, np.int64), np.zeros(1, np.uint64)
    place, draw, has_x = 0, 0, False
    draw_batch(model, seed, worker, 0, batch)
    if not line_up(m):
        return
    while not stopped(m):
        if not has_x and not read_x(m, worker, limits, x, facts, instants, partly):
            break
        facts[DRAW] = draw
        draw_batch(model, seed, worker, draw, batch)
        gradient(model, x, batch, work, g)
        instants[2] = clock(m)
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
    stop(m)


@compiled
def sparse(
    m: Memory, limits: Limits, model: Any, seed: int, worker: int, batch_size: int,
    how: int, most: int,
) -> None:  # fmt: skip
    """Be one worker of AsySG-incon that reads and writes the few coordinates it needs."""
    batch, work = new_batch(model, batch_size), new_work(model, batch_size)
    places, values, change = np.empty(most, np.int64), np.empty(most), np.empty(most)
    facts, instants = np.zeros(FACTS, np.int64), np.zeros(5, np.int64)
    partly = np.zeros(limits.workers, np.int64)
    x = m.x[0]
    place, draw, tried = 0, 0, 0
    draw_batch(model, seed, worker, 0, batch)
    if not line_up(m):
        return
    while not stopped(m):
        timed = draw % limits.clock_every == 0
        draw_batch(model, seed, worker, draw, batch)
        count = support(model, batch, places)
        if not begin_read(m, worker, limits, facts, partly):
            break
        if timed:
            instants[0] = clock(m)
        for j in range(count):
            values[j] = relaxed_load(x, places[j])
        end_read(m, facts)
        if timed:
            instants[1] = clock(m)
        facts[DRAW] = draw
        sparse_gradient(model, batch, values, work, change)
        if timed:
            instants[2] = clock(m)
            instants[3] = instants[2]
        else:
            instants[:] = -1
        if (timed and instants[2] > limits.deadline) or not make_room(m, worker):
            break
        facts[UPDATE] = LOST
        draft_row(m, worker, facts, instants, partly)
        if not take_number(m, worker, limits, facts):
            break
        number_row(m, worker, facts)
        if timed:
            instants[3] = clock(m)
        update = facts[UPDATE]
        finite = True
        if update >= 0:
            place = take_snapshot(m, x, update, place)
            step = m.steps[min(update, m.steps.shape[0] - 1)]
            tried += scatter(x, places, change, count, step, how, m.canaries, limits.stride)
            for j in range(count):
                finite &= np.isfinite(change[j])
            end_write(m, worker)
        if timed:
            instants[4] = clock(m)
        complete_row(m, worker, instants)
        if not finite:
            store(m.control, DIVERGED, update + 1)
            break
        draw += 1
    m.tries[LINE * worker] = tried
    stop(m)
