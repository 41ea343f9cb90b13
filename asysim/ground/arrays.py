"""What arrays are called in signatures, and vectors that are used over and over."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Vector = NDArray[np.float64]
"""x, or a gradient; shape (n,)."""


def as_real(value: object) -> float | None:
    """Return a real number of whatever kind, or in an array without a shape; None if it is none."""
    value = value.item() if getattr(value, "shape", None) == () else value  # type: ignore[attr-defined]
    return float(value) if isinstance(value, Real) else None


def read_only(vector: Vector) -> Vector:
    """Return a view of a vector that can't be written to, for what is not ours to look at."""
    view = vector.view()
    view.flags.writeable = False
    return view


_LINE = 8  # numbers in a cache line
_SLAB = 2**20  # numbers that are allocated at once, at most, if that is enough for 4 vectors


class Buffers:
    """Vectors that are used over and over, the last one put back first: it is still in the cache.

    They begin at cache lines: adding vectors that don't takes up to half as long again.

    Parameters
    ----------
    dimension
        n.
    """

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._width = -(-dimension // _LINE) * _LINE
        self._next = 4  # vectors in the next slab: few for a short run
        self._free: list[Vector] = []

    def take(self) -> Vector:
        """Return a vector of shape (n,) with anything in it."""
        if not self._free:
            count = self._next
            self._next = max(4, min(2 * count, _SLAB // self._width))
            slab = np.empty(count * self._width + _LINE)
            begin = -(slab.ctypes.data // slab.itemsize) % _LINE
            rows = slab[begin : begin + count * self._width].reshape(count, self._width)
            self._free = [row[: self._dimension] for row in rows]
        return self._free.pop()

    def copy(self, vector: Vector) -> Vector:
        """Return a copy of a vector."""
        copy = self.take()
        np.copyto(copy, vector)
        return copy

    def put(self, vector: Vector) -> None:
        """Give a vector back; nobody may use it any more."""
        self._free.append(vector)
