"""What is counted of a trace piece by piece: updates, staleness, who did the work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from asysim.ground.arrays import Ints
from asysim.trace.gradient import NANOSECOND
from asysim.trace.info import TraceInfo
from asysim.trace.rows import TraceRows


@dataclass(frozen=True, eq=False)
class TraceCounts:
    """What is counted of a trace.

    Attributes
    ----------
    gradients, updates
        How many gradients were disposed of, and updates made.
    seconds
        From the start to the last disposal.
    staleness, times
        Each τ that a gradient was applied with, rising, and how many were; shape (different τ,).
    disposed, applied
        Gradients of each worker, and those of them that went into an update; shape (p,).
    staleness_sum
        Of those of each worker; shape (p,).
    """

    gradients: int
    updates: int
    seconds: float
    staleness: Ints
    times: Ints
    disposed: Ints
    applied: Ints
    staleness_sum: Ints

    @classmethod
    def of(cls, pieces: Iterable[TraceRows], info: TraceInfo) -> TraceCounts:
        """Count what is in the pieces of a trace."""
        p = info.workers
        gradients = updates = latest = 0
        staleness, times = np.zeros(0, np.int64), np.zeros(0, np.int64)
        disposed, applied, sums = (np.zeros(p, np.int64) for _ in range(3))
        for rows in pieces:
            gradients += len(rows)
            updates = rows.updates
            latest = max(latest, int(rows.ticks[4].max(initial=0)))
            kept = rows.was_applied
            tau, worker = (rows.updates_before - rows.version)[kept], rows.worker[kept]
            disposed += np.bincount(rows.worker, minlength=p)
            applied += np.bincount(worker, minlength=p)
            np.add.at(sums, worker, tau)
            staleness, times = _merged(staleness, times, tau)
        return cls(gradients, updates, float(latest * NANOSECOND), staleness, times, disposed,
                   applied, sums)  # fmt: skip

    @property
    def mean_staleness(self) -> float:
        """The mean τ of the gradients applied; 0 if there are none."""
        return int(self.staleness_sum.sum()) / max(1, int(self.times.sum()))

    @property
    def max_staleness(self) -> int:
        """The largest τ of the gradients applied; 0 if there are none."""
        return int(self.staleness.max(initial=0))

    def staleness_quantile(self, share: float) -> int:
        """Return the least τ that this share of the gradients applied do not exceed."""
        if not len(self.staleness):
            return 0
        so_far = np.cumsum(self.times)
        # As NumPy's "inverted_cdf", which rounds nothing either.
        place = np.searchsorted(so_far, share * so_far[-1])
        return int(self.staleness[min(place, len(self.staleness) - 1)])

    def staleness_bars(self, most: int) -> tuple[int, Ints]:
        """Return how many τ go into a bar, and how many gradients had those; shape (≤ most,)."""
        width = -(-(self.max_staleness + 1) // most)
        bars = np.zeros(self.max_staleness // width + 1, np.int64)
        np.add.at(bars, self.staleness // width, self.times)
        return width, bars


def _merged(values: Ints, times: Ints, more: Ints) -> tuple[Ints, Ints]:
    """Return how often each value is there, with more of them."""
    found, number = np.unique(more, return_counts=True)
    both, place = np.unique(np.concatenate([values, found]), return_inverse=True)
    total = np.zeros(len(both), np.int64)
    np.add.at(total, place, np.concatenate([times, number]))
    return both, total
