"""Numbers that times depend on, found by regression: a link's bandwidth, memory's contention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asysim.calibration.families import normal_quantile
from asysim.calibration.fit import Estimate
from asysim.ground.arrays import Floats, Ints
from asysim.trace.gradient import NANOSECOND

_SURE = 3.0  # standard deviations from nothing
_STEEPEST = 1e3
_ROUNDED = 0.3  # ticks: the standard deviation of what rounding adds


@dataclass(frozen=True)
class Rate:
    """A number with its standard error.

    Attributes
    ----------
    value
        Seconds for a byte; or by what part of itself a write is slowed down by another.
    error
        Its standard deviation.
    """

    value: float
    error: float

    @property
    def is_something(self) -> bool:
        """Whether it is surely above 0."""
        return self.value > _SURE * self.error

    @property
    def estimate(self) -> Estimate:
        """It, with its 95 % interval."""
        reach = normal_quantile() * self.error
        return Estimate(self.value, max(0.0, self.value - reach), self.value + reach)

    def redrawn(self, generator: np.random.Generator) -> float:
        """Return a number drawn from what is left open."""
        return max(0.0, self.value + self.error * float(generator.standard_normal()))


def per_byte(seconds: list[Floats], sizes: list[Floats]) -> Rate | None:
    """Return the seconds a byte takes; None if messages are of one size.

    Parameters
    ----------
    seconds, sizes
        For each direction, or kind of worker, with a latency of its own: how long messages took,
        and their bytes; (n,) each.
    """
    kinds = [(t, b - b.mean()) for t, b in zip(seconds, sizes, strict=True) if np.ptp(b) > 0]
    if not kinds:
        return None
    # Each kind has a slope of its own; they are averaged by what each is known to.
    slopes, errors = [], []
    for times, off in kinds:
        squares = float((off**2).sum())
        slope = float((off * times).sum()) / squares
        rest = times - times.mean() - slope * off
        spread = max(float(rest.std()), _ROUNDED * NANOSECOND)
        slopes.append(slope)
        errors.append(spread / np.sqrt(squares))
    weights = np.array(errors) ** -2.0
    slope = float(np.average(slopes, weights=weights))
    # Rounding to whole ticks is alike for all messages of one size, so more of them don't help.
    rounding = 0.5 * NANOSECOND / max(float(np.ptp(off)) for _, off in kinds)
    return Rate(slope, float(weights.sum() ** -0.5) + rounding)


def contention(seconds: Floats, others: Ints, resolution: float) -> Rate | None:
    """Return c where a write takes W(1 + c·b), b being the writes in progress when it begins.

    The c that makes the logarithms of W vary least. None if b never differs.

    Parameters
    ----------
    seconds, others
        How long each write took, and b; (n,).
    resolution
        Ticks of a clock in a typical write.
    """
    if len(seconds) < 2 or not np.ptp(others):
        return None
    from scipy.optimize import minimize_scalar

    logs = np.log(np.maximum(seconds, NANOSECOND))

    def spread(logarithm: float) -> float:
        return float((logs - np.log1p(np.expm1(logarithm) * others)).var())

    best = minimize_scalar(spread, bounds=(0.0, np.log1p(_STEEPEST)), method="bounded",
                           options={"xatol": 1e-9})  # fmt: skip
    value = float(np.expm1(best.x)) if best.fun < spread(0.0) else 0.0
    by = others / (1 + value * others)
    error = np.sqrt(max(best.fun, 1e-18) / len(logs) / float(by.var()))
    # Rounding to whole ticks may be alike for all writes, so that more of them don't help.
    return Rate(value, float(error) + 0.5 / max(1.0, resolution))
