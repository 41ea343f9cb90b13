"""What became of gradients that took long: how many were applied, how stale they were by then."""

from __future__ import annotations

import numpy as np

from asysim.delays.piece import Piece
from asysim.delays.scale import TICKS, cell_of
from asysim.ground.arrays import Floats, Ints
from asysim.jit.compiler import compiled
from asysim.trace.gradient import LOST

ALL, APPLIED, STALENESS_SUM = range(3)
D_ALL, D_APPLIED, D_SQUARES, D_PRODUCT, T_SQUARES = range(5)
_EXACT, _FINE = TICKS


class ByDuration:
    """Counts by how long computing took: from x in hand to the gradient done.

    Parameters
    ----------
    workers
        p.

    Attributes
    ----------
    cells
        Gradients, those applied, and Σ of their τ, for each cell of nanoseconds; (cells, 3).
    of_worker
        Nanoseconds of each worker's gradients, and of those applied; (p, 2).
    sums
        Σ d of all; of those applied Σ d, Σ d², Σ d τ, Σ τ², d in nanoseconds; (5,).
    """

    def __init__(self, workers: int) -> None:
        self.cells = np.zeros((TICKS.cells, 3), np.int64)
        self.of_worker: Floats = np.zeros((workers, 2))
        self.sums: Floats = np.zeros(5)

    def add(self, piece: Piece) -> None:
        """Count a piece more."""
        _count(
            piece.worker, piece.age, piece.update, piece.ready, piece.done, self.cells,
            self.of_worker, self.sums,
        )  # fmt: skip


@compiled
def _count(
    worker: Ints,
    age: Ints,
    update: Ints,
    ready: Ints,
    done: Ints,
    cells: Ints,
    of_worker: Floats,
    sums: Floats,
) -> None:
    for i in range(worker.shape[0]):
        ticks = done[i] - ready[i]
        cell, own, long = cell_of(ticks, _EXACT, _FINE), worker[i], float(ticks)
        cells[cell, ALL] += 1
        of_worker[own, 0] += long
        sums[D_ALL] += long
        if update[i] != LOST:
            tau = float(age[i])
            cells[cell, APPLIED] += 1
            cells[cell, STALENESS_SUM] += age[i]
            of_worker[own, 1] += long
            sums[D_APPLIED] += long
            sums[D_SQUARES] += long * long
            sums[D_PRODUCT] += long * tau
            sums[T_SQUARES] += tau * tau
