"""Step lengths that decay as a power of k.

Robbins & Monro, A Stochastic Approximation Method, Annals of Mathematical Statistics 22(3), 1951:
they want Σγ_k = ∞ and Σγ_k² < ∞, which is so for powers in (1/2, 1].
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Decaying:
    """γ_k = γ_0 / (1 + k/offset)^power.

    Parameters
    ----------
    initial
        γ_0, which multiplies the SUM over a mini-batch.
    power
        Above 0; 1/2 suits a smooth non-convex f without a given K.
    offset
        In updates, above 0: until then the step hardly changes.
    """

    initial: float
    power: float = 0.5
    offset: float = 1.0

    def at(self, update: int) -> float:
        return float(self.initial / (1 + update / self.offset) ** self.power)
