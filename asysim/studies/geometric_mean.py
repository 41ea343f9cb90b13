"""A number with its uncertainty, on a logarithmic scale: of a mean over seeds, of one run more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

CONFIDENCE = 0.95
COVERAGE = 0.90
"""Share of runs that a band is to hold."""
Bound = Literal["", "at most", "at least"]


@dataclass(frozen=True)
class GeometricMean:
    """A positive number and its confidence interval.

    Attributes
    ----------
    value
        The geometric mean over seeds.
    low, high
        Its 95 % confidence interval; None if there was one seed, or if the value is a bound.
    bound
        Whether the truth is known to be at most, or at least, that: some runs ended before the
        target.
    """

    value: float
    low: float | None = None
    high: float | None = None
    bound: Bound = ""

    def scaled(self, factor: float) -> GeometricMean:
        """Return the estimate of that many times as much."""
        low = None if self.low is None else self.low * factor
        high = None if self.high is None else self.high * factor
        return GeometricMean(self.value * factor, low, high, self.bound)


def geometric_mean(values: Sequence[float], *, bound: Bound = "") -> GeometricMean | None:
    """Return the geometric mean of positive numbers with Student's interval of their logarithms.

    The logarithms of ratios of first crossings are close to normal; the tests hold the interval's
    coverage against simulated ones. None if a number is not positive and finite.
    """
    if not values or not all(math.isfinite(value) and value > 0 for value in values):
        return None
    logs = np.log(values)
    mean = float(logs.mean())
    if bound or len(values) == 1:
        return GeometricMean(math.exp(mean), bound=bound)
    half = student(len(values), CONFIDENCE) * float(logs.std(ddof=1)) / math.sqrt(len(values))
    return GeometricMean(math.exp(mean), math.exp(mean - half), math.exp(mean + half))


@dataclass(frozen=True)
class Band:
    """Where one run is to be expected.

    Attributes
    ----------
    value
        The geometric mean over simulated runs.
    low, high
        Between them a further run falls with probability 90 %, if logarithms are normal.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Band:
        """Return the prediction interval of one more value, all being positive."""
        logs = np.log(values)
        mean, count = float(logs.mean()), len(logs)
        if count == 1:
            return cls(math.exp(mean), math.exp(mean), math.exp(mean))
        spread = float(logs.std(ddof=1)) * math.sqrt(1 + 1 / count)
        half = student(count, COVERAGE) * spread
        return cls(math.exp(mean), math.exp(mean - half), math.exp(mean + half))


def student(count: int, level: float) -> float:
    """Return how many standard deviations Student's interval of so many values reaches out."""
    from scipy.special import stdtrit

    return float(stdtrit(count - 1, 0.5 + level / 2))
