"""Steps that adapt to each gradient's delay: two papers of NeurIPS 2022.

Koloskova, Stich & Jaggi, Sharper Convergence Guarantees for Asynchronous SGD for Distributed and
Federated Learning, arXiv 2206.08307; Mishchenko, Bach, Even & Woodworth, Asynchronous SGD Beats
Minibatch SGD Under Arbitrary Delays, arXiv 2206.07638.
"""

from __future__ import annotations

from dataclasses import dataclass


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


@dataclass(frozen=True)
class Mishchenko:
    """η_k = η n / max(n, τ).

    Parameters
    ----------
    workers
        n.
    """

    workers: int

    def weight(self, staleness: int, _step: float) -> float:
        return self.workers / max(self.workers, staleness)
