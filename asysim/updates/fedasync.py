"""Weights of asynchronous federated learning, applied to gradients.

Xie, Koyejo & Gupta, Asynchronous Federated Optimization, arXiv 1903.03934, weigh by s(τ) a model
that a client has trained, when they mix it into the server's; for one local step it is the change
of the model, so a gradient, that is weighed. Nguyen et al., Federated Learning with Buffered
Asynchronous Aggregation, AISTATS 2022, arXiv 2106.06639, weigh the changes in a buffer so.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Polynomial:
    """s(τ) = (τ + 1)^(−a): FedAsync's, and with a = 1/2 FedBuff's.

    Parameters
    ----------
    a
        Above 0.
    """

    a: float

    def weight(self, staleness: int, _step: float) -> float:
        return float((staleness + 1) ** -self.a)


@dataclass(frozen=True)
class Hinge:
    """s(τ) = 1 if τ ≤ b, else 1 / (a(τ − b) + 1).

    Parameters
    ----------
    a
        Above 0.
    b
        A staleness, 0 or more.
    """

    a: float
    b: float

    def weight(self, staleness: int, _step: float) -> float:
        return 1.0 if staleness <= self.b else 1 / (self.a * (staleness - self.b) + 1)
