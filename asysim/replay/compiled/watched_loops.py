"""The loops for whoever watches x: an update at a time, which ordinary runs don't enter."""

from __future__ import annotations

from typing import Any

from asysim.ground.arrays import Floats, Ints, Vector
from asysim.jit.compiler import compiled
from asysim.problems.compiled.generics import Matrix
from asysim.replay.compiled.loops import ROW, UPDATES, X, run_consistent, run_inconsistent
from asysim.replay.compiled.rule import Kernels, RuleNumbers
from asysim.replay.watch import is_met, square_distance


@compiled
def watch_consistent(
    model: Any, pool: Matrix, n: int, plan: Ints, steps: Floats, weights: Floats, counts: Ints,
    until: int, seed: Any, batch_size: int, rule: RuleNumbers, kernels: Kernels, numbers: Floats,
    center: Vector, limit: float, outside: bool,
) -> bool:  # fmt: skip
    """Do what `run_consistent` does, and stop where ‖x − center‖² passes a limit: `Watch`."""
    while counts[ROW] < len(plan) and counts[UPDATES] < until:
        if is_met(square_distance(pool[counts[X], :n], center), limit, outside):
            break
        if not run_consistent(
            model, pool, n, plan, steps, weights, counts, counts[UPDATES] + 1, seed, batch_size,
            rule, kernels, numbers,
        ):  # fmt: skip
            return False
    return True


@compiled
def watch_inconsistent(
    model: Any, pool: Matrix, n: int, plan: Ints, steps: Floats, weights: Floats, counts: Ints,
    until: int, seed: Any, batch_size: int, weighs: bool, pieces: Ints, piece_steps: Floats,
    center: Vector, limit: float, outside: bool,
) -> bool:  # fmt: skip
    """Do what `run_inconsistent` does, and stop where ‖x − center‖² passes a limit: `Watch`."""
    while counts[ROW] < len(plan) and counts[UPDATES] < until:
        if is_met(square_distance(pool[counts[X], :n], center), limit, outside):
            break
        if not run_inconsistent(
            model, pool, n, plan, steps, weights, counts, counts[UPDATES] + 1, seed, batch_size,
            weighs, pieces, piece_steps,
        ):  # fmt: skip
            return False
    return True
