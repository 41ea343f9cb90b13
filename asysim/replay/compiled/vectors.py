"""What is done to whole vectors, all of them rows of the pool.

Rounding for rounding what `asysim.replay.kernel` and `asysim.updates` do: a product, then a
difference or a sum, never fused.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from asysim.ground.arrays import Floats, Vector
from asysim.jit.compiler import compiled
from asysim.problems.compiled import draw_batch, gradient
from asysim.problems.compiled.models import Matrix
from asysim.replay.compiled.numbers import (
    ADAPTIVE,
    DELAY,
    FORGOTTEN,
    LONGEST,
    STARTED,
    RuleNumbers,
)
from asysim.replay.compiled.pool import SQUARE, VELOCITY

_LARGEST = float(np.finfo(np.float64).max)
_TINY = 1e-7


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
            value = pool[x, i] - step * pool[change, i]
            pool[x, i] = value
            finite &= abs(value) <= _LARGEST
    else:
        for i in range(first, last):
            value = pool[x, i] - step * pool[change, i]
            pool[target, i] = value
            finite &= abs(value) <= _LARGEST
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
def accumulate(pool: Matrix, n: int, addend: int, momentum: float) -> None:
    """Make v = βv + g."""
    for i in range(n):
        pool[VELOCITY, i] = momentum * pool[VELOCITY, i] + pool[addend, i]


@compiled
def correct(
    pool: Matrix, n: int, row: int, x: int, x_read: int, rule: RuleNumbers, memory: Floats
) -> None:
    """Correct a gradient, as `Correction.correct` of the rule's own would."""
    if rule.correction == DELAY:
        for i in range(n):
            g = pool[row, i]
            pool[row, i] = g + rule.strength * g * g * (pool[x, i] - pool[x_read, i])
    elif rule.correction == ADAPTIVE:
        for i in range(n):
            g = pool[row, i]
            mean = rule.share * g
            square = rule.decay * pool[SQUARE, i] + (1 - rule.decay) * mean * mean
            pool[SQUARE, i] = square
            scaled = rule.share * rule.strength / math.sqrt(square + _TINY)
            pool[row, i] = g + scaled * g * g * (pool[x, i] - pool[x_read, i])
    elif memory[STARTED] > 0:
        factor = memory[LONGEST] / math.sqrt(1 - memory[FORGOTTEN])
        for i in range(n):
            usual = factor * math.sqrt(pool[SQUARE, i])
            if usual > 0:
                moved = abs(pool[x, i] - pool[x_read, i])
                pool[row, i] = pool[row, i] / (1 + moved / usual)


@compiled
def follow(
    pool: Matrix, n: int, velocity: int, step: float, rule: RuleNumbers, memory: Floats
) -> None:
    """Take note of an update, as gap-aware's `stepped` would."""
    for i in range(n):
        v = pool[velocity, i]
        pool[SQUARE, i] = rule.decay * pool[SQUARE, i] + (1 - rule.decay) * v * v
    memory[FORGOTTEN] *= rule.decay
    memory[LONGEST] = max(memory[LONGEST], step)
    memory[STARTED] = 1.0
