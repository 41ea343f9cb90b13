"""Exact laws of staleness for workers that are always busy, one gradient at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from asysim.ground.arrays import Floats, Ints
from asysim.theory.arguments import count, each_positive
from asysim.theory.counts import renewal_throughput


def mean_staleness(workers: int, gradients_per_update: int = 1) -> float:
    """Return the long-run mean of τ over gradients: (p − 1) / c, whatever any law of time is.

    Raises ValueError unless both are at least 1.
    """
    count("workers", workers)
    count("gradients per update", gradients_per_update)
    return (workers - 1) / gradients_per_update


def deterministic_staleness(workers: int, updates: int) -> Ints:
    """Return τ_k = min(k, p − 1) of equal workers with constant times; shape (updates,).

    Raises ValueError unless there is a worker, and no negative number of updates.
    """
    count("workers", workers)
    count("updates", updates, least=0)
    return np.minimum(np.arange(updates, dtype=np.int64), workers - 1)


def exponential_staleness(
    rates: Sequence[float], length: int, gradients_per_update: int = 1
) -> Floats:
    """Return P(τ = t) for t = 0 … length − 1, for exponential workers without latency.

    Between the reads of worker i lie N gradients of others, P(N = n) = q_i (1 − q_i)^n with
    q_i = μ_i / Σμ, and a share q_i of all gradients is its own. So with one gradient in an update
    P(τ = t) = Σ_i q_i² (1 − q_i)^t; for equal workers (1/p)(1 − 1/p)^t. With c of them
    τ = ⌊(φ + N) / c⌋, where φ of the c were there at the read: any number, equally likely.

    Parameters
    ----------
    rates
        μ_i, gradients per second of each worker, > 0; shape (p,).
    length
        How many probabilities; shape of the result.
    gradients_per_update
        c.

    Raises
    ------
    ValueError
        If there is no rate, or one is not above 0, infinite or not a number; or c < 1.
    """
    each_positive("rate", rates)
    c = gradients_per_update
    count("gradients per update", c)
    different, number = np.unique(np.asarray(rates, dtype=np.float64), return_counts=True)
    share = different / float(different @ number)
    probability: Floats = np.zeros(length)
    t = np.arange(length, dtype=np.float64)
    for q, own in zip(share.tolist(), (share * number).tolist(), strict=True):
        other = 1 - q
        some = -math.expm1(c * math.log1p(-q)) if other else 1.0  # 1 − (1 − q)^c
        of_one = some**2 * other ** (c * np.maximum(t - 1, 0.0) + 1) / (c * q)
        of_one[:1] = 1 - other * some / (c * q)
        probability += own * of_one
    return probability


def exponential_start(workers: int, updates: int) -> Floats:
    """Return P(τ_k = k) = (1 − 1/p)^k for k = 0 … updates − 1; shape (updates,).

    That update k comes from the first x: its worker is none of those of the k updates before.
    For equal exponential workers without latency. Raises ValueError as `deterministic_staleness`.
    """
    count("workers", workers)
    count("updates", updates, least=0)
    probability: Floats = (1 - 1 / workers) ** np.arange(updates, dtype=np.float64)
    return probability


def worker_means(compute_means: Sequence[float]) -> Floats:
    """Return E[τ | worker i] = ΛE[S_i] − 1 with Λ = Σ 1/E[S_i], without latency; shape (p,).

    Parameters
    ----------
    compute_means
        E[S_i], mean seconds of one gradient of each worker, > 0; shape (p,). Any law.

    Raises
    ------
    ValueError
        If there is no mean, or one is not above 0, infinite or not a number.
    """
    means = np.asarray(compute_means, dtype=np.float64)
    staleness: Floats = renewal_throughput(compute_means) * means - 1
    return staleness
