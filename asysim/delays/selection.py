"""Selection by duration: the part of gradients that is applied, and how stale, by how long it took.

A rule that discards what is late starves slow gradients: those that it applies took less time than
those that were computed, and slow workers have a smaller share in x than in the work.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from asysim.delays.by_duration import (
    ALL,
    APPLIED,
    D_ALL,
    D_APPLIED,
    D_PRODUCT,
    D_SQUARES,
    STALENESS_SUM,
    T_SQUARES,
    ByDuration,
)
from asysim.delays.scale import TICKS
from asysim.ground.arrays import Floats, Ints
from asysim.trace.gradient import NANOSECOND

BINS = 10


@dataclass(frozen=True, eq=False)
class Selection:
    """What became of gradients by how long they took to compute.

    Attributes
    ----------
    start, end
        Between which seconds the durations of each bin are, bins of about equally many gradients;
        (bins,).
    middle
        The median of each bin's durations, in seconds; (bins,).
    gradients, applied
        How many there were in each, and how many were applied; (bins,).
    staleness
        The mean τ of those applied; (bins,), NaN where none was.
    mean, mean_applied
        Mean seconds of all gradients, and of those applied.
    correlation
        Between the duration and τ of gradients applied; NaN if one of them never varies.
    per_second
        By how much τ grows with each second that computing takes, by least squares; NaN likewise.
    """

    start: Floats
    end: Floats
    middle: Floats
    gradients: Ints
    applied: Ints
    staleness: Floats
    mean: float
    mean_applied: float
    correlation: float
    per_second: float

    @property
    def shares(self) -> Floats:
        """The probability that a gradient of each bin was applied; (bins,)."""
        return self.applied / self.gradients

    @property
    def starved(self) -> float:
        """Mean seconds of gradients applied, as a part of that of all: 1 if none is favoured."""
        return self.mean_applied / self.mean if self.mean > 0 else 1.0


def selection(counts: ByDuration) -> Selection | None:
    """Return what there is to tell; None if no gradient took any time to compute."""
    cells, sums = counts.cells, counts.sums
    used = np.flatnonzero(cells[:, ALL])
    if not len(used) or sums[D_ALL] == 0:
        return None
    found = cells[used]
    so_far = np.cumsum(found[:, ALL])
    middle = so_far - found[:, ALL] / 2
    bins = np.minimum((middle / so_far[-1] * BINS).astype(np.int64), BINS - 1)
    first = np.flatnonzero(np.diff(bins, prepend=-1))
    each = np.add.reduceat(found, first, axis=0)
    start = NANOSECOND * TICKS.lowest(used[first]).astype(np.float64)
    last = TICKS.lowest(np.append(used[first[1:] - 1], used[-1]) + 1)
    half = (np.append(so_far[first[1:] - 1], so_far[-1]) + so_far[first] - found[first, ALL]) / 2
    median = TICKS.lowest(used[np.searchsorted(so_far, half)])
    applied = each[:, APPLIED]
    tau = each[:, STALENESS_SUM] / np.maximum(applied, 1)
    count = int(applied.sum())
    mean, mean_applied = sums[D_ALL] / so_far[-1], sums[D_APPLIED] / max(1, count)
    correlation, slope = _line(sums, count, int(each[:, STALENESS_SUM].sum()))
    return Selection(
        start=start,
        end=NANOSECOND * last.astype(np.float64),
        middle=NANOSECOND * median.astype(np.float64),
        gradients=each[:, ALL],
        applied=applied,
        staleness=np.where(applied > 0, tau, math.nan),
        mean=float(mean * NANOSECOND),
        mean_applied=float(mean_applied * NANOSECOND),
        correlation=correlation,
        per_second=slope / NANOSECOND,
    )


def _line(sums: Floats, count: int, total: int) -> tuple[float, float]:
    """Return the correlation of duration and τ, and the slope of τ in updates a nanosecond."""
    if count < 2:
        return math.nan, math.nan
    durations = sums[D_SQUARES] / count - (sums[D_APPLIED] / count) ** 2
    taus = sums[T_SQUARES] / count - (total / count) ** 2
    product = sums[D_PRODUCT] / count - sums[D_APPLIED] / count * (total / count)
    # What is left of a difference of two numbers that are equal but for rounding is nothing.
    if durations <= 1e-9 * sums[D_SQUARES] / count or taus <= 1e-9 * sums[T_SQUARES] / count:
        return math.nan, math.nan
    return float(product / math.sqrt(durations * taus)), float(product / durations)
