"""Where a replay's vectors are; and one update in one pass over memory: x − γ g, if it is finite.

Compiled, because memory is what an update waits for: in NumPy the product, the difference and
the check pass over it three times. The arithmetic is NumPy's, rounding for rounding: a product,
then a difference, never fused.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from asysim.ground.arrays import Buffers, Vector
from asysim.jit.compiler import compiled

_LARGEST = float(np.finfo(np.float64).max)


@compiled
def moved(x: float, gradient: float, step: float) -> float:
    """Return one coordinate of x − γ g."""
    return x - step * gradient


@compiled
def is_finite(value: float) -> bool:
    """Whether a number is neither infinite nor none."""
    return abs(value) <= _LARGEST


@compiled
def descend(x: Vector, gradient: Vector, step: float) -> bool:
    """Subtract step × gradient from x, in place; return whether all of x is finite."""
    finite = True
    for i in range(x.shape[0]):
        value = moved(x[i], gradient[i], step)
        x[i] = value
        finite &= is_finite(value)
    return finite


@compiled
def descend_into(x: Vector, gradient: Vector, step: float, out: Vector) -> bool:
    """Write x − step × gradient into another vector; return whether all of it is finite."""
    finite = True
    for i in range(x.shape[0]):
        value = moved(x[i], gradient[i], step)
        out[i] = value
        finite &= is_finite(value)
    return finite


class Space(Protocol):
    """Where a replay's vectors are, and what is done to them but for sums and factors in place.

    The executor that goes update by update asks for nothing else of a vector x, g or v than to be
    cut, added in place (``+=``) and multiplied by a number in place (``*=``).
    """

    def take(self) -> Vector:
        """Return a vector of shape (n,) with anything in it."""
        ...

    def copy(self, vector: Vector, /) -> Vector:
        """Return a copy of a vector."""
        ...

    def put(self, vector: Vector, /) -> None:
        """Give a vector back; nobody may use it any more."""
        ...

    def descend(self, x: Vector, change: Vector, step: float, /) -> bool:
        """Subtract step × change from x, in place; return whether x is finite."""
        ...

    def descend_into(self, x: Vector, change: Vector, step: float, out: Vector, /) -> bool:
        """Write x − step × change into another vector; return whether that is finite."""
        ...


class NumpySpace(Buffers):
    """Vectors in memory, each at the beginning of a cache line."""

    # The compiled functions themselves: a method that calls them costs as much as a short vector.
    descend = staticmethod(descend)
    descend_into = staticmethod(descend_into)
