"""The twin of `asysim.replay.consistent`: x_{k+1} = x_k − γ Σ_m G(x_{k−τ_k}, ξ_{k,m}).

A version of x stays where it was made for as long as a gradient will be computed at it, and the
next one is then made elsewhere. All gradients are computed when they are applied.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from asysim.ground.arrays import Floats, Ints
from asysim.jit.compiler import compiled
from asysim.problems.compiled import new_batch, new_work
from asysim.problems.compiled.models import Matrix
from asysim.replay.compiled.counts import ROW, UPDATES, X, count_row, count_update
from asysim.replay.compiled.numbers import Kernels, RuleNumbers
from asysim.replay.compiled.planning import DRAW, SOURCE, TARGET, WORKER
from asysim.replay.compiled.pool import ADDEND, MEMORY, TOTAL, VELOCITY
from asysim.replay.compiled.vectors import add, compute, descend, scale
from asysim.updates.momentum import accumulate


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
            kernels.correct(pool[out, :n], pool[x, :n], pool[source, :n], pool[MEMORY, :n], numbers)
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
            accumulate(pool[velocity, :n], pool[total, :n], rule.momentum)
        if rule.follows:
            kernels.follow(pool[velocity, :n], step, pool[MEMORY, :n], numbers)
        finite = descend(pool, x, velocity, step, target, begin, n)
        x, count = target, 0
        count_update(counts, plan, j)
        if not finite:
            counts[ROW], counts[X] = j + 1, x
            return False
    counts[ROW], counts[X] = len(plan), x
    return True
