"""Laws with heavy tails that can be fitted to times: log-normal, Weibull, Pareto."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from asysim.calibration.family import (
    LARGEST,
    LEVEL,
    Interval,
    around,
    chi2_quantiles,
    logs_of,
    table,
)
from asysim.laws import Array


@dataclass(frozen=True)
class LogNormalFamily:
    """Log-normal: the mean and the variance σ² of the logarithms, and what follows from them."""

    name: str = "lognormal"
    parameters: tuple[str, ...] = ("mean", "cv")

    def estimate(self, x: Array) -> Array:
        logs = logs_of(x)
        return _as_lognormal(logs.mean(axis=-1), logs.var(axis=-1, ddof=1))

    def log_likelihood(self, x: Array, theta: Array) -> float:
        centre, variance = _logs(theta)
        logs = logs_of(x)
        squares = ((logs - centre) ** 2).sum() / variance
        return float(-0.5 * (len(x) * np.log(2 * np.pi * variance) + squares) - logs.sum())

    def cdf(self, x: Array, theta: Array) -> Array:
        from scipy.special import ndtr

        centre, variance = _logs(theta)
        z = (logs_of(x) - centre[..., np.newaxis]) / np.sqrt(variance)[..., np.newaxis]
        return np.asarray(ndtr(z), dtype=np.float64)

    def sample(self, theta: Array, generator: np.random.Generator, shape: tuple[int, int]) -> Array:
        centre, variance = _logs(theta)
        result: Array = np.exp(centre + np.sqrt(variance) * generator.standard_normal(shape))
        return result

    def intervals(self, x: Array, theta: Array) -> list[Interval]:
        n, variance = len(x), float(_logs(theta)[1])
        low, high = ((n - 1) * variance / q for q in reversed(chi2_quantiles(n - 1)))
        spread = math.sqrt(variance / n + variance**2 / (2 * (n - 1)))
        return [
            around(float(theta[0]), spread),
            (math.sqrt(math.expm1(min(low, LARGEST))), math.sqrt(math.expm1(min(high, LARGEST)))),
        ]

    def redraw(self, x: Array, theta: Array, generator: np.random.Generator) -> Array:
        n, (centre, variance) = len(x), _logs(theta)
        new = variance * (n - 1) / (2 * generator.standard_gamma((n - 1) / 2))
        return _as_lognormal(centre + np.sqrt(new / n) * generator.standard_normal(), new)

    def law(self, theta: Array) -> dict[str, Any]:
        return table(self.name, self.parameters, theta)


def _as_lognormal(centre: Array, variance: Array) -> Array:
    """Return mean and cv of a log-normal, from mean and variance of its logarithm."""
    return np.stack([np.exp(centre + variance / 2), np.sqrt(np.expm1(variance))], axis=-1)


def _logs(theta: Array) -> tuple[Array, Array]:
    """Return mean and variance of a log-normal's logarithm, from its mean and cv."""
    variance = np.log1p(theta[..., 1] ** 2)
    return np.log(theta[..., 0]) - variance / 2, variance


_EULER = 0.5772156649015329


@dataclass(frozen=True)
class WeibullFamily:
    """Weibull: its logarithm is a smallest extreme value, whose information is known."""

    name: str = "weibull"
    parameters: tuple[str, ...] = ("mean", "shape")

    def estimate(self, x: Array) -> Array:
        y = logs_of(x)
        top = y.max(axis=-1, keepdims=True)
        y = y - top
        centre = y.mean(axis=-1)
        shape = math.pi / math.sqrt(6) / y.std(axis=-1)
        for _ in range(8):
            powers = np.exp(shape[..., np.newaxis] * y)
            total = powers.sum(axis=-1)
            powers *= y
            first = powers.sum(axis=-1) / total
            powers *= y
            slope = powers.sum(axis=-1) / total - first**2 + shape**-2
            # A step can't leave the half line.
            shape = np.maximum(shape - (first - 1 / shape - centre) / slope, shape / 4)
        total = np.exp(shape[..., np.newaxis] * y).mean(axis=-1)
        scale = np.exp(top[..., 0] + np.log(total) / shape)
        return np.stack([scale * np.exp(_log_gamma(1 + 1 / shape)), shape], axis=-1)

    def log_likelihood(self, x: Array, theta: Array) -> float:
        shape = theta[1]
        logs = logs_of(x)
        z = logs - _log_scale(theta)
        return float((math.log(shape) - logs + shape * z - np.exp(shape * z)).sum())

    def cdf(self, x: Array, theta: Array) -> Array:
        z = logs_of(x) - _log_scale(theta)[..., np.newaxis]
        result: Array = -np.expm1(-np.exp(theta[..., 1:] * z))
        return result

    def sample(self, theta: Array, generator: np.random.Generator, shape: tuple[int, int]) -> Array:
        powers = generator.standard_exponential(shape) ** (1 / theta[1])
        drawn: Array = np.exp(_log_scale(theta)) * powers
        return drawn

    def _covariance(self, x: Array, theta: Array) -> Array:
        """Return the covariance of the logarithms of mean and shape; (2, 2)."""
        from scipy.special import digamma

        n, shape = len(x), float(theta[1])
        known = 6 / math.pi**2
        # Of log scale and log shape, from Fisher's information of the extreme value law.
        cov = np.array([[1 + known * (1 - _EULER) ** 2, known * (1 - _EULER)],
                        [known * (1 - _EULER), known]]) / n  # fmt: skip
        # log mean = log scale + log Γ(1 + 1/shape), log scale being in units of 1/shape.
        by = np.array([[1 / shape, -float(digamma(1 + 1 / shape)) / shape], [0.0, 1.0]])
        result: Array = by @ cov @ by.T
        return result

    def intervals(self, x: Array, theta: Array) -> list[Interval]:
        spreads = np.sqrt(np.diag(self._covariance(x, theta)))
        return [around(v, s) for v, s in zip(theta.tolist(), spreads.tolist(), strict=True)]

    def redraw(self, x: Array, theta: Array, generator: np.random.Generator) -> Array:
        root = np.linalg.cholesky(self._covariance(x, theta))
        result: Array = theta * np.exp(root @ generator.standard_normal(2))
        return result

    def law(self, theta: Array) -> dict[str, Any]:
        return table(self.name, self.parameters, theta)


def _log_gamma(z: Array) -> Array:
    from scipy.special import gammaln

    return np.asarray(gammaln(z), dtype=np.float64)


def _log_scale(theta: Array) -> Array:
    """Return the logarithm of a Weibull's scale."""
    result: Array = np.log(theta[..., 0]) - _log_gamma(1 + 1 / theta[..., 1])
    return result


@dataclass(frozen=True)
class ParetoFamily:
    """Pareto: its logarithm is exponential after a fixed value."""

    name: str = "pareto"
    parameters: tuple[str, ...] = ("least", "alpha")

    def estimate(self, x: Array) -> Array:
        n, least, total = _above(x)
        alpha = (n - 2) / total
        return np.stack([np.exp(least - 1 / (n * alpha)), alpha], axis=-1)

    def log_likelihood(self, x: Array, theta: Array) -> float:
        least, alpha = theta
        n = len(x)
        logs = logs_of(x)
        above = (logs - logs_of(least)).sum()
        return float(n * np.log(alpha) - alpha * above - logs.sum())

    def cdf(self, x: Array, theta: Array) -> Array:
        logs = logs_of(x) - logs_of(theta[..., :1])
        result: Array = -np.expm1(-theta[..., 1:] * np.maximum(logs, 0.0))
        return result

    def sample(self, theta: Array, generator: np.random.Generator, shape: tuple[int, int]) -> Array:
        result: Array = theta[0] * np.exp(
            np.minimum(generator.standard_exponential(shape) / theta[1], LARGEST)
        )
        return result

    def intervals(self, x: Array, theta: Array) -> list[Interval]:  # noqa: ARG002
        from scipy.special import fdtri

        n, least, total = _above(x)
        low, high = chi2_quantiles(2 * n - 2)
        reach = float(fdtri(2, 2 * n - 2, LEVEL)) * total / (n - 1) / n
        ends = (math.exp(least - reach), math.exp(least))
        return [ends, (float(low / (2 * total)), float(high / (2 * total)))]

    def redraw(self, x: Array, theta: Array, generator: np.random.Generator) -> Array:  # noqa: ARG002
        n, least, total = _above(x)
        alpha = float(generator.standard_gamma(n - 1) / total)
        below = float(generator.standard_exponential()) / (n * alpha)
        return np.array([math.exp(least - below), alpha])

    def law(self, theta: Array) -> dict[str, Any]:
        return table(self.name, self.parameters, theta)


def _above(x: Array) -> tuple[int, Any, Any]:
    """Return n, the logarithm of the least time, and the sum of all logarithms above it."""
    logs = logs_of(x)
    least = logs.min(axis=-1)
    return x.shape[-1], least, (logs - least[..., np.newaxis]).sum(axis=-1)
