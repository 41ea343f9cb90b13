"""Where a problem's own constants hold: everywhere, or in a ball round the origin."""

from __future__ import annotations

import numpy as np

from asysim.ground.arrays import Vector
from asysim.problems.base import Problem

ROUNDING = 1e-9
"""Relative, by which a run may be outside that stays inside."""


def radius_of(problem: Problem) -> float | None:
    """Return the radius of the ball that constants hold in; None: they hold everywhere."""
    radius = getattr(problem, "radius", None)  # as problems call it whose constants are of a ball
    return None if radius is None else float(radius)


def size_of(problem: Problem, x: Vector) -> float:
    """Return ‖x‖, of a problem whose x is a matrix its spectral norm; inf where it is no number."""
    if not np.isfinite(x).all():
        return float("inf")
    factor = getattr(problem, "factor", None)  # of x as a matrix
    return float(np.linalg.norm(x) if factor is None else np.linalg.norm(factor(x), 2))


def is_outside(problem: Problem, x: Vector) -> bool:
    """Whether x is where the constants do not hold."""
    radius = radius_of(problem)
    return radius is not None and not size_of(problem, x) <= radius * (1 + ROUNDING)
