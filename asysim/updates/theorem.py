"""The step of Corollary 2 for AsySG-con, and how long a run it is for (Lian et al., NeurIPS 2015).

Each update is one gradient, the SUM over M samples. With γ as below and K as large as
`theorem_condition` says, the mean over k < K of E‖∇f(x_k)‖² is at most 4σ sqrt(ΔL/(MK)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from asysim.errors import unfit
from asysim.ground.ranges import Positive
from asysim.updates.base import Given, StepRule


class TheoremStep(StepRule):
    """γ = sqrt(Δ / (M L K σ²)), of Corollary 2 for AsySG-con (Lian et al. 2015).

    M is algorithm.batch_size and K is run.updates. What is left out is taken from the problem,
    where it is known there.
    """

    papers = ("lian2015asynchronous",)
    server_only = "the theorem's is"
    needs_updates = "the K in it"

    kind: Literal["theorem"]
    gap: Positive | None = None
    """Δ = f(x_1) − f*; absent: the problem's"""
    smoothness: Positive | None = None
    """L: the gradient of f is L-Lipschitz; absent: the problem's"""
    variance: Positive | None = None
    """σ², a bound of E‖G(x, ξ) − ∇f(x)‖² for one sample; absent: the problem's"""

    def corollary(self, given: Given) -> Corollary:
        """Return the corollary with its constants."""
        gap, smoothness, variance = given.constants(
            "algorithm.step", gap=self.gap, smoothness=self.smoothness, variance=self.variance
        )
        assert given.updates is not None  # a clash of the scenario's otherwise
        found = Corollary(
            gap=gap,
            smoothness=smoothness,
            variance=variance,
            batch_size=given.batch_size,
            updates=given.updates,
        )
        if not 0 < found.step < math.inf:
            raise unfit(
                "algorithm.step",
                f"sqrt(Δ/(MLKσ²)) = {found.step:g} of Δ = {gap:g}, L = {smoothness:g}, "
                f"σ² = {variance:g}",
                "a finite step above 0; gap, smoothness and variance can be given beside kind",
            )
        return found

    def rule(self, given: Given) -> float:
        return self.corollary(given).step

    def __format__(self, form: str) -> str:
        return "sqrt(Δ/(MLKσ²))"


def theorem_step(
    *, gap: float, smoothness: float, variance: float, batch_size: int, updates: int
) -> float:
    """Return γ = sqrt(Δ / (M L K σ²)), which multiplies the SUM over a mini-batch.

    Parameters
    ----------
    gap
        Δ = f(x_1) − f*.
    smoothness
        L: the gradient of f is L-Lipschitz.
    variance
        σ²: a bound of E‖G(x, ξ) − ∇f(x)‖² for one sample.
    batch_size
        M.
    updates
        K, the length of the run.
    """
    return math.sqrt(gap / (batch_size * smoothness * updates * variance))


def theorem_condition(
    staleness_bound: int, *, gap: float, smoothness: float, variance: float, batch_size: int
) -> float:
    """Return the least K for which the corollary holds: 4MLΔ(T + 1)²/σ².

    Parameters
    ----------
    staleness_bound
        T, a bound of every τ_k.
    gap, smoothness, variance, batch_size
        Δ, L, σ² and M, as for `theorem_step`.
    """
    return 4 * batch_size * smoothness * gap * (staleness_bound + 1) ** 2 / variance


def first_condition(
    step: float, staleness_bound: int, *, smoothness: float, batch_size: int
) -> float:
    """Return LMγ + 2(LMTγ)², which Theorem 1 asks to be at most 1, for a constant step.

    Parameters
    ----------
    step, staleness_bound
        γ, which multiplies the SUM over a mini-batch, and T.
    smoothness, batch_size
        L and M.
    """
    reach = smoothness * batch_size * step
    late = reach * staleness_bound
    return reach + 2 * late * late


def first_bound(
    step: float, staleness_bound: int, *, gap: float, smoothness: float, variance: float,
    batch_size: int, updates: int,
) -> float:  # fmt: skip
    """Return Theorem 1's bound of the mean of E‖∇f‖², 2Δ/(MKγ) + γLσ² + 2L²MTγ²σ².

    Parameters
    ----------
    step, staleness_bound
        γ, for which `first_condition` is at most 1, and T.
    gap, smoothness, variance, batch_size, updates
        Δ, L, σ², M and K, as for `theorem_step`.
    """
    reach = smoothness * step
    return (
        2 * gap / (batch_size * updates * step)
        + reach * variance
        + 2 * batch_size * staleness_bound * variance * reach * reach
    )


@dataclass(frozen=True, kw_only=True)
class Corollary:
    """The corollary with its constants, and what it asks of a run.

    Parameters
    ----------
    gap, smoothness, variance, batch_size, updates
        Δ, L, σ², M and K, as for `theorem_step`.
    """

    gap: float
    smoothness: float
    variance: float
    batch_size: int
    updates: int

    @property
    def step(self) -> float:
        """γ, of `theorem_step`."""
        return theorem_step(
            gap=self.gap,
            smoothness=self.smoothness,
            variance=self.variance,
            batch_size=self.batch_size,
            updates=self.updates,
        )

    @property
    def bound(self) -> float:
        """4σ sqrt(ΔL/(MK)): of the mean of E‖∇f(x_k)‖², if K is large enough."""
        mean = self.gap * self.smoothness / (self.batch_size * self.updates)
        return 4 * math.sqrt(self.variance * mean)

    def least_updates(self, staleness_bound: int) -> float:
        """Return the least K for T, of `theorem_condition`."""
        return theorem_condition(
            staleness_bound,
            gap=self.gap,
            smoothness=self.smoothness,
            variance=self.variance,
            batch_size=self.batch_size,
        )

    def condition(self, staleness_bound: int) -> float:
        """Return LMγ + 2(LMTγ)², of `first_condition`.

        It is at most 1 wherever K is large enough. Where K is not, but it is all the same, the
        mean is at most `first_bound`.
        """
        return first_condition(
            self.step, staleness_bound, smoothness=self.smoothness, batch_size=self.batch_size
        )

    def first_bound(self, staleness_bound: int) -> float:
        """Return Theorem 1's bound at this step, of `first_bound`."""
        return first_bound(
            self.step, staleness_bound, gap=self.gap, smoothness=self.smoothness,
            variance=self.variance, batch_size=self.batch_size, updates=self.updates,
        )  # fmt: skip
