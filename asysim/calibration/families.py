"""Families of laws that are fitted to times: what all can do, and those with light tails."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from asysim.laws import Array

LEVEL = 0.95
"""How often an interval holds the truth."""

SHORTEST = 1e-12
"""Seconds that no clock tells from 0, a thousandth of a tick: its logarithm is that of 0."""

LARGEST = 600.0
"""Exponents are cut there: what they are of is infinite, or nothing, to all intents."""

Interval = tuple[float, float]
_TAIL = (1 - LEVEL) / 2


class Family(Protocol):
    """A law of times with parameters to be found.

    Times x have shape (…, n), are ≥ 0 and not all the same; parameters θ have shape (…, k), in the
    order of `parameters`, which are the keys of the law in a scenario file.
    """

    @property
    def name(self) -> str:
        """The law in a scenario file."""
        ...

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of what is estimated; (k,)."""
        ...

    def estimate(self, x: Array) -> Array:
        """Return θ by maximum likelihood; ends of a support without the bias of the extremes."""
        ...

    def log_likelihood(self, x: Array, theta: Array) -> float:
        """Return the logarithm of the likelihood of x, shape (n,)."""
        ...

    def cdf(self, x: Array, theta: Array) -> Array:
        """Return P(time ≤ x), shape (…, n)."""
        ...

    def sample(self, theta: Array, generator: np.random.Generator, shape: tuple[int, int]) -> Array:
        """Return independent times for one θ, shape (k,)."""
        ...

    def intervals(self, x: Array, theta: Array) -> list[Interval]:
        """Return for each parameter an interval that holds the truth at 95 %; x of shape (n,)."""
        ...

    def redraw(self, x: Array, theta: Array, generator: np.random.Generator) -> Array:
        """Return a θ drawn from what is left open by x, all parameters jointly."""
        ...

    def law(self, theta: Array) -> dict[str, Any]:
        """Return the law as a table of a scenario file."""
        ...


def logs_of(x: Array) -> Array:
    """Return the logarithms of times; those that no clock tells from 0 have that of `SHORTEST`."""
    logs: Array = np.log(np.maximum(x, SHORTEST))
    return logs


def normal_quantile() -> float:
    """Return how many standard deviations reach to the end of an interval."""
    from scipy.special import ndtri

    return float(ndtri(1 - _TAIL))


def chi2_quantiles(degrees: float) -> Interval:
    """Return the two quantiles between which a χ² lies at 95 %."""
    from scipy.special import chdtri

    return float(chdtri(degrees, 1 - _TAIL)), float(chdtri(degrees, _TAIL))


def around(value: float, spread: float) -> Interval:
    """Return the interval of a positive parameter whose logarithm is normal with that spread."""
    factor = math.exp(min(normal_quantile() * spread, LARGEST))
    return value / factor, value * factor


class Named:
    """A family whose parameters stand in its law's table as they are."""

    name: str
    parameters: tuple[str, ...]

    def law(self, theta: Array) -> dict[str, Any]:
        """Return the law as a table of a scenario file."""
        return {"law": self.name} | dict(zip(self.parameters, theta.tolist(), strict=True))


@dataclass(frozen=True)
class ExponentialFamily(Named):
    """Exponential: 2n·mean of x/mean is χ² with 2n degrees, so its interval is exact."""

    name: str = "exponential"
    parameters: tuple[str, ...] = ("mean",)

    def estimate(self, x: Array) -> Array:
        mean: Array = x.mean(axis=-1, keepdims=True)
        return mean

    def log_likelihood(self, x: Array, theta: Array) -> float:
        return float(-len(x) * math.log(theta[0]) - x.sum() / theta[0])

    def cdf(self, x: Array, theta: Array) -> Array:
        result: Array = -np.expm1(-x / theta[..., :1])
        return result

    def sample(self, theta: Array, generator: np.random.Generator, shape: tuple[int, int]) -> Array:
        drawn: Array = theta[0] * generator.standard_exponential(shape)
        return drawn

    def intervals(self, x: Array, theta: Array) -> list[Interval]:
        low, high = chi2_quantiles(2 * len(x))
        return [(2 * len(x) * theta[0] / high, 2 * len(x) * theta[0] / low)]

    def redraw(self, x: Array, theta: Array, generator: np.random.Generator) -> Array:
        return theta * len(x) / generator.standard_gamma(len(x))


@dataclass(frozen=True)
class ShiftedFamily(Named):
    """Exponential after a fixed time, which is a little below the least of n times.

    n·(least − shift) over the mean of what is above the least is F with 2 and 2n − 2 degrees.
    """

    name: str = "exponential"
    parameters: tuple[str, ...] = ("mean", "shift")

    def estimate(self, x: Array) -> Array:
        n, mean, least = x.shape[-1], x.mean(axis=-1), x.min(axis=-1)
        shift = np.maximum((n * least - mean) / (n - 1), 0.0)
        return np.stack([mean, shift], axis=-1)

    def log_likelihood(self, x: Array, theta: Array) -> float:
        scale = theta[0] - theta[1]
        return float(-len(x) * math.log(scale) - (x - theta[1]).sum() / scale)

    def cdf(self, x: Array, theta: Array) -> Array:
        mean, shift = theta[..., :1], theta[..., 1:]
        result: Array = -np.expm1(-np.maximum(x - shift, 0.0) / (mean - shift))
        return result

    def sample(self, theta: Array, generator: np.random.Generator, shape: tuple[int, int]) -> Array:
        drawn: Array = theta[1] + (theta[0] - theta[1]) * generator.standard_exponential(shape)
        return drawn

    def intervals(self, x: Array, theta: Array) -> list[Interval]:
        from scipy.special import fdtri

        n, mean, least = len(x), float(theta[0]), float(x.min())
        above = (mean - least) * n / (n - 1)
        reach = normal_quantile() * (mean - theta[1]) / math.sqrt(n)
        lowest = least - float(fdtri(2, 2 * n - 2, LEVEL)) * above / n
        return [(mean - reach, mean + reach), (max(0.0, lowest), least)]

    def redraw(self, x: Array, theta: Array, generator: np.random.Generator) -> Array:
        n, least = len(x), float(x.min())
        scale = (float(theta[0]) - least) * n / generator.standard_gamma(n - 1)
        shift = max(0.0, least - scale * generator.standard_exponential() / n)
        return np.array([shift + scale, shift])


@dataclass(frozen=True)
class GammaFamily(Named):
    """Gamma, Erlang's law among them; mean and cv are found independently of one another."""

    name: str = "gamma"
    parameters: tuple[str, ...] = ("mean", "cv")

    def estimate(self, x: Array) -> Array:
        from scipy.special import digamma, polygamma

        mean = x.mean(axis=-1, keepdims=True)
        s = np.maximum(-_logs_beside(x, mean).mean(axis=-1), 1e-14)
        k = (3 - s + np.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s)
        for _ in range(5):  # Minka 2002: Newton's steps for 1/k; three are enough
            slope = k**2 * (1 / k - polygamma(1, k))
            k = 1 / (1 / k + (np.log(k) - digamma(k) - s) / slope) if np.all(k < 1e7) else 0.5 / s
        return np.stack([mean[..., 0], k**-0.5], axis=-1)

    def log_likelihood(self, x: Array, theta: Array) -> float:
        k, y = theta[1] ** -2, x / theta[0]
        logs = (k - 1) * (logs_of(x) - math.log(theta[0])).sum() - k * y.sum()
        constant = k * math.log(k) - math.lgamma(k) - math.log(theta[0])
        return float(len(x) * constant + logs)

    def cdf(self, x: Array, theta: Array) -> Array:
        from scipy.special import gammainc

        k = theta[..., 1:] ** -2
        return np.asarray(gammainc(k, k * x / theta[..., :1]), dtype=np.float64)

    def sample(self, theta: Array, generator: np.random.Generator, shape: tuple[int, int]) -> Array:
        k = float(theta[1]) ** -2
        drawn: Array = theta[0] / k * generator.standard_gamma(k, shape)
        return drawn

    def _spreads(self, x: Array, theta: Array) -> tuple[float, float]:
        """Return the standard errors of the logarithms of mean and cv."""
        from scipy.special import polygamma

        n, k = len(x), float(theta[1]) ** -2
        # k²(ψ′(k) − 1/k) is ½ + 1/(6k) … for large k, where the difference cancels.
        information = k**2 * (float(polygamma(1, k)) - 1 / k) if k < 1e4 else 0.5 + 1 / (6 * k)
        return 1 / math.sqrt(n * k), 0.5 / math.sqrt(n * information)

    def intervals(self, x: Array, theta: Array) -> list[Interval]:
        spreads = self._spreads(x, theta)
        return [around(float(v), s) for v, s in zip(theta, spreads, strict=True)]

    def redraw(self, x: Array, theta: Array, generator: np.random.Generator) -> Array:
        moved = np.array(self._spreads(x, theta)) * generator.standard_normal(2)
        result: Array = theta * np.exp(moved)
        return result


def _logs_beside(x: Array, mean: Array) -> Array:
    """Return log(x / mean), near the mean without cancellation."""
    off = (x - mean) / mean
    logs: Array = np.where(off > -0.5, np.log1p(np.maximum(off, -0.5)), logs_of(x) - logs_of(mean))
    return logs


@dataclass(frozen=True)
class UniformFamily(Named):
    """Uniform: its ends are a little outside the least and the largest of n times."""

    name: str = "uniform"
    parameters: tuple[str, ...] = ("low", "high")

    def estimate(self, x: Array) -> Array:
        n, least, most = x.shape[-1], x.min(axis=-1), x.max(axis=-1)
        out = (most - least) / (n - 1)
        return np.stack([np.maximum(least - out, 0.0), most + out], axis=-1)

    def log_likelihood(self, x: Array, theta: Array) -> float:
        return float(-len(x) * math.log(theta[1] - theta[0]))

    def cdf(self, x: Array, theta: Array) -> Array:
        low, high = theta[..., :1], theta[..., 1:]
        return np.clip((x - low) / (high - low), 0.0, 1.0)

    def sample(self, theta: Array, generator: np.random.Generator, shape: tuple[int, int]) -> Array:
        drawn: Array = theta[0] + (theta[1] - theta[0]) * generator.random(shape)
        return drawn

    def intervals(self, x: Array, theta: Array) -> list[Interval]:  # noqa: ARG002
        least, most = float(x.min()), float(x.max())
        # P((least − low) / range > t) = (1 + t)^(1 − n), and the same at the other end.
        out = (most - least) * math.expm1(-math.log(1 - LEVEL) / (len(x) - 1))
        return [(max(0.0, least - out), least), (most, most + out)]

    def redraw(self, x: Array, theta: Array, generator: np.random.Generator) -> Array:  # noqa: ARG002
        n, least, most = len(x), float(x.min()), float(x.max())
        below, within, _ = _spacings(n, generator)
        width = (most - least) / within
        low = max(0.0, least - below * width)
        return np.array([low, max(most, least - below * width + width)])


def _spacings(n: int, generator: np.random.Generator) -> tuple[float, float, float]:
    """Return what n uniform numbers leave below them, span, and leave above them."""
    below, above = generator.standard_exponential(2).tolist()
    within = float(generator.standard_gamma(n - 1))
    total = below + within + above
    return below / total, within / total, above / total
