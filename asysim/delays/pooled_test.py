"""A test of shares: as Pearson's χ², for draws that depend on each other.

Σ (found − expected)² / expected is no χ² when draws depend on each other, nor when parameters were
estimated: it is then Σ λ_i χ²₁, where λ are the eigenvalues of the covariance of the (whitened)
differences (Rao & Scott 1981, 1984). The covariance comes from blocks of consecutive draws
(batch means). The sum is given the F of the same first two moments (Box 1954; Brunner, Dette &
Munk 1997), which asks the covariance for two traces only: it is neither inverted nor need it have
full rank. That matters here: Σ τ is conserved, so the mean of a block varies hardly at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asysim.delays.block_counts import BlockCounts
from asysim.ground.arrays import Floats, Ints

LEAST_BLOCKS = 16
"""With fewer nothing is tested: their spread says too little."""

POOLS = 16
"""Ranges of τ of equal shares, about, that are compared; the last one is divided further."""

_LEAST_COUNT = 10  # draws that are expected in a pool at least
_TAIL = 4  # times that the last pool is halved, at most
_CORRELATED = 0.7  # standard errors of the blocks' correlation from which on they are too short


@dataclass(frozen=True)
class PooledTest:
    """What a test of shares came to.

    Attributes
    ----------
    statistic
        The sum of squares beside what it is expected to be: about 1 if nothing is wrong.
    freedom
        Degrees of freedom of the F it is compared with.
    p_value
        How often it would be as large, or larger.
    pools
        The least τ of each pool; (pools,).
    blocks
        How many independent blocks the error comes from.
    """

    statistic: float
    freedom: tuple[float, float]
    p_value: float
    pools: Ints
    blocks: int


def pools_of(lowest: Ints, total: Ints) -> Ints:
    """Return the least τ of each pool that is compared; (pools,), the first 0.

    Parameters
    ----------
    lowest, total
        The least τ of each cell, and how many τ are in it; (cells,).
    """
    observations = int(total.sum())
    tail = 1 / POOLS * 0.5 ** np.arange(1, _TAIL + 1)
    ends = np.concatenate([np.arange(1, POOLS) / POOLS, 1 - tail])
    before = np.cumsum(total) - total  # τ below each cell
    # A cell is put into the pool that more than half of it belongs to, if it is wider than one.
    first = np.searchsorted(before + total / 2, ends * observations)
    edges = [0]
    for cell in np.unique(first[first < len(lowest)]):
        enough = before[cell] - before[edges[-1]] >= _LEAST_COUNT
        if enough and observations - before[cell] >= _LEAST_COUNT:
            edges.append(int(cell))
    pools = lowest[edges].copy()
    pools[0] = 0
    return pools


def pooling(cells: Ints, pools: Ints) -> Floats:
    """Return which pool each cell is in; (cells, pools) of 0 and 1."""
    inside = np.searchsorted(pools, cells, side="right") - 1
    result: Floats = np.eye(len(pools))[inside]
    return result


@dataclass(frozen=True)
class Uncertainty:
    """How the mean of independent blocks may vary.

    Attributes
    ----------
    covariance
        Of the mean of all blocks; (d, d).
    blocks
        How many there are.
    """

    covariance: Floats
    blocks: int

    @property
    def trace(self) -> float:
        """Tr Σ."""
        return float(np.trace(self.covariance))

    @property
    def trace_of_square(self) -> float:
        """Tr Σ² without the excess that the estimate of Σ has by chance (Srivastava 2005)."""
        f = self.blocks - 1
        square = float((self.covariance**2).sum())
        fair = f**2 / ((f - 1) * (f + 2)) * (square - self.trace**2 / f)
        # No matrix of this size and trace has less.
        return max(fair, self.trace**2 / len(self.covariance))

    @property
    def freedom(self) -> float:
        """How many independent numbers of one variance would vary as much in all."""
        return self.trace**2 / self.trace_of_square


def independent(blocks: BlockCounts, influence: Floats) -> tuple[BlockCounts, Uncertainty]:
    """Return blocks that are long enough, and how the mean of what they say varies.

    Blocks are joined as long as neighbours are still correlated, and there are `LEAST_BLOCKS`.

    Parameters
    ----------
    blocks
        At least `LEAST_BLOCKS`.
    influence
        What a τ of each cell adds to what is estimated; (cells, d).
    """
    while True:
        apart = blocks.shares @ influence
        apart -= apart.mean(axis=0)
        n = len(blocks)
        covariance = apart.T @ apart / (n * (n - 1))
        if not covariance.any():
            return blocks, Uncertainty(covariance, n)
        correlation = float((apart[1:] * apart[:-1]).sum() / (apart**2).sum())
        freedom = Uncertainty(covariance, n).freedom
        # Of d independent numbers the correlation, taken together, has the variance 1 / (n d).
        short = correlation > _CORRELATED / np.sqrt(n * freedom)
        if not short or n // 2 < LEAST_BLOCKS:
            # What is left of it counts twice: each block has two neighbours.
            return blocks, Uncertainty(covariance * (1 + 2 * max(0.0, correlation)), n)
        blocks = blocks.halved()


def compared(
    difference: Floats, spreads: Sequence[Uncertainty], pools: Ints, *, estimated: int = 0
) -> PooledTest:
    """Test whether a difference is no more than chance.

    Parameters
    ----------
    difference
        Whitened: each with about the variance that it would have if draws were independent; (d,).
    spreads
        Of what it is the sum of; each (d, d).
    pools, estimated
        What it is a difference between, and how many parameters were estimated from the same data.
    """
    blocks = min(spread.blocks for spread in spreads)
    covariance = np.sum([spread.covariance for spread in spreads], axis=0)
    trace, squares = float(np.trace(covariance)), float(difference @ difference)
    if trace <= 1e-15 * max(1.0, squares):  # nothing varies: then nothing may differ
        same = squares <= 1e-12
        return PooledTest(0.0 if same else np.inf, (0.0, 0.0), float(same), pools, blocks)
    from scipy.special import fdtrc

    own = [spread.trace_of_square for spread in spreads]
    cross = float((covariance**2).sum() - sum((s.covariance**2).sum() for s in spreads))
    most = max(1, len(difference) - 1 - estimated)
    first = float(np.clip(trace**2 / (sum(own) + cross), 1, most))
    second = trace**2 / sum(o / (s.blocks - 1) for o, s in zip(own, spreads, strict=True))
    statistic = squares / trace
    p_value = float(fdtrc(first, second, statistic))
    return PooledTest(statistic, (first, second), p_value, pools, blocks)
