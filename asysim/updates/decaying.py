"""Step lengths that decay as a power of k.

Robbins & Monro, A Stochastic Approximation Method, Annals of Mathematical Statistics 22(3), 1951:
they want Σγ_k = ∞ and Σγ_k² < ∞, which is so for powers in (1/2, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from asysim.ground.ranges import AnyPositive, Positive
from asysim.updates.base import Given, StepRule, StepSchedule


class DecayingStep(StepRule):
    """γ_k = initial / (1 + k/offset)^power (Robbins & Monro 1951)."""

    papers = ("robbins1951stochastic",)

    kind: Literal["decaying"]
    initial: AnyPositive
    """γ_0, which multiplies the SUM over the mini-batch"""
    power: Positive = 0.5
    """how fast it decays: in the long run as k^(−power)"""
    offset: Positive = 1.0
    """updates until it has fallen to initial/2^power"""

    def rule(self, given: Given) -> StepSchedule:  # noqa: ARG002
        return Decaying(self.initial, self.power, self.offset)

    def scaled(self, factor: float) -> DecayingStep:
        return self.model_copy(update={"initial": self.initial * factor})

    def __format__(self, form: str) -> str:
        initial, offset, power = (format(v, form) for v in (self.initial, self.offset, self.power))
        return f"{initial}/(1 + k/{offset})^{power}"


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

    pure: ClassVar[bool] = True

    initial: float
    power: float = 0.5
    offset: float = 1.0

    def at(self, update: int) -> float:
        try:
            return float(self.initial / (1 + update / self.offset) ** self.power)
        except OverflowError:  # beyond 1.8e308, which is what there is of infinity
            return 0.0
