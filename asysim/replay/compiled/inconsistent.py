"""The twin of `asysim.replay.inconsistent`: [x_{k+1}]_i = [x_k]_i − γ Σ_m [G(x̂_k, ξ_{k,m})]_i.

A read x̂ is put together when its gradient is applied: the last version that it saw whole, less what
it saw of later changes, in their order. The versions and changes that it takes are kept until then.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asysim.ground.arrays import Floats, Ints
from asysim.jit.compiler import compiled
from asysim.problems.compiled import new_batch, new_work
from asysim.problems.compiled.models import Matrix
from asysim.replay.compiled.counts import ROW, UPDATES, X, count_row, count_update
from asysim.replay.compiled.planning import (
    CHANGE,
    DRAW,
    FIRST,
    HI,
    LAST,
    LO,
    PIECE,
    PIECES,
    SOURCE,
    TARGET,
    WORKER,
)
from asysim.replay.compiled.pool import TOTAL
from asysim.replay.compiled.vectors import compute, copy, descend, scale


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
