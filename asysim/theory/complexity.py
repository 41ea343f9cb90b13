"""How long methods take to E‖∇f‖² ≤ ε, up to a constant, with workers of fixed times.

Tyurin & Richtárik 2023 and Maranjyan, Tyurin & Richtárik 2025, as recalled: orders, which are told
with constant 1. So a method that takes less than twice as long as another is as good as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from asysim.theory.arguments import each_positive, finite, positive
from asysim.theory.counts import Optimum, optimal_time, renewal_throughput

ASYNCHRONOUS, SYNCHRONOUS, OPTIMAL = "asynchronous", "synchronous", "Rennala, Ringmaster"
TIE = 2.0
"""Up to which factor methods count as equally good: what is left out is a constant."""


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """What methods take to an accuracy; seconds are up to a constant.

    Attributes
    ----------
    accuracy
        ε.
    asynchronous, synchronous
        Seconds.
    optimum
        Of Rennala and Ringmaster, which is the lower bound of all methods, in order; and how many
        of the fastest workers it takes.
    batch
        S = R = max(1, ⌈σ²/ε⌉): gradients that Rennala collects, and the delay from which on
        Ringmaster ignores a gradient.
    """

    accuracy: float
    asynchronous: float
    synchronous: float
    optimum: Optimum
    batch: int

    @property
    def seconds(self) -> dict[str, float]:
        """By the methods' names."""
        return {
            ASYNCHRONOUS: self.asynchronous,
            SYNCHRONOUS: self.synchronous,
            OPTIMAL: self.optimum.seconds,
        }

    @property
    def best(self) -> list[str]:
        """Those that take less than `TIE` times the least."""
        least = min(self.seconds.values())
        return [name for name, seconds in self.seconds.items() if seconds <= TIE * least]


def complexity(
    times: Sequence[float],
    *,
    smoothness: float,
    gap: float,
    variance: float,
    accuracy: float,
    round_time: float | None = None,
) -> Complexity:
    """Return what methods take until E‖∇f‖² ≤ ε, up to a constant.

    With h the harmonic mean of all τ_i: asynchronous h(LΔ/ε + σ²LΔ/(pε²)), synchronous
    max τ_i (LΔ/ε + σ²LΔ/(pε²)), Rennala and Ringmaster as `optimal_time`.

    Parameters
    ----------
    times
        τ_i > 0, seconds of one gradient of each worker; shape (p,). Means will do for the
        asynchronous method, whose rate is Σ 1/E[S_i] with any law.
    smoothness, gap, variance
        L > 0, Δ > 0, and σ² ≥ 0 of one worker's gradient: of the MEAN over a mini-batch.
    accuracy
        ε > 0.
    round_time
        Mean seconds until the slowest of all is done; None: max τ_i.

    Raises
    ------
    ValueError
        If an argument is out of range, infinite or not a number.
    """
    each_positive("time", times)
    positive("accuracy", accuracy)
    finite("variance", variance)
    optimum = optimal_time(
        times, smoothness=smoothness, gap=gap, variance=variance, accuracy=accuracy
    )
    p = len(times)
    rounds = smoothness * gap / accuracy * (1 + variance / (p * accuracy))
    barrier = max(times) if round_time is None else round_time
    return Complexity(
        accuracy=accuracy,
        asynchronous=p / renewal_throughput(times) * rounds,
        synchronous=barrier * rounds,
        optimum=optimum,
        batch=max(1, math.ceil(variance / accuracy)),
    )
