"""What is done to whole vectors, all of them rows of the pool.

They are loops over single elements: to look at a row as a vector takes longer than a short loop.
"""

from __future__ import annotations

from typing import Any

from asysim.ground.arrays import Vector
from asysim.jit.compiler import compiled
from asysim.problems.compiled import draw_batch, gradient
from asysim.problems.compiled.models import Matrix
from asysim.replay.kernel import is_finite, moved


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
