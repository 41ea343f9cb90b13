"""From efficiencies to exponents: the largest p of each (K, M), and how it grows with K and M.

An efficiency is the speedup in iterations as a part of p, K_1 / K_p. Of runs, some of which may
never have arrived, it is the mean of 1/K_p over that of 1/K_1: one that did not counts as 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asysim.ground.arrays import Floats
from asysim.random.streams import Purpose, generator

LEVEL = 0.95
_RESAMPLES = 2000

Limit = tuple[float, Literal["", "at least"]]
"""The largest p; "at least" where it was still linear with the most that were tried."""


def efficiencies(arrivals: NDArray[np.float64]) -> Floats:
    """Return the efficiency of each p.

    Parameters
    ----------
    arrivals
        Updates until a run arrived, infinite if it did not; shape (…, p, seeds), one worker first.
        One worker has to have arrived at least once.

    Returns
    -------
    Floats
        Shape (…, p); 1 for one worker.
    """
    rates = (1 / arrivals).mean(axis=-1)
    found: Floats = rates / rates[..., :1]
    return found


def limit(workers: Sequence[int], efficiency: Floats, share: float) -> Limit:
    """Return the p up to which efficiency is ≥ share: between two that were tried, by log p.

    What more workers reach beyond, such as where a long delay throws runs past a saddle, counts no
    more.
    """
    values = _limits(np.log(np.asarray(workers, dtype=np.float64)), efficiency[np.newaxis], share)
    return float(np.exp(values[0])), "at least" if (efficiency >= share).all() else ""


def _limits(logs: Floats, efficiency: Floats, share: float) -> Floats:
    """Return log p where each row of efficiencies, shape (rows, p), first falls below the share."""
    below = efficiency[:, 1:] < share
    after = np.where(below.any(axis=1), 1 + np.argmax(below, axis=1), efficiency.shape[1] - 1)
    last = np.where(below.any(axis=1), after - 1, after)
    rows = np.arange(len(efficiency))
    high, low = efficiency[rows, last], efficiency[rows, after]
    part = np.where(after > last, (high - share) / np.where(high > low, high - low, 1.0), 0.0)
    found: Floats = logs[last] + part * (logs[after] - logs[last])
    return found


@dataclass(frozen=True)
class Exponent:
    """An exponent and its 95 % interval, over resampled seeds."""

    value: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value is in the interval."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Growth:
    """p ≈ c · K^a · M^b, fitted to the logarithms of the largest p.

    Attributes
    ----------
    updates, batch
        a, and b; None if there was one M.
    constant
        c.
    misfit
        Root mean square of log p less the fit: what no exponents can say.
    cells
        How many (K, M) it is from.
    """

    updates: Exponent
    batch: Exponent | None
    constant: float
    misfit: float
    cells: int


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Updates until arrival with one K and one M; shape (p, seeds), one worker first."""

    length: int
    batch: int
    workers: tuple[int, ...]
    updates: NDArray[np.float64]

    @property
    def is_known(self) -> bool:
        """Whether one worker arrived, so that there is something to compare with."""
        return bool(np.isfinite(self.updates[0]).any())

    @property
    def is_trivial(self) -> bool:
        """Whether the start itself meets the target, in some run."""
        return bool((self.updates <= 0).any())

    @property
    def is_comparable(self) -> bool:
        """Whether efficiencies mean something."""
        return self.is_known and not self.is_trivial

    @property
    def efficiency(self) -> Floats:
        """Of each p, shape (p,)."""
        return efficiencies(self.updates)

    def limit(self, share: float) -> Limit:
        """Return the largest p."""
        return limit(self.workers, self.efficiency, share)


def with_limits(cells: Sequence[Arrivals], share: float) -> list[Arrivals]:
    """Return the cells in which the largest p was found, and does not lie beyond all tried."""
    return [c for c in cells if c.is_comparable and not c.limit(share)[1]]


def growth(cells: Sequence[Arrivals], share: float, *, seed: int = 0) -> Growth | None:
    """Fit exponents to the largest p of several (K, M); None if there are not enough of them.

    Cells whose limit lies beyond what was tried are left out.

    Parameters
    ----------
    cells
        With seeds in the same order for all p of one cell.
    share
        What counts as linear.
    seed
        Names the resamples.
    """
    used = with_limits(cells, share)
    lengths, batches = {c.length for c in used}, {c.batch for c in used}
    many = len(batches) > 1
    if len(lengths) < 2 or len(used) < (4 if many else 3):
        return None
    columns = [np.ones(len(used)), np.log([float(c.length) for c in used])]
    if many:
        columns.append(np.log([float(c.batch) for c in used]))
    design = np.column_stack(columns)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    logs = np.array([math.log(c.limit(share)[0]) for c in used])
    solve = np.linalg.pinv(design)
    best = solve @ logs
    drawn = np.array([_resampled(c, share, seed, i) for i, c in enumerate(used)])
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(solve @ drawn, [tail, 100 - tail], axis=1)
    exponents = [
        Exponent(float(v), float(a), float(b)) for v, a, b in zip(best, low, high, strict=True)
    ]
    misfit = logs - design @ best
    return Growth(
        updates=exponents[1],
        batch=exponents[2] if many else None,
        constant=math.exp(best[0]),
        misfit=float(np.sqrt(np.mean(misfit**2))),
        cells=len(used),
    )


def _resampled(cell: Arrivals, share: float, seed: int, index: int) -> Floats:
    """Return log p of the same cell with its seeds drawn again, with replacement."""
    seeds = cell.updates.shape[1]
    chosen = generator(seed, Purpose.RESAMPLE, index).integers(0, seeds, (_RESAMPLES, seeds))
    rates = (1 / cell.updates)[:, chosen].mean(axis=2).T  # (resamples, p)
    one = np.where(rates[:, :1] > 0, rates[:, :1], np.nan)
    efficiency = np.nan_to_num(rates / one, nan=1.0)
    return _limits(np.log(np.asarray(cell.workers, dtype=np.float64)), efficiency, share)
