"""One step length for all updates: what a number means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from asysim.ground.ranges import AnyPositive
from asysim.updates.base import Given, StepRule


class ConstantStep(StepRule):
    """γ_k = value; what a bare number means, and is written back as."""

    kind: Literal["constant"]
    value: AnyPositive
    """γ, which multiplies the SUM over the mini-batch"""

    def rule(self, given: Given) -> float:  # noqa: ARG002
        return self.value


@dataclass(frozen=True)
class Constant:
    """γ_k = γ."""

    pure: ClassVar[bool] = True

    step: float

    def at(self, _update: int) -> float:
        return self.step
