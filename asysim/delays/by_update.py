"""How old the gradients of one update were: the first of them, their mean, and the oldest."""

from __future__ import annotations

import numpy as np

from asysim.delays.piece import Piece
from asysim.delays.scale import STALENESS, cell_of, wide_enough
from asysim.ground.arrays import Floats, Ints
from asysim.jit.compiler import compiled
from asysim.trace.gradient import LOST

_UPDATE, _COUNT, _FIRST, _SUM, _MOST, _LARGEST = range(6)
_EXACT, _FINE = STALENESS


class ByUpdate:
    """Counts of the first and the largest τ in each update.

    Attributes
    ----------
    first, largest
        How often each cell of τ was; (cells,).
    sizes
        Gradients in the smallest update, and in the largest.
    """

    def __init__(self) -> None:
        self.first, self.largest = np.zeros(64, np.int64), np.zeros(64, np.int64)
        self._open = np.array([-1, 0, 0, 0, 0, 0], np.int64)
        self._sums: Floats = np.zeros(4)  # updates, Σ mean τ, the fewest gradients, the most
        self._closed = False

    def add(self, piece: Piece) -> None:
        """Count a piece more."""
        age = piece.age
        most = int(age.max(initial=0))
        self.first = wide_enough(self.first, most, STALENESS)
        self.largest = wide_enough(self.largest, most, STALENESS)
        _count(age, piece.update, self.first, self.largest, self._open, self._sums)

    def close(self) -> None:
        """Count the last update, which nothing follows."""
        _close(self.first, self.largest, self._open, self._sums)
        self._open[_UPDATE] = -1

    @property
    def updates(self) -> int:
        """Updates that a gradient went into."""
        return int(self._sums[0])

    @property
    def mean_of_means(self) -> float:
        """The mean over updates of the mean τ of each."""
        return float(self._sums[1] / max(1.0, self._sums[0]))

    @property
    def sizes(self) -> tuple[int, int]:
        """Gradients in the smallest update, and in the largest."""
        return int(self._sums[2]), int(self._sums[3])


@compiled
def _close(first: Ints, largest: Ints, open_: Ints, sums: Floats) -> None:
    if open_[_UPDATE] < 0:
        return
    count = open_[_COUNT]
    first[cell_of(open_[_FIRST], _EXACT, _FINE)] += 1
    largest[cell_of(open_[_MOST], _EXACT, _FINE)] += 1
    sums[2] = count if sums[0] == 0 else min(sums[2], float(count))
    sums[3] = max(sums[3], float(count))
    sums[0] += 1
    sums[1] += open_[_SUM] / count


@compiled
def _count(age: Ints, update: Ints, first: Ints, largest: Ints, open_: Ints, sums: Floats) -> None:
    for i in range(age.shape[0]):
        if update[i] == LOST:
            continue
        tau = age[i]
        if update[i] != open_[_UPDATE]:
            _close(first, largest, open_, sums)
            open_[_UPDATE], open_[_COUNT], open_[_FIRST] = update[i], 0, tau
            open_[_SUM], open_[_MOST] = 0, 0
        open_[_COUNT] += 1
        open_[_SUM] += tau
        open_[_MOST] = max(open_[_MOST], tau)
