"""A number with its uncertainty: a ratio over seeds, on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

CONFIDENCE = 0.95
Bound = Literal["", "at most", "at least"]


@dataclass(frozen=True)
class Estimate:
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

    def scaled(self, factor: float) -> Estimate:
        """Return the estimate of that many times as much."""
        low = None if self.low is None else self.low * factor
        high = None if self.high is None else self.high * factor
        return Estimate(self.value * factor, low, high, self.bound)


def geometric_mean(values: Sequence[float], *, bound: Bound = "") -> Estimate | None:
    """Return the geometric mean of positive numbers with Student's interval of their logarithms.

    The logarithms of ratios of first crossings are close to normal; the tests hold the interval's
    coverage against simulated ones. None if a number is not positive and finite.
    """
    if not values or not all(math.isfinite(value) and value > 0 for value in values):
        return None
    logs = np.log(values)
    mean = float(logs.mean())
    if bound or len(values) == 1:
        return Estimate(math.exp(mean), bound=bound)
    from scipy.special import stdtrit

    quantile = float(stdtrit(len(values) - 1, 0.5 + CONFIDENCE / 2))
    half = quantile * float(logs.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(math.exp(mean), math.exp(mean - half), math.exp(mean + half))
