"""The step divided by the staleness.

Zhang, Gupta, Lian & Liu, Staleness-aware Async-SGD for Distributed Deep Learning, IJCAI 2016,
arXiv 1511.05950.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from asysim.updates.base import Given, Weight, WeightRule

PAPER = "zhang2016staleness"


class InverseWeight(WeightRule):
    """Staleness-aware step: 1/τ of it, all of it for τ = 0 (Zhang et al. 2016)."""

    papers = (PAPER,)

    kind: Literal["inverse"]

    def rule(self, given: Given) -> Weight:  # noqa: ARG002
        return Inverse()


@dataclass(frozen=True)
class Inverse:
    """γ_k / τ, and γ_k for τ = 0."""

    pure: ClassVar[bool] = True

    def weight(self, staleness: int, _step: float) -> float:
        return 1 / max(1, staleness)
