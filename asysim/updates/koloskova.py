"""Steps that adapt to each gradient's delay, with a limit by the concurrency.

Koloskova, Stich & Jaggi, Sharper Convergence Guarantees for Asynchronous SGD for Distributed and
Federated Learning, NeurIPS 2022, arXiv 2206.08307.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from asysim.ground.ranges import Count, Positive
from asysim.updates.base import Given, Weight, WeightRule


class KoloskovaWeight(WeightRule):
    """Delay-adaptive step, at most 1/(4L), and 1/(4Lτ) beyond the concurrency (Koloskova 2022)."""

    papers = ("koloskova2022sharper",)

    kind: Literal["koloskova"]
    smoothness: Positive | None = None
    """L: the gradient of f is L-Lipschitz; absent: the problem's"""
    concurrency: Count | None = None
    """the staleness up to which the step is whole; absent: p, the number of workers"""
    beyond: Literal["shrink", "drop"] = "shrink"
    """beyond the concurrency: min(step, 1/(4Lτ)), or 0"""

    def rule(self, given: Given) -> Weight:
        (smoothness,) = given.constants("update.weight", smoothness=self.smoothness)
        return Koloskova(
            smoothness=smoothness,
            concurrency=self.concurrency or given.workers,
            batch_size=given.batch_size,
            drop=self.beyond == "drop",
        )


@dataclass(frozen=True)
class Koloskova:
    """η_k = min(η, 1/(4L)) if τ ≤ concurrency; beyond that min(η, 1/(4Lτ)), or 0.

    The paper's η multiplies a MEAN gradient and ours a sum, so η = Mγ_k; the weight is η_k/η.
    The paper wants η_k < 1/(4Lτ) beyond the concurrency; this is the limit itself. A gradient of
    weight 0 still is an update, of nothing: the schedule has numbered it.

    Parameters
    ----------
    smoothness
        L: the gradient of f is L-Lipschitz.
    concurrency
        Gradients under way at once: p for always-busy workers.
    batch_size
        M.
    drop
        Whether a gradient beyond the concurrency has weight 0.
    """

    pure: ClassVar[bool] = True

    smoothness: float
    concurrency: int
    batch_size: int = 1
    drop: bool = False

    def weight(self, staleness: int, step: float) -> float:
        mean_step = step * self.batch_size
        if staleness <= self.concurrency:
            limit = 1 / (4 * self.smoothness)
        elif self.drop:
            return 0.0
        else:
            limit = 1 / (4 * self.smoothness * staleness)
        return min(mean_step, limit) / mean_step
