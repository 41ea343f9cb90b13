"""What is proven of AsySG-incon, where an update writes one coordinate, drawn at random.

Lian et al. 2015, Theorem 3 and Corollary 4. The constants are those of a derivation of our own,
for steps that vary too; as recalled, the paper's differ in two, and both can be had. With
E‖a + b‖² ≤ 2E‖a‖² + 2E‖b‖² for noise and mean of what a read did not see, and i_k independent of
what came before, g_j = ∇f(x̂_j) counts in E‖∇f(x_k) − ∇f(x̂_k)‖² with at most
2L_T²(M²/n)γ_j(γ_j + Σ_{l≠j}γ_l/√n)‖g_j‖².
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from asysim.ground.arrays import Floats
from asysim.theory.arguments import MOST_STALENESS, count, finite, positive, whole
from asysim.theory.consistent import after, before


@dataclass(frozen=True, kw_only=True)
class LockFree:
    """The constants of Theorem 3, and what it says with them.

    Parameters
    ----------
    gap
        Δ = f(x_1) − f* ≥ 0.
    coordinate_smoothness
        L_max > 0: along one coordinate, the gradient's entry there is L_max-Lipschitz.
    delay_smoothness
        L_T > 0: ‖∇f(x) − ∇f(y)‖ ≤ L_T‖x − y‖ where x and y differ in at most T coordinates.
    variance
        σ² ≥ 0, a bound of E‖G(x, ξ) − ∇f(x)‖² for one sample.
    batch_size, dimension
        M and n, at least 1.
    staleness_bound
        T ≥ 0: what a read may not have seen are among the T updates before.
    recalled
        Whether a constant step's condition and bound have the paper's two other constants, as
        recalled: 2·M·L_max·γ in the condition, L_T²TMγ²σ²/(2n) in the bound.

    Raises
    ------
    ValueError
        If one is out of range, infinite or not a number.
    """

    gap: float
    coordinate_smoothness: float
    delay_smoothness: float
    variance: float
    batch_size: int
    dimension: int
    staleness_bound: int
    recalled: bool = False

    def __post_init__(self) -> None:
        finite("gap", self.gap)
        positive("smoothness", self.coordinate_smoothness, self.delay_smoothness)
        finite("variance", self.variance)
        count("samples in a mini-batch", self.batch_size)
        count("coordinates", self.dimension)
        count("staleness", self.staleness_bound, least=0)

    def condition(self, step: float) -> float:
        """Return ML_maxγ + 2M²L_T²γ²T(√n + T − 1)/n^{3/2}, which has to be at most 1."""
        positive("step", step)
        n, late = self.dimension, self.staleness_bound
        own = (2 if self.recalled else 1) * self.batch_size * self.coordinate_smoothness * step
        reach = self.batch_size * self.delay_smoothness * step
        return own + 2 * reach * reach * late * (math.sqrt(n) + late - 1) / float(n**1.5)

    @property
    def largest_step(self) -> float:
        """The γ at which the condition is 1."""
        n, late = self.dimension, self.staleness_bound
        own = (2 if self.recalled else 1) * self.batch_size * self.coordinate_smoothness
        reach = self.batch_size * self.delay_smoothness
        square = 2 * reach * reach * late * (math.sqrt(n) + late - 1) / n**1.5
        return 2 / (own + math.hypot(own, 2 * math.sqrt(square)))

    def largest_staleness_at(self, step: float) -> int | None:
        """Return the largest T that this γ is short enough for; None if it is too long for T = 0.

        L_T is taken to be the same for every T.
        """
        own = replace(self, staleness_bound=0).condition(step)
        if not own <= 1:
            return None
        reach = self.batch_size * self.delay_smoothness * step
        if reach * reach == 0:  # as short as no T is too large for
            return MOST_STALENESS
        room = (1 - own) * float(self.dimension**1.5) / (2 * reach * reach)  # T(√n + T − 1)
        if math.isinf(room):
            return MOST_STALENESS
        linear = math.sqrt(self.dimension) - 1
        return whole(2 * room / (linear + math.sqrt(linear**2 + 4 * room)))

    def bound(self, step: float, updates: int) -> float:
        """Return 2nΔ/(KMγ) + L_maxγσ² + 2L_T²TMγ²σ²/n, of the mean of E‖∇f(x_k)‖²."""
        count("updates", updates)
        return 2 * self.dimension * self.gap / (updates * self.batch_size * step) + self.floor(step)

    def floor(self, step: float) -> float:
        """Return what the bound falls to as K grows."""
        positive("step", step)
        reach = self.delay_smoothness * step
        late = (0.5 if self.recalled else 2) * reach * reach * self.staleness_bound
        late *= self.batch_size / self.dimension
        return (self.coordinate_smoothness * step + late) * self.variance

    def conditions(self, steps: Floats) -> Floats:
        """Return what has to be at most 1 for each k; as derived.

        ML_maxγ_k + (2M²L_T²/n) Σ_{κ=1..T} γ_{k+κ}(γ_k + Σ_{l≠k}γ_l/√n), l = k+κ−T … k+κ−1.

        Parameters
        ----------
        steps
            γ_k, shape (K,). There is no update after the last, and none is counted.
        """
        late, root = self.staleness_bound, math.sqrt(self.dimension)
        ahead, others = after(steps, late), after(steps * before(steps, late), late)
        reach = 2 * (self.batch_size * self.delay_smoothness) ** 2 / self.dimension
        crossed = ahead * steps * (1 - 1 / root) + others / root
        own = self.batch_size * self.coordinate_smoothness * steps
        found: Floats = own + reach * crossed
        return found

    def bounds(self, steps: Floats) -> Floats:
        """Return the bound of Σγ_k E‖∇f(x_k)‖²/Σγ_k over the first 1, 2, …, K updates; shape (K,).

        As derived: [2nΔ + Σ(γ_k²ML_max + 2(M²L_T²/n)γ_k Σ_{j=k−T..k−1} γ_j²)σ²]/(MΣγ_k).
        """
        late = 2 * (self.batch_size * self.delay_smoothness) ** 2 / self.dimension
        past = late * steps * before(steps**2, self.staleness_bound)
        own = steps**2 * self.batch_size * self.coordinate_smoothness
        noise = np.cumsum(own + past) * self.variance
        start = 2 * self.dimension * self.gap
        found: Floats = (start + noise) / (self.batch_size * np.cumsum(steps))
        return found

    def corollary_step(self, updates: int) -> float:
        """Return γ = sqrt(2Δn)/(sqrt(KL_TM)σ), of Corollary 4 as recalled."""
        count("updates", updates)
        positive("gap", self.gap)
        positive("variance", self.variance)
        spread = updates * self.delay_smoothness * self.batch_size * self.variance
        return math.sqrt(2 * self.gap * self.dimension / spread) if spread else math.inf

    @property
    def least_updates(self) -> float:
        """The least K of Corollary 4 as recalled, 16ΔL_TM(n^{3/2} + 4T²)/(√n σ²)."""
        if self.variance == 0:
            return math.inf
        scale = 16 * self.gap * self.delay_smoothness * self.batch_size
        size = float(self.dimension**1.5) + 4 * self.staleness_bound**2
        return scale * size / (math.sqrt(self.dimension) * self.variance)

    def corollary_bound(self, updates: int) -> float:
        """Return sqrt(72ΔL_Tn/(KM))σ, of Corollary 4 as recalled; our derivation implies it."""
        count("updates", updates)
        scale = 72 * self.gap * self.delay_smoothness * self.dimension
        return math.sqrt(scale / (updates * self.batch_size) * self.variance)

    def largest_staleness(self, updates: int) -> int | None:
        """Return the largest T for which K is large enough by Corollary 4; None if T = 0 fails.

        L_T is taken to be the same for every T, as L is, which is no less than it.
        """
        count("updates", updates)
        positive("gap", self.gap)
        positive("variance", self.variance)
        n = self.dimension
        scale = 16 * self.gap * self.delay_smoothness * self.batch_size
        if scale == 0:  # below what floats are
            return MOST_STALENESS
        room = (updates * math.sqrt(n) * self.variance / scale - n**1.5) / 4
        return None if room < 0 else whole(math.sqrt(room))
