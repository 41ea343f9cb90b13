"""Where vectors lie: rows of one array, which grows between two calls of compiled code."""

from __future__ import annotations

import numpy as np

from asysim.ground.arrays import Vector
from asysim.problems.compiled.models import Matrix

TOTAL, ADDEND, VELOCITY, MEMORY, FIRST = range(5)
"""The sum of an update's gradients (lock-free: x̂), one more gradient, v of heavy ball, what a
correction remembers; and the first row for versions of x and changes."""

_LINE = 8  # numbers in a cache line


class Pool:
    """Vectors of one length that begin at cache lines.

    Parameters
    ----------
    dimension
        n.

    Attributes
    ----------
    rows
        The vectors; numbers from n on are there only to fill the last line.
    """

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self.rows = _aligned(FIRST + 4, dimension)
        self.rows[:] = 0.0

    def __getitem__(self, row: int) -> Vector:
        vector: Vector = self.rows[row, : self._dimension]
        return vector

    def hold(self, count: int) -> None:
        """Have room for that many rows; those that there are keep what is in them."""
        kept = len(self.rows)
        if count > kept:
            rows = _aligned(max(count, 2 * kept), self._dimension)
            rows[:kept] = self.rows
            self.rows = rows


def _aligned(count: int, dimension: int) -> Matrix:
    width = -(-dimension // _LINE) * _LINE
    space = np.empty(count * width + _LINE)
    begin = -(space.ctypes.data // space.itemsize) % _LINE
    return space[begin : begin + count * width].reshape(count, width)
