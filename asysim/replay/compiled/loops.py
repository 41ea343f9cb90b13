"""The loops over a plan's rows: the twins of `asysim.replay.consistent` and `.inconsistent`.

What is done to whole vectors is a loop over single elements of the pool: to look at a row as a
vector takes longer than a short loop. All gradients are computed when they are applied.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asysim.ground.arrays import Floats, Ints, Vector
from asysim.jit.compiler import compiled
from asysim.jit.values import call4, call5
from asysim.problems.compiled import draw_batch, gradient, new_batch, new_work
from asysim.problems.compiled.generics import Matrix
from asysim.replay.compiled.plan import (
    APPLIED,
    CHANGE,
    DRAW,
    FIRST,
    HI,
    LAST,
    LO,
    PASSED,
    PIECE,
    PIECES,
    SOURCE,
    TARGET,
    UPDATE,
    VERSION,
    WORKER,
)
from asysim.replay.compiled.rule import Kernels, RuleNumbers
from asysim.replay.compiled.version_memory import ADDEND, MEMORY, TOTAL, VELOCITY
from asysim.replay.space import is_finite, moved
from asysim.replay.state import State
from asysim.updates.momentum import accumulated
from asysim.updates.perturbation import Noise, perturb

UPDATES, GRADIENTS, TICKS, STALENESS_SUM, STALENESS_MAX, APPLIED_ROWS, X, ROW, SIZE = range(9)
"""Of a state; and the row of the pool that x lies in, the next row of the plan, and how many
numbers these are."""

_NAMES = ("updates", "gradients", "ticks", "staleness_sum", "staleness_max", "applied")


def load(counts: Ints, state: State) -> None:
    """Begin where a state stands."""
    for i, name in enumerate(_NAMES):
        counts[i] = getattr(state, name)


def store(counts: Ints, state: State) -> None:
    """Tell a state the counts."""
    for name, count in zip(_NAMES, counts.tolist(), strict=False):
        setattr(state, name, count)


@compiled
def count_row(counts: Ints, plan: Ints, j: int) -> None:
    """Count a gradient that is applied."""
    staleness = plan[j, UPDATE] - plan[j, VERSION]
    counts[GRADIENTS] += 1 + plan[j, PASSED]
    counts[APPLIED_ROWS] += 1
    counts[STALENESS_SUM] += staleness
    if staleness > counts[STALENESS_MAX]:
        counts[STALENESS_MAX] = staleness


@compiled
def count_update(counts: Ints, plan: Ints, j: int) -> None:
    """Count an update that was made, of which this is the last gradient."""
    counts[UPDATES] = plan[j, UPDATE] + 1
    if plan[j, APPLIED] > counts[TICKS]:
        counts[TICKS] = plan[j, APPLIED]


@compiled
def compute(
    model: Any, pool: Matrix, n: int, source: int, out: int, seed: Any, worker: int, draw: int,
    batch: Any, work: Vector,
) -> None:  # fmt: skip
    """Write the gradient of the mini-batch named (seed, worker, draw), at one row, into another."""
    if batch.size > 0:
        draw_batch(model, seed, worker, draw, batch)
    gradient(model, pool[source, :n], batch, work, pool[out, :n])


@compiled
def descend(
    pool: Matrix, x: int, change: int, step: float, target: int, first: int, last: int
) -> bool:
    """Write x − step × change into `target`, coordinates first … last − 1; return if finite."""
    finite = True
    if x == target:
        for i in range(first, last):
            value = moved(pool[x, i], pool[change, i], step)
            pool[x, i] = value
            finite &= is_finite(value)
    else:
        for i in range(first, last):
            value = moved(pool[x, i], pool[change, i], step)
            pool[target, i] = value
            finite &= is_finite(value)
    return finite


@compiled
def copy(pool: Matrix, source: int, target: int, first: int, last: int) -> None:
    """Copy coordinates first … last − 1 of a row into another."""
    for i in range(first, last):
        pool[target, i] = pool[source, i]


@compiled
def add(pool: Matrix, n: int, total: int, addend: int) -> None:
    """Add one row to another."""
    for i in range(n):
        pool[total, i] += pool[addend, i]


@compiled
def scale(pool: Matrix, n: int, row: int, factor: float) -> None:
    """Multiply a row by a number."""
    for i in range(n):
        pool[row, i] *= factor


@compiled
def accumulate(pool: Matrix, n: int, gradient: int, momentum: float) -> None:
    """Make v = βv + g."""
    for i in range(n):
        pool[VELOCITY, i] = accumulated(pool[VELOCITY, i], pool[gradient, i], momentum)


# What looks at rows as vectors stands apart: within the loop it would slow down what doesn't.


@compiled
def _correct(
    pool: Matrix, n: int, row: int, x: int, x_read: int, kernels: Kernels, numbers: Floats
) -> None:
    """Correct a gradient."""
    g, here, there, memory = pool[row, :n], pool[x, :n], pool[x_read, :n], pool[MEMORY, :n]
    call5(kernels.correct, g, here, there, memory, numbers)


@compiled
def _follow(
    pool: Matrix, n: int, velocity: int, step: float, kernels: Kernels, numbers: Floats
) -> None:
    """Tell a correction of an update."""
    call4(kernels.follow, pool[velocity, :n], step, pool[MEMORY, :n], numbers)


@compiled
def _perturb(pool: Matrix, n: int, velocity: int, seed: Any, update: int, noise: Noise) -> None:
    """Write v and the noise of an update into the row of the total."""
    if velocity != TOTAL:  # v is remembered without the noise
        pool[TOTAL, :n] = pool[velocity, :n]
    perturb(pool[TOTAL, :n], seed, update, noise)


@compiled
def run_consistent(
    model: Any, pool: Matrix, n: int, plan: Ints, steps: Floats, weights: Floats, counts: Ints,
    until: int, seed: Any, batch_size: int, rule: RuleNumbers, kernels: Kernels, numbers: Floats,
) -> bool:  # fmt: skip
    """Make updates of a plan until there are `until`, or it is over; return whether x is finite.

    Parameters
    ----------
    model, seed, batch_size
        Whose gradients, at which mini-batches.
    pool, n
        Where vectors lie, and their length.
    plan, steps, weights
        Of `plan_consistent`, and γ_k and the weight of each row.
    counts
        Where all this stands.
    rule, kernels, numbers
        The rest of the update rule, of `CompiledRule`.
    """
    batch, work = new_batch(model, batch_size), new_work(model, batch_size)
    # Literals would have types, and functions that take them compilations, of their own.
    total: Any = np.int64(TOTAL)
    addend: Any = np.int64(ADDEND)
    begin: Any = np.int64(0)
    x, count = counts[X], 0
    for j in range(counts[ROW], len(plan)):
        if counts[UPDATES] >= until:
            counts[ROW], counts[X] = j, x
            return True
        source, target = plan[j, SOURCE], plan[j, TARGET]
        out = total if count == 0 else addend
        compute(model, pool, n, source, out, seed, plan[j, WORKER], plan[j, DRAW], batch, work)
        if rule.corrects:
            _correct(pool, n, out, x, source, kernels, numbers)
        if rule.weighs and weights[j] != 1.0:
            scale(pool, n, out, weights[j])
        count_row(counts, plan, j)
        if count > 0:
            add(pool, n, total, addend)
        count += 1
        if target < 0:
            continue
        if rule.average and count > 1:
            scale(pool, n, total, 1 / count)
        velocity, step = total, steps[j]
        if rule.momentum > 0:
            velocity = np.int64(VELOCITY)
            accumulate(pool, n, total, rule.momentum)
        if rule.noise.scale > 0:
            _perturb(pool, n, velocity, seed, plan[j, UPDATE], rule.noise)
            velocity = total
        if rule.follows:
            _follow(pool, n, velocity, step, kernels, numbers)
        finite = descend(pool, x, velocity, step, target, begin, n)
        x, count = target, 0
        count_update(counts, plan, j)
        if not finite:
            counts[ROW], counts[X] = j + 1, x
            return False
    counts[ROW], counts[X] = len(plan), x
    return True


@compiled
def _put_together(
    pool: Matrix, n: int, source: int, pieces: Ints, steps: Floats, first: int, last: int
) -> int:
    """Return where a read lies that saw these pieces."""
    if first == last:
        return source
    read: Any = np.int64(TOTAL)  # there is but one gradient in an update
    begin: Any = np.int64(0)
    copy(pool, source, read, begin, n)
    for i in range(first, last):
        descend(pool, read, pieces[i, PIECE], steps[i], read, pieces[i, FIRST], pieces[i, LAST])
    put_together: int = read
    return put_together


@compiled
def run_inconsistent(
    model: Any, pool: Matrix, n: int, plan: Ints, steps: Floats, weights: Floats, counts: Ints,
    until: int, seed: Any, batch_size: int, weighs: bool, pieces: Ints, piece_steps: Floats,
) -> bool:  # fmt: skip
    """Make updates of a plan until there are `until`, or it is over; return whether x is finite.

    Parameters
    ----------
    model, pool, n, plan, steps, weights, counts, until, seed, batch_size
        As for `run_consistent`.
    weighs
        Whether gradients have weights.
    pieces, piece_steps
        Of `plan_inconsistent`, and γ of the update that each is of.
    """
    batch, work = new_batch(model, batch_size), new_work(model, batch_size)
    begin: Any = np.int64(0)
    x = counts[X]
    for j in range(counts[ROW], len(plan)):
        if counts[UPDATES] >= until:
            counts[ROW], counts[X] = j, x
            return True
        first, last = plan[j, PIECES], plan[j + 1, PIECES] if j + 1 < len(plan) else len(pieces)
        source = _put_together(pool, n, plan[j, SOURCE], pieces, piece_steps, first, last)
        change, target, lo, hi = plan[j, CHANGE], plan[j, TARGET], plan[j, LO], plan[j, HI]
        compute(model, pool, n, source, change, seed, plan[j, WORKER], plan[j, DRAW], batch, work)
        if weighs and weights[j] != 1.0:
            scale(pool, n, change, weights[j])
        count_row(counts, plan, j)
        if target != x:
            copy(pool, x, target, begin, min(lo, n))
            copy(pool, x, target, max(hi, lo), n)
        finite = descend(pool, x, change, steps[j], target, lo, hi)
        x = target
        count_update(counts, plan, j)
        if not finite:
            counts[ROW], counts[X] = j + 1, x
            return False
    counts[ROW], counts[X] = len(plan), x
    return True
