"""Two exponential phases, fitted to times by expectation and maximisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from asysim.calibration.family import LARGEST, Interval, around
from asysim.laws import Array

_STEPS = 300
_CLOSE = 1e-7  # relative change of all parameters at which it has converged


@dataclass(frozen=True)
class TwoPhaseFamily:
    """Hyperexponential of two phases (Dempster, Laird & Rubin 1977 for the fit).

    Its parameters are how often the first phase is taken, and both means, the short one first.
    """

    name: str = "hyperexponential"
    parameters: tuple[str, ...] = ("weights.0", "means.0", "means.1")

    def estimate(self, x: Array) -> Array:
        mean = x.mean(axis=-1)
        square = np.maximum(x.var(axis=-1) / mean**2, 1.05)
        # Begun at the law of this mean and cv whose phases bring half of the mean each.
        rare = 0.5 * (1 - np.sqrt((square - 1) / (square + 1)))
        theta = np.stack([1 - rare, mean / 2 / (1 - rare), mean / 2 / rare], axis=-1)
        for _ in range(_STEPS):
            short = self._share(x, theta)
            weight, sums = short.mean(axis=-1), (short * x).mean(axis=-1)
            weight = np.clip(weight, 1e-9, 1 - 1e-9)
            new = np.stack([weight, sums / weight, (mean - sums) / (1 - weight)], axis=-1)
            close = np.all(np.abs(new - theta) <= _CLOSE * theta)
            theta = new
            if close:
                break
        return theta

    def _share(self, x: Array, theta: Array) -> Array:
        """Return the probability that each time is of the first phase; (…, n)."""
        w, a, b = (theta[..., i : i + 1] for i in range(3))
        result: Array = 1 / (1 + (1 - w) / w * (a / b) * np.exp(np.minimum(x / a - x / b, LARGEST)))
        return result

    def log_likelihood(self, x: Array, theta: Array) -> float:
        w, a, b = theta
        # In logarithms: far out both densities are below any float.
        logs = np.logaddexp(np.log(w / a) - x / a, np.log((1 - w) / b) - x / b)
        return float(logs.sum())

    def cdf(self, x: Array, theta: Array) -> Array:
        w, a, b = (theta[..., i : i + 1] for i in range(3))
        result: Array = -w * np.expm1(-x / a) - (1 - w) * np.expm1(-x / b)
        return result

    def sample(self, theta: Array, generator: np.random.Generator, shape: tuple[int, int]) -> Array:
        means = np.where(generator.random(shape) < theta[0], theta[1], theta[2])
        result: Array = means * generator.standard_exponential(shape)
        return result

    def _covariance(self, x: Array, theta: Array) -> Array:
        """Return the covariance of logit w and the logarithms of both means, from the scores."""
        short, (w, a, b) = self._share(x, theta), theta
        scores = np.stack([short - w, short * (x / a - 1), (1 - short) * (x / b - 1)])
        result: Array = np.linalg.pinv(scores @ scores.T)
        return result

    def intervals(self, x: Array, theta: Array) -> list[Interval]:
        spreads = np.sqrt(np.maximum(np.diag(self._covariance(x, theta)), 0.0))
        odds = around(float(theta[0] / (1 - theta[0])), float(spreads[0]))
        means = [around(float(theta[i]), float(spreads[i])) for i in (1, 2)]
        return [(odds[0] / (1 + odds[0]), odds[1] / (1 + odds[1])), *means]

    def redraw(self, x: Array, theta: Array, generator: np.random.Generator) -> Array:
        values, vectors = np.linalg.eigh(self._covariance(x, theta))
        z = vectors @ (np.sqrt(np.maximum(values, 0.0)) * generator.standard_normal(3))
        z = np.clip(z, -LARGEST, LARGEST)
        odds = theta[0] / (1 - theta[0]) * np.exp(z[0])
        return np.array([odds / (1 + odds), *(theta[1:] * np.exp(z[1:]))])

    def law(self, theta: Array) -> dict[str, Any]:
        w, a, b = theta.tolist()
        return {"law": self.name, "weights": [w, 1 - w], "means": [a, b]}
