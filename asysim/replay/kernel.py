"""One update in one pass over memory: x − γ g, and whether it is finite.

Compiled, because memory is what an update waits for: in NumPy the product, the difference and
the check pass over it three times. The arithmetic is NumPy's, rounding for rounding: a product,
then a difference, never fused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np

from asysim.ground.arrays import Vector
from asysim.jit.compiler import compiled

_LARGEST = float(np.finfo(np.float64).max)


def _descend(x: Vector, gradient: Vector, step: float) -> bool:
    finite = True
    for i in range(x.shape[0]):
        value = x[i] - step * gradient[i]
        x[i] = value
        finite &= abs(value) <= _LARGEST
    return finite


def _descend_into(x: Vector, gradient: Vector, step: float, out: Vector) -> bool:
    finite = True
    for i in range(x.shape[0]):
        value = x[i] - step * gradient[i]
        out[i] = value
        finite &= abs(value) <= _LARGEST
    return finite


descend = cast("Callable[[Vector, Vector, float], bool]", compiled(_descend))
"""Subtract step × gradient from x, in place; return whether all of x is finite."""

descend_into = cast("Callable[[Vector, Vector, float, Vector], bool]", compiled(_descend_into))
"""Write x − step × gradient into another vector; return whether all of it is finite."""
