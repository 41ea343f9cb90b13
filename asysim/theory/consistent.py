"""What is proven of AsySG-con: how short a step has to be, and how small ‖∇f‖² then is on average.

Lian et al. 2015, Theorem 1 and Corollary 2, with constants as derived anew; that for steps which
vary as recalled, and found again by the same derivation. Each update is one gradient, the SUM over
M samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from asysim.ground.arrays import Floats
from asysim.theory.arguments import MOST_STALENESS, count, finite, positive, whole
from asysim.updates.theorem import Corollary, first_bound, first_condition, theorem_condition


@dataclass(frozen=True, kw_only=True)
class Consistent:
    """The constants of Theorem 1, and what it says with them.

    Parameters
    ----------
    gap
        Δ = f(x_1) − f* ≥ 0.
    smoothness
        L > 0: the gradient of f is L-Lipschitz.
    variance
        σ² ≥ 0, a bound of E‖G(x, ξ) − ∇f(x)‖² for one sample.
    batch_size
        M ≥ 1.
    staleness_bound
        T ≥ 0, a bound of every τ_k.

    Raises
    ------
    ValueError
        If one is out of range, infinite or not a number.
    """

    gap: float
    smoothness: float
    variance: float
    batch_size: int
    staleness_bound: int

    def __post_init__(self) -> None:
        finite("gap", self.gap)
        positive("smoothness", self.smoothness)
        finite("variance", self.variance)
        count("samples in a mini-batch", self.batch_size)
        count("staleness", self.staleness_bound, least=0)

    def condition(self, step: float) -> float:
        """Return LMγ + 2(LMTγ)², which has to be at most 1."""
        positive("step", step)
        return first_condition(
            step, self.staleness_bound, smoothness=self.smoothness, batch_size=self.batch_size
        )

    @property
    def largest_step(self) -> float:
        """The γ at which the condition is 1: 2/(LM(1 + sqrt(1 + 8T²)))."""
        root = math.sqrt(1 + 8 * self.staleness_bound**2)
        return 2 / (self.smoothness * self.batch_size * (1 + root))

    def largest_staleness_at(self, step: float) -> int | None:
        """Return the largest T that this γ is short enough for; None if T = 0 is too large."""
        positive("step", step)
        reach = self.smoothness * self.batch_size * step
        if reach == 0:  # as short as no T is too large for
            return MOST_STALENESS
        return whole(math.sqrt((1 - reach) / 2) / reach) if reach <= 1 else None

    def bound(self, step: float, updates: int) -> float:
        """Return 2Δ/(MKγ) + γLσ² + 2L²MTγ²σ², of the mean of E‖∇f(x_k)‖² over K updates."""
        positive("step", step)
        count("updates", updates)
        return first_bound(
            step, self.staleness_bound, gap=self.gap, smoothness=self.smoothness,
            variance=self.variance, batch_size=self.batch_size, updates=updates,
        )  # fmt: skip

    def floor(self, step: float) -> float:
        """Return what the bound falls to as K grows: γLσ² + 2L²MTγ²σ²."""
        return replace(self, gap=0.0).bound(step, 1)

    def conditions(self, steps: Floats) -> Floats:
        """Return LMγ_k + 2L²M²Tγ_k Σ_{κ=1..T} γ_{k+κ} for each k, which have to be at most 1.

        Parameters
        ----------
        steps
            γ_k, shape (K,). There is no update after the last, and none is counted.
        """
        reach = self.smoothness * self.batch_size * _checked(steps)
        found: Floats = reach * (1 + 2 * self.staleness_bound * after(reach, self.staleness_bound))
        return found

    def bounds(self, steps: Floats) -> Floats:
        """Return the bound of Σγ_k E‖∇f(x_k)‖²/Σγ_k over the first 1, 2, …, K updates; shape (K,).

        It is [2Δ + Σ(γ_k²ML + 2L²M²γ_k Σ_{j=k−T..k−1} γ_j²)σ²]/(MΣγ_k).
        """
        scale = self.batch_size * self.smoothness
        past = before(_checked(steps) ** 2, self.staleness_bound)
        noise = np.cumsum(steps**2 * scale + 2 * scale**2 * steps * past) * self.variance
        found: Floats = (2 * self.gap + noise) / (self.batch_size * np.cumsum(steps))
        return found

    def corollary(self, updates: int) -> Corollary:
        """Return Corollary 2 for K updates: its step, its least K, its bound.

        Raises
        ------
        ValueError
            If Δ or σ² is 0: there is no such step then.
        """
        count("updates", updates)
        positive("gap", self.gap)
        positive("variance", self.variance)
        return Corollary(
            gap=self.gap, smoothness=self.smoothness, variance=self.variance,
            batch_size=self.batch_size, updates=updates,
        )  # fmt: skip

    @property
    def least_updates(self) -> float:
        """The least K of Corollary 2, 4MLΔ(T + 1)²/σ²; inf without noise."""
        return math.inf if self.variance == 0 else _least(self, self.staleness_bound)

    def largest_staleness(self, updates: int) -> int | None:
        """Return the largest T for which Corollary 2 holds with K updates; None if T = 0 fails.

        Up to there the bound 4σ sqrt(ΔL/(MK)) knows nothing of T: the speedup in updates is linear.
        """
        corollary = self.corollary(updates)
        least = corollary.least_updates(0)
        if updates / MOST_STALENESS > least * MOST_STALENESS:  # squares would not tell
            return MOST_STALENESS
        found = math.isqrt(int(updates / least))  # T + 1
        while _least(self, found) <= updates:  # for what rounding did
            found += 1
        while found > 0 and _least(self, found - 1) > updates:
            found -= 1
        return found - 1 if found else None


def workers_of(staleness_bound: int) -> int:
    """Return p = T + 1, the workers whose staleness is at most T.

    Equal workers that are always busy and take turns have τ_k = min(k, p − 1); with any other law
    of times p − 1 is the mean, and T has to be enforced.
    """
    count("staleness", staleness_bound, least=0)
    return staleness_bound + 1


def after(values: Floats, window: int) -> Floats:
    """Return Σ_{κ=1..T} v_{k+κ} for each k, as far as there are any; shape (K,)."""
    found: Floats = before(values[::-1], window)[::-1]
    return found


def before(values: Floats, window: int) -> Floats:
    """Return Σ_{j=k−T..k−1} v_j for each k, as far as there are any; shape (K,).

    Infinite from where the sum of all before is beyond what float64 can be.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.concatenate([[0.0], np.cumsum(values)])
        ends = np.arange(len(values))
        found: Floats = total[ends] - total[np.maximum(ends - window, 0)]
    found[~np.isfinite(total[ends])] = np.inf
    return found


def _checked(steps: Floats) -> Floats:
    if not (len(steps) and np.isfinite(steps).all() and (steps > 0).all()):
        raise ValueError("needs steps that are finite and above 0, at least one")
    return steps


def _least(constants: Consistent, staleness_bound: int) -> float:
    return theorem_condition(
        staleness_bound, gap=constants.gap, smoothness=constants.smoothness,
        variance=constants.variance, batch_size=constants.batch_size,
    )  # fmt: skip
