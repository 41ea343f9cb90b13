"""How many gradients workers deliver, and when, if they are always busy and nothing is in the way.

Fixed times are counted in whole nanoseconds, as the schedules do, so the counts are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Floats
from asysim.theory.arguments import count, each_positive, finite, positive
from asysim.trace.gradient import NANOSECOND


class Optimum(NamedTuple):
    """The least time, in seconds up to a constant, and how many of the fastest workers take it."""

    seconds: float
    workers: int


def updates_by(times: Sequence[float], seconds: float) -> int:
    """Return Σ ⌊t/τ_i⌋, the gradients delivered by time t, inclusive.

    Parameters
    ----------
    times
        τ_i, fixed seconds of one gradient of each worker, at least a nanosecond; shape (p,).
    seconds
        t ≥ 0.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    finite("time", seconds)
    until = round(seconds / NANOSECOND)
    return sum(until // tick for tick in _ticks(times))


def collection_time(times: Sequence[float], needed: int) -> float:
    """Return min{t : Σ ⌊t/τ_i⌋ ≥ S} in seconds: when S gradients are there if all start at once.

    It is how long Rennala SGD collects for one update (Tyurin & Richtárik 2023), if every worker
    starts afresh from the new x.

    Parameters
    ----------
    times
        τ_i, fixed seconds of one gradient of each worker, at least a nanosecond; shape (p,).
    needed
        S ≥ 1.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    count("needed", needed)
    ticks = _ticks(times)
    early, late = 0, needed * min(ticks)
    while late - early > 1:
        middle = (early + late) // 2
        if sum(middle // tick for tick in ticks) >= needed:
            late = middle
        else:
            early = middle
    return late * NANOSECOND


def optimal_time(
    times: Sequence[float], *, smoothness: float, gap: float, variance: float, accuracy: float
) -> Optimum:
    """Return the optimal time of asynchronous methods with fixed compute times, up to a constant.

    min over m of ((1/m) Σ_{i≤m} 1/τ_i)^{−1} (LΔ/ε + σ²LΔ/(mε²)), τ_1 ≤ τ_2 ≤ …; reached by
    Rennala and Ringmaster (Tyurin & Richtárik 2023, as recalled; constants are left out).

    Parameters
    ----------
    times
        τ_i > 0, seconds of one gradient of each worker; shape (p,), in any order.
    smoothness, gap, variance
        L > 0, Δ = f(x_0) − f* > 0 and σ² ≥ 0 of one stochastic gradient.
    accuracy
        ε > 0, for E‖∇f‖² ≤ ε.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    each_positive("time", times)
    positive("smoothness", smoothness)
    positive("gap", gap)
    positive("accuracy", accuracy)
    finite("variance", variance)
    workers = np.arange(1, len(times) + 1)
    mean_rate = np.cumsum(1 / np.sort(np.asarray(times, dtype=np.float64))) / workers
    steps = smoothness * gap / accuracy * (1 + variance / (workers * accuracy))
    seconds = steps / mean_rate
    best = int(np.argmin(seconds))
    return Optimum(float(seconds[best]), best + 1)


def renewal_throughput(compute_means: Sequence[float]) -> float:
    """Return Λ = Σ 1/E[S_i], gradients per second of workers without latency.

    Parameters
    ----------
    compute_means
        E[S_i] > 0, mean seconds of one gradient of each worker; shape (p,). Any law.

    Raises
    ------
    ValueError
        If there is no mean, or one is not above 0, infinite or not a number.
    """
    each_positive("mean", compute_means)
    return float(np.sum(1 / np.asarray(compute_means, dtype=np.float64)))


def renewal_shares(compute_means: Sequence[float]) -> Floats:
    """Return 1/(ΛE[S_i]), the share of gradients that each worker delivers; shape (p,).

    Arguments and errors are those of `renewal_throughput`.
    """
    total = renewal_throughput(compute_means)
    shares: Floats = 1 / (total * np.asarray(compute_means, dtype=np.float64))
    return shares


def _ticks(times: Sequence[float]) -> list[int]:
    each_positive("time", times)
    ticks = [round(time / NANOSECOND) for time in times]
    if min(ticks) == 0:
        raise ValueError(f"needs times of a nanosecond or more, not {min(times)}")
    return ticks
