"""The points at which a problem's constants are measured: of a run, or of a short plain descent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asysim.ground.arrays import Vector
from asysim.problems.base import Problem
from asysim.random.streams import Purpose, generator
from asysim.theory.hessian import LARGE, product_at, spectral_norm

_DESCENT, _SHORT_DESCENT = 32, 4  # steps of plain descent


@dataclass(frozen=True)
class Visited:
    """Points at which things are measured.

    Attributes
    ----------
    points
        Each of shape (n,); the first is x_1.
    words
        Which they are, for people.
    least
        The least loss that was seen; None: that of the points.
    curvature
        max |λ| of ∇²f(x_1), if it was found already.
    """

    points: Sequence[Vector]
    words: str
    least: float | None = None
    curvature: float | None = None


def descent(problem: Problem, *, points: int, seed: int, tolerance: float = 1e-4) -> Visited:
    """Return x_1 and points of a short plain descent from it, with steps 1/max |λ| of ∇²f(x_1).

    Parameters
    ----------
    problem
        The objective.
    points
        How many of the descent's points are returned, evenly spread, the first and the last among
        them. It ends early where f or ∇f is not finite, or ∇f is 0.
    seed
        Names the vector that the curvature's search begins with.
    tolerance
        Of that curvature, relative.
    """
    x, gradient = problem.start(), np.empty(problem.dimension)
    path = [x.copy()]
    known, curvature = problem.constants().lipschitz, None
    if known is None:
        start = generator(seed, Purpose.THEORY, 0).standard_normal(problem.dimension)
        known = curvature = spectral_norm(product_at(problem, x), start, tolerance)
    least = problem.value(x)
    steps = _SHORT_DESCENT if problem.dimension > LARGE else _DESCENT
    for _ in range(steps if known > 0 and points > 1 else 0):
        problem.full_gradient(x, gradient)
        x = x - gradient / known
        loss = problem.value(x)
        if not (math.isfinite(loss) and gradient.any()):
            break
        least = min(least, loss)
        path.append(x)
    chosen = np.unique(np.linspace(0, len(path) - 1, points).round().astype(int))
    if len(chosen) == 1:
        return Visited([path[0]], "x_1", least, curvature)
    words = f"x_1 and {len(chosen) - 1} of {len(path) - 1} points of a plain descent"
    return Visited([path[i] for i in chosen], words, least, curvature)
