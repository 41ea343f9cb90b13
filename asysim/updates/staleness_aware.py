"""The step divided by the staleness.

Zhang, Gupta, Lian & Liu, Staleness-aware Async-SGD for Distributed Deep Learning, IJCAI 2016,
arXiv 1511.05950.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Inverse:
    """γ_k / τ, and γ_k for τ = 0."""

    def weight(self, staleness: int, _step: float) -> float:
        return 1 / max(1, staleness)
