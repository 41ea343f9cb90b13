"""Whether two series of τ have the same law, and how far their laws are from each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asysim.delays.block_counts import MANY, BlockCounts
from asysim.delays.dependence import mean_error
from asysim.delays.pooled_test import (
    LEAST_BLOCKS,
    PooledTest,
    compared,
    independent,
    pooling,
    pools_of,
)
from asysim.ground.arrays import Floats, Ints
from asysim.random.streams import Purpose, generator

RESAMPLES = 999
"""How often blocks are drawn anew for an interval."""

LEVEL = 0.95
"""How often an interval is meant to hold the true distance."""


@dataclass(frozen=True)
class Distance:
    """How far two laws are from each other.

    Attributes
    ----------
    value
        Found between the two series: more than that of their laws, by chance.
    low, high
        An interval that holds that of the laws at 95 %.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """Two series of τ compared.

    Attributes
    ----------
    law
        The test whether they have the same law.
    difference
        Of their means, the first less the second.
    error
        Its standard error.
    mean_p_value
        How often it would be as large, or larger, if their means were the same.
    total_variation
        The largest difference of the probabilities of anything, among pools of τ.
    wasserstein
        How many updates τ of the one have to be moved by, on average, to have the other's law.
    """

    law: PooledTest
    difference: float
    error: float
    mean_p_value: float
    total_variation: Distance
    wasserstein: Distance


def compare(first: BlockCounts, second: BlockCounts, *, seed: int = 0) -> Comparison | None:
    """Compare two stationary series of τ, whose draws may each depend on each other.

    Their laws by the test of `asysim.delays.pooled_test`; their means by Welch's test of the
    means of blocks; distances with intervals from blocks drawn anew.

    Parameters
    ----------
    first, second
        The τ.
    seed
        Of the draws.

    Returns
    -------
    None if one of them has fewer blocks than `LEAST_BLOCKS`.
    """
    if min(len(first), len(second)) < LEAST_BLOCKS:
        return None
    if max(len(first.lowest), len(second.lowest)) > MANY:
        first, second = first.coarser(), second.coarser()
    difference = first.mean - second.mean
    error, p_value = _welch(difference, first, second)
    cells = np.union1d(first.lowest, second.lowest)
    pools = pools_of(cells, _over(cells, first).sum(axis=0) + _over(cells, second).sum(axis=0))
    shares = [
        blocks.total @ pooling(blocks.lowest, pools) / blocks.observations
        for blocks in (first, second)
    ]
    whitened = 1 / np.sqrt((shares[0] + shares[1]) / 2)
    (one, its), (other, others) = (
        independent(blocks, pooling(blocks.lowest, pools) * whitened) for blocks in (first, second)
    )
    law = compared((shares[0] - shares[1]) * whitened, (its, others), pools)
    apart = _drawn_again(cells, one, seed, 0) - _drawn_again(cells, other, seed, 1)
    variation = _distance(apart @ pooling(cells, pools) / 2, 1.0)
    moved = _distance(np.cumsum(apart, axis=1)[:, :-1] * np.diff(cells), np.inf)
    return Comparison(law, difference, error, p_value, variation, moved)


def _welch(difference: float, first: BlockCounts, second: BlockCounts) -> tuple[float, float]:
    """Return the standard error of a difference of means, and its p-value."""
    from scipy.special import stdtr

    (one, blocks), (other, others) = mean_error(first), mean_error(second)
    error = float(np.hypot(one, other))
    if error == 0:
        return 0.0, float(difference == 0)
    freedom = error**4 / (one**4 / (blocks - 1) + other**4 / (others - 1))
    return error, float(2 * stdtr(freedom, -abs(difference) / error))


def _over(cells: Ints, blocks: BlockCounts) -> Ints:
    """Return the counts in more cells; (blocks, cells)."""
    counts = np.zeros((len(blocks), len(cells)), np.int64)
    counts[:, np.searchsorted(cells, blocks.lowest)] = blocks.counts
    return counts


def _drawn_again(cells: Ints, blocks: BlockCounts, seed: int, index: int) -> Floats:
    """Return each cell's share: of the series, and of blocks drawn anew; (1 + draws, cells)."""
    n = len(blocks)
    chosen = generator(seed, Purpose.DISTANCE, index).integers(0, n, (RESAMPLES, n))
    line = np.arange(RESAMPLES)[:, None] * n
    weights = np.bincount((line + chosen).ravel(), minlength=RESAMPLES * n).reshape(RESAMPLES, n)
    weights = np.concatenate([np.ones((1, n)), weights])
    shares: Floats = weights @ (_over(cells, blocks) / blocks.observations)
    return shares


def _distance(parts: Floats, most: float) -> Distance:
    """Return Σ |part| of the first line, and an interval of what it is without chance.

    With x what is found, e the chance in it: Σ|x − e| is at least Σ|x| − Σ|e|, and what is added up
    with the signs of the true parts is Σ|x| at most. So it is no less than Σ|x| less chance's own
    sum, and no more than Σ|x| and the chance in one sum of fixed signs.

    Parameters
    ----------
    parts
        Found, and found again in series drawn anew; (1 + draws, parts).
    most
        The largest possible distance.
    """
    chance = parts[1:] - parts[0]
    found, tail = float(np.abs(parts[0]).sum()), (1 - LEVEL) / 2
    low = found - float(np.quantile(np.abs(chance).sum(axis=1), 1 - tail))
    high = found - float(np.quantile(chance @ np.sign(parts[0]), tail))
    return Distance(found, max(0.0, low), min(max(found, high), most))
