"""Steps that shrink where a gradient's delay is beyond the number of workers.

Mishchenko, Bach, Even & Woodworth, Asynchronous SGD Beats Minibatch SGD Under Arbitrary Delays,
NeurIPS 2022, arXiv 2206.07638.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from asysim.updates.base import Given, Weight, WeightRule


class MishchenkoWeight(WeightRule):
    """Delay-adaptive step: p / max(p, τ) of it, for p workers (Mishchenko et al. 2022)."""

    papers = ("mishchenko2022asynchronous",)

    kind: Literal["mishchenko"]

    def rule(self, given: Given) -> Weight:
        return Mishchenko(given.workers)


@dataclass(frozen=True)
class Mishchenko:
    """η_k = η n / max(n, τ).

    Parameters
    ----------
    workers
        n.
    """

    pure: ClassVar[bool] = True

    workers: int

    def weight(self, staleness: int, _step: float) -> float:
        return self.workers / max(self.workers, staleness)
