"""Exact laws of staleness for workers that are always busy, one gradient at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asysim.gradient import Floats


def mean_staleness(workers: int, gradients_per_update: int = 1) -> float:
    """Return the long-run mean of τ over gradients: (p − 1) / c, whatever any law of time is."""
    return (workers - 1) / gradients_per_update


def exponential_staleness(rates: Sequence[float], length: int) -> Floats:
    """Return P(τ = t) for t = 0 … length − 1, for exponential workers without latency.

    P(τ = t) = Σ_i q_i² (1 − q_i)^t with q_i = μ_i / Σμ; for equal workers (1/p)(1 − 1/p)^t.

    Parameters
    ----------
    rates
        μ_i, gradients per second of each worker, > 0; shape (p,).
    length
        How many probabilities; shape of the result.
    """
    share = np.asarray(rates, dtype=np.float64)
    share = share / share.sum()
    t = np.arange(length)[:, None]
    probability: Floats = (share**2 * (1 - share) ** t).sum(axis=1)
    return probability


def worker_means(compute_means: Sequence[float]) -> Floats:
    """Return E[τ | worker i] = ΛE[S_i] − 1 with Λ = Σ 1/E[S_i], without latency; shape (p,).

    Parameters
    ----------
    compute_means
        E[S_i], mean seconds of one gradient of each worker, > 0; shape (p,). Any law.
    """
    means = np.asarray(compute_means, dtype=np.float64)
    staleness: Floats = np.sum(1 / means) * means - 1
    return staleness
