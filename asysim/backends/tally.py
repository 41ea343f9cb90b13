"""What a replay would have counted by the time of each evaluation, counted from the rows."""

from __future__ import annotations

import numpy as np

from asysim.ground.arrays import Vector
from asysim.replay.state import State
from asysim.trace.trace import Trace


class Tally:
    """Counts rows, in the order of their disposal.

    Parameters
    ----------
    evaluated
        The k at which the counts are wanted.
    """

    def __init__(self, evaluated: range) -> None:
        self._evaluated = evaluated
        self._rows = 0
        self._counts = (0, 0, 0, 0, 0)  # of `State`, without x
        self._updates = 0
        self._at: dict[int, tuple[int, ...]] = {0: self._counts}

    def count(self, rows: Trace) -> None:
        """Count some rows more."""
        kept = np.flatnonzero(rows.was_applied)
        if len(kept):
            update = rows.update[kept]
            _, ticks, total, most, applied = self._counts
            columns = np.stack(
                [
                    self._rows + kept + 1,
                    np.maximum(ticks, np.maximum.accumulate(rows.ticks[4, kept])),
                    total + np.cumsum(rows.staleness),
                    np.maximum(most, np.maximum.accumulate(rows.staleness)),
                    applied + np.arange(1, len(kept) + 1),
                ]
            )
            first, self._updates = self._updates, int(update[-1]) + 1
            every = self._evaluated.step
            for k in range(-(-(first + 1) // every) * every, self._updates + 1, every):
                place = int(np.searchsorted(update, k)) - 1
                self._at[k] = tuple(columns[:, place].tolist())
            self._counts = tuple(columns[:, -1].tolist())
        self._rows += len(rows)

    def at(self, k: int) -> State:
        """Return the counts just before update k was made; its x is empty."""
        return _state(np.empty(0), k, self._at[k])

    def state(self, x: Vector) -> State:
        """Return the counts of all rows so far, beside the last iterate."""
        return _state(x, self._updates, self._counts)


def _state(x: Vector, updates: int, counts: tuple[int, ...]) -> State:
    gradients, ticks, total, most, applied = counts
    return State(x, updates, gradients, ticks, total, most, applied)
