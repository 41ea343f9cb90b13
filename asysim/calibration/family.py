"""What every law that can be fitted to times has, and what their intervals are made of."""

from __future__ import annotations

import math
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


def table(name: str, parameters: tuple[str, ...], theta: Array) -> dict[str, Any]:
    """Return a law as a table of a scenario file."""
    return {"law": name} | dict(zip(parameters, theta.tolist(), strict=True))
