"""Laws of whole numbers 0, 1, 2 …: geometric, negative binomial, Poisson, one of those moved up."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from asysim.delays.block_counts import ABOVE
from asysim.ground.arrays import Floats, Ints


class CountLaw(Protocol):
    """A law of τ, as far as fits and tests ask.

    Attributes
    ----------
    name
        ``geometric``.
    theta
        What is free in it, each any real number; (k,).
    parameters
        The same as people say it.
    mean
        E[τ].
    """

    @property
    def name(self) -> str: ...

    @property
    def theta(self) -> Floats: ...

    @property
    def parameters(self) -> dict[str, float]: ...

    @property
    def mean(self) -> float: ...

    def at(self, theta: Floats) -> Self:
        """Return the law of this kind with another θ."""
        ...

    def log_mass(self, lowest: Ints, highest: Ints) -> Floats:
        """Return log P(lowest ≤ τ ≤ highest), the same shape; `ABOVE` is no upper end."""
        ...


def pmf(law: CountLaw, tau: Ints) -> Floats:
    """Return P(τ), the same shape."""
    return np.exp(law.log_mass(tau, tau))


@dataclass(frozen=True)
class Geometric:
    """P(τ = t) = q(1 − q)^t: what equal exponential workers have, with q = 1/p.

    Attributes
    ----------
    mean
        (1 − q)/q, above 0.
    """

    mean: float
    name: str = "geometric"

    @property
    def q(self) -> float:
        """P(τ = 0)."""
        return 1 / (1 + self.mean)

    @property
    def theta(self) -> Floats:
        return np.array([math.log(self.mean)])

    @property
    def parameters(self) -> dict[str, float]:
        return {"q": self.q}

    def at(self, theta: Floats) -> Geometric:
        return Geometric(_positive(theta[0]))

    def log_mass(self, lowest: Ints, highest: Ints) -> Floats:
        later = -np.log1p(1 / self.mean)  # log(1 − q)
        width = highest.astype(np.float64) - lowest + 1
        result: Floats = lowest * later + np.log(-np.expm1(width * later))
        return result


@dataclass(frozen=True)
class Poisson:
    """P(τ = t) = e^(−μ) μ^t / t!.

    Attributes
    ----------
    mean
        μ, above 0.
    """

    mean: float
    name: str = "Poisson"

    @property
    def theta(self) -> Floats:
        return np.array([math.log(self.mean)])

    @property
    def parameters(self) -> dict[str, float]:
        return {"mean": self.mean}

    def at(self, theta: Floats) -> Poisson:
        return Poisson(_positive(theta[0]))

    def log_mass(self, lowest: Ints, highest: Ints) -> Floats:
        from scipy.special import gammainc, gammaincc, gammaln

        def single(t: Floats) -> Floats:
            result: Floats = t * np.log(self.mean) - self.mean - gammaln(t + 1)
            return result

        return _log_mass(
            lowest, highest, single,
            below=lambda t: np.asarray(gammaincc(t, self.mean)),
            above=lambda t: np.asarray(gammainc(t, self.mean)),
            middle=self.mean,
        )  # fmt: skip


@dataclass(frozen=True)
class NegativeBinomial:
    """A Poisson law whose mean has a gamma law of shape r; geometric for r = 1.

    Attributes
    ----------
    mean, r
        Both above 0. The variance is mean + mean²/r.
    """

    mean: float
    r: float
    name: str = "negative binomial"

    @property
    def theta(self) -> Floats:
        return np.log([self.mean, self.r])

    @property
    def parameters(self) -> dict[str, float]:
        return {"mean": self.mean, "r": self.r}

    def at(self, theta: Floats) -> NegativeBinomial:
        return NegativeBinomial(_positive(theta[0]), _positive(theta[1]))

    def log_mass(self, lowest: Ints, highest: Ints) -> Floats:
        from scipy.special import betainc, betaln

        r, p = self.r, self.r / (self.r + self.mean)

        def single(t: Floats) -> Floats:
            # Γ(t + r) / (t! Γ(r)) = 1 / ((t + r) B(t + 1, r))
            way = -np.log(t + r) - betaln(t + 1, r)
            result: Floats = way - r * np.log1p(self.mean / r) - t * np.log1p(r / self.mean)
            return result

        return _log_mass(
            lowest, highest, single,
            below=lambda t: np.asarray(betainc(r, t, p)),
            above=lambda t: np.asarray(betainc(t, r, 1 - p)),
            middle=self.mean,
        )  # fmt: skip


@dataclass(frozen=True)
class Moved:
    """A law of τ − least.

    Attributes
    ----------
    law
        Of τ − least.
    least
        The least τ.
    """

    law: CountLaw
    least: int

    @property
    def name(self) -> str:
        return f"{self.law.name} from {self.least}"

    @property
    def theta(self) -> Floats:
        return self.law.theta

    @property
    def parameters(self) -> dict[str, float]:
        return self.law.parameters

    @property
    def mean(self) -> float:
        return self.least + self.law.mean

    def at(self, theta: Floats) -> Moved:
        return Moved(self.law.at(theta), self.least)

    def log_mass(self, lowest: Ints, highest: Ints) -> Floats:
        low = np.maximum(lowest - self.least, 0)
        high = np.where(highest == ABOVE, ABOVE, np.maximum(highest - self.least, low))
        inside = self.law.log_mass(low, high)
        return np.where(highest < self.least, -np.inf, inside)


_SMALLEST = 1e-280  # of a probability: below it, differences of two are rounding


def _log_mass(
    lowest: Ints,
    highest: Ints,
    single: Callable[[Floats], Floats],
    *,
    below: Callable[[Floats], Floats],
    above: Callable[[Floats], Floats],
    middle: float,
) -> Floats:
    """Return log P of cells; `below` and `above` are P(τ < t) and P(τ ≥ t) for t ≥ 1."""
    low, high = np.broadcast_arrays(lowest, highest)
    one = low == high
    if one.all():
        return single(low.astype(np.float64))
    result = np.empty(low.shape)
    result[one] = single(low[one].astype(np.float64))
    # Of the tail that is the smaller one, so that the difference is exact.
    for part, of_tail in ((~one & (low <= middle), below), (~one & (low > middle), above)):
        if part.any():
            first, beyond = low[part].astype(np.float64), high[part].astype(np.float64) + 1
            begun = np.where(first > 0, of_tail(np.maximum(first, 1.0)), float(of_tail is above))
            ended = np.where(high[part] == ABOVE, float(of_tail is below), of_tail(beyond))
            result[part] = np.log(np.maximum(np.abs(ended - begun), _SMALLEST))
    return result


def _positive(theta: float) -> float:
    """Return exp(θ), kept where it is a number above 0."""
    return math.exp(min(max(float(theta), -300.0), 300.0))
