"""How much draws of a series depend on each other, and how many independent ones it is worth."""

from __future__ import annotations

import numpy as np

from asysim.delays.block_counts import BlockCounts
from asysim.delays.pooled_test import independent
from asysim.ground.arrays import Floats, Ints

LAGS = 1000
"""Lags that an autocorrelation is computed to, if nothing else is said."""


def autocorrelation(series: Ints | Floats, lags: int = LAGS) -> Floats:
    """Return the autocorrelation of a series at lags 0 … lags; (lags + 1,), fewer if it is short.

    Parameters
    ----------
    series
        Consecutive values; (n,). If they are all the same, it is 1 at lag 0 and 0 elsewhere.
    lags
        The largest one.
    """
    x = np.asarray(series, dtype=np.float64)
    lags = min(lags, max(0, len(x) - 1))
    x = x - x.mean() if len(x) else x
    if not x.any():
        return np.append(1.0, np.zeros(lags))
    # Zeros at the end, so that it is not taken for a circle.
    size = 1 << (len(x) + lags - 1).bit_length()
    products = np.fft.irfft(np.abs(np.fft.rfft(x, size)) ** 2, size)[: lags + 1]
    result: Floats = products / products[0]
    return result


def correlation_time(correlation: Floats) -> float:
    """Return 1 + 2 Σ ρ_k: n draws tell of their mean as much as n / this many independent ones.

    The sum ends where it would be noise: the sums of pairs ρ_2k + ρ_2k+1 are kept while they are
    above 0, and made to fall (the initial monotone sequence of Geyer 1992).

    Parameters
    ----------
    correlation
        ρ at lags 0, 1, …; (lags + 1,).
    """
    even = len(correlation) // 2 * 2
    if even < 2:
        return 1.0
    pairs = correlation[:even].reshape(-1, 2).sum(axis=1)
    below = np.flatnonzero(pairs <= 0)
    kept = pairs[: below[0]] if len(below) else pairs
    return float(2 * np.minimum.accumulate(kept).sum() - 1) if len(kept) else 0.0


def effective_size(observations: int, time: float) -> float:
    """Return how many independent draws would tell the mean as well.

    Parameters
    ----------
    observations
        n.
    time
        As `correlation_time` says. Draws that make up for each other have one below 1, or none that
        can be told from 0; more than n² independent draws are never claimed.
    """
    return observations / max(time, 1 / max(1, observations))


def mean_error(blocks: BlockCounts) -> tuple[float, int]:
    """Return the standard error of the mean τ by batch means, and how many blocks it is from.

    Where conservation fixes the mean of a long block almost, the error is in truth less than this.

    Parameters
    ----------
    blocks
        At least `LEAST_BLOCKS` of `asysim.delays.pooled_test`. They are joined while neighbours are
        correlated.
    """
    joined, uncertainty = independent(blocks, blocks.middle[:, None])
    return float(np.sqrt(uncertainty.trace)), len(joined)
