"""How often each τ was, and what that says: mean, quantiles, tail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asysim.delays.scale import STALENESS
from asysim.ground.arrays import Floats, Ints

QUANTILES = (0.5, 0.9, 0.99, 0.999)
"""Of τ, that are told."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of τ.

    Attributes
    ----------
    lowest
        The least τ of each cell that something is in, rising; (cells,). A cell is one τ below
        16,384; above, it is as wide as 1/512 of its τ.
    times
        How many τ there were in each; (cells,).
    total
        Σ τ.
    largest
        The largest τ.
    """

    lowest: Ints
    times: Ints
    total: int
    largest: int

    @classmethod
    def of(cls, counts: Ints, total: int, largest: int) -> Histogram:
        """Take counts by cell, those that are 0 too."""
        used = np.flatnonzero(counts)
        return cls(STALENESS.lowest(used), counts[used], total, largest)

    @property
    def count(self) -> int:
        """How many τ there were."""
        return int(self.times.sum())

    @property
    def mean(self) -> float:
        """The mean τ; 0 if there is none."""
        return self.total / max(1, self.count)

    @property
    def deviation(self) -> float:
        """The standard deviation of τ."""
        if not len(self.times):
            return 0.0
        share = self.times / self.count
        middle = float(share @ self.lowest)
        return float(np.sqrt(share @ (self.lowest - middle) ** 2))

    def quantile(self, share: float) -> int:
        """Return the least τ that this share of them do not exceed."""
        if not len(self.times):
            return 0
        so_far = np.cumsum(self.times)
        place = int(np.searchsorted(so_far, share * so_far[-1]))
        return int(self.lowest[min(place, len(so_far) - 1)])

    @property
    def shares(self) -> Floats:
        """The share of each cell; (cells,)."""
        return self.times / max(1, self.count)

    @property
    def above(self) -> Floats:
        """P(τ > t) for the t of each cell; (cells,)."""
        left: Floats = (self.count - np.cumsum(self.times)) / max(1, self.count)
        return left

    def share_above(self, value: float) -> float:
        """Return P(τ > value)."""
        return float(self.times[self.lowest > value].sum()) / max(1, self.count)
