"""Families with heavy tails, log-normal, Weibull and Pareto, and two exponential phases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from asysim.calibration.families import (
    LARGEST,
    LEVEL,
    Interval,
    Named,
    around,
    chi2_quantiles,
    logs_of,
)
from asysim.laws import Array


@dataclass(frozen=True)
class LogNormalFamily(Named):
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


def _as_lognormal(centre: Array, variance: Array) -> Array:
    """Return mean and cv of a log-normal, from mean and variance of its logarithm."""
    return np.stack([np.exp(centre + variance / 2), np.sqrt(np.expm1(variance))], axis=-1)


def _logs(theta: Array) -> tuple[Array, Array]:
    """Return mean and variance of a log-normal's logarithm, from its mean and cv."""
    variance = np.log1p(theta[..., 1] ** 2)
    return np.log(theta[..., 0]) - variance / 2, variance


_EULER = 0.5772156649015329


@dataclass(frozen=True)
class WeibullFamily(Named):
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


def _log_gamma(z: Array) -> Array:
    from scipy.special import gammaln

    return np.asarray(gammaln(z), dtype=np.float64)


def _log_scale(theta: Array) -> Array:
    """Return the logarithm of a Weibull's scale."""
    result: Array = np.log(theta[..., 0]) - _log_gamma(1 + 1 / theta[..., 1])
    return result


@dataclass(frozen=True)
class ParetoFamily(Named):
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


def _above(x: Array) -> tuple[int, Any, Any]:
    """Return n, the logarithm of the least time, and the sum of all logarithms above it."""
    logs = logs_of(x)
    least = logs.min(axis=-1)
    return x.shape[-1], least, (logs - least[..., np.newaxis]).sum(axis=-1)


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
