"""The law that fits best to some times, how well it is known, and whether it fits at all."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from asysim.calibration.families import (
    ExponentialFamily,
    Family,
    GammaFamily,
    ShiftedFamily,
    UniformFamily,
    normal_quantile,
)
from asysim.calibration.goodness import Goodness, goodness
from asysim.calibration.heavy_families import (
    LogNormalFamily,
    ParetoFamily,
    TwoPhaseFamily,
    WeibullFamily,
)
from asysim.laws import Array
from asysim.trace.gradient import NANOSECOND

FITS, NONE_FITS, CONSTANT = "fits", "none of these fits", "constant"
ESTIMATED, UNTESTED, TOO_FEW = "estimated", "not tested", "too few"

FAMILIES: tuple[Family, ...] = (
    ExponentialFamily(),
    ShiftedFamily(),
    GammaFamily(),
    WeibullFamily(),
    LogNormalFamily(),
    UniformFamily(),
    ParetoFamily(),
    TwoPhaseFamily(),
)

SPREAD = 2
"""Ticks between the least and the largest of times that count as one constant."""

LEAST = 20
"""Times that a law is fitted to at least; fewer are kept as they are."""

_MOST = 200_000  # times that laws are fitted to; with more nothing would be known better
_MOST_PHASES = 20_000
_ALIKE = 2.0  # of AIC: so near to the best, fewer parameters win
_EMPIRICAL = 5000  # times that an empirical law consists of at most


@dataclass(frozen=True)
class Estimate:
    """A parameter: its value, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted quantity.

    Attributes
    ----------
    name
        What it is: ``compute``, ``pull, workers 1–7``.
    law
        A table of a scenario file; None for what is a number.
    estimates
        Parameters by name, in seconds, bytes per second, or bare numbers.
    observations
        How many times it was fitted to.
    goodness
        Of the first law of the ranking; None if it was not tested, or there is nothing to test.
    verdict
        ``fits``, ``none of these fits`` or ``too few`` (the law is then empirical), ``constant``,
        ``estimated`` (a number), or ``not tested``.
    ranking
        Candidates' laws with their AIC, the best first.
    seconds
        The times, in seconds; (n,). Empty for what is a number.
    family
        Whose law it is, if a family's.
    """

    name: str
    law: dict[str, Any] | None
    estimates: dict[str, Estimate]
    observations: int
    goodness: Goodness | None = None
    verdict: str = ESTIMATED
    ranking: tuple[tuple[str, float], ...] = ()
    seconds: Array = field(default_factory=lambda: np.zeros(0))
    family: Family | None = None

    @property
    def mean_error(self) -> float | None:
        """The standard error of the mean as a part of it, if the law is known."""
        key = "mean" if "mean" in self.estimates else "alpha"
        if self.family is None or key not in self.estimates:
            return None
        told = self.estimates[key]
        error = (told.high - told.low) / (2 * normal_quantile()) / told.value
        if key == "mean":
            return error
        # The mean is least · α / (α − 1).
        return error / (told.value - 1) if told.low > 1 else math.inf

    def redrawn(
        self, generator: np.random.Generator, seconds: Array | None = None
    ) -> dict[str, Any]:
        """Return a law drawn from what the times leave open.

        Parameters
        ----------
        generator
            Draws.
        seconds
            The times, where they follow from another parameter that was drawn too.
        """
        assert self.law is not None
        x = self.seconds if seconds is None else seconds
        if self.family is not None:
            x = np.maximum(x, 0.5 * NANOSECOND)
            return self.family.law(self.family.redraw(x, self.family.estimate(x), generator))
        if self.verdict in (NONE_FITS, TOO_FEW):
            return empirical(generator.choice(x, len(x)))
        value = self.estimates["value"]
        known = (value.high - value.low) <= (SPREAD + 2) * NANOSECOND
        error = 0.0 if known else (value.high - value.low) / 4 * generator.standard_normal()
        return constant(float(np.mean(x)) + error) if seconds is not None or error else self.law


def constant(value: float) -> dict[str, Any]:
    """Return the law of a constant time in seconds, never below 0."""
    return {"law": "constant", "value": max(0.0, value)}


def empirical(seconds: Array) -> dict[str, Any]:
    """Return the law of these very times; or of the means of so many equal shares of them."""
    x = np.sort(seconds)
    if len(x) > _EMPIRICAL:
        # The integral of the quantile function, whose differences are the shares' means.
        whole = np.concatenate([[0.0], np.cumsum(x)])
        ends = np.linspace(0.0, len(x), _EMPIRICAL + 1)
        x = np.diff(np.interp(ends, np.arange(len(x) + 1), whole)) * (_EMPIRICAL / len(x))
    return {"law": "empirical", "values": np.maximum(x, 0.0).tolist()}


def fit_law(
    name: str,
    seconds: Array,
    generator: np.random.Generator,
    *,
    samples: int,
    immaterial: float = 0.0,
) -> Fit:
    """Find the law of times.

    Parameters
    ----------
    name
        What they are times of.
    seconds
        The times, whole nanoseconds or nearly so; (n,), n ≥ 1.
    generator
        Makes all random choices.
    samples
        How many samples the law that is chosen is compared with; 0: it is not tested.
    immaterial
        Seconds by which real times may vary and still be a constant.
    """
    x = seconds
    if len(x) > _MOST:
        x = generator.choice(x, _MOST, replace=False)
    low, high = float(x.min()), float(x.max())
    if high - low <= (SPREAD + 0.5) * NANOSECOND:
        # A constant is known to half a tick: that is what was rounded away.
        half = 0.5 * NANOSECOND
        ends = Estimate(float(np.median(x)), max(0.0, low - half), high + half)
        return _constant(name, ends, seconds)
    ends = Estimate(*_mean_interval(x))
    inner = np.quantile(x, [0.005, 0.995])
    if inner[1] - inner[0] <= immaterial:
        return _constant(name, ends, seconds)
    if len(x) < LEAST:
        law, means = empirical(seconds), {"mean": ends}
        return Fit(name, law, means, len(x), verdict=TOO_FEW, seconds=seconds)
    # Whole ticks have ties, which continuous laws know nothing of.
    x = np.abs(x + (generator.random(len(x)) - 0.5) * NANOSECOND)
    ranking = _ranked(x)
    _, family, theta = ranking[0]
    tested = goodness(family, x, generator, samples=samples) if samples else None
    listing = tuple((_label(each), aic) for aic, each, _ in ranking)
    if tested is not None and not tested.fits:
        law = empirical(seconds)
        means = {"mean": ends}
        return Fit(name, law, means, len(seconds), tested, NONE_FITS, listing, seconds)
    pairs = zip(family.parameters, theta.tolist(), family.intervals(x, theta), strict=True)
    estimates = {key: Estimate(value, *map(float, interval)) for key, value, interval in pairs}
    verdict = FITS if tested is not None else UNTESTED
    return Fit(
        name, family.law(theta), estimates, len(seconds), tested, verdict, listing, x, family
    )


def _constant(name: str, value: Estimate, seconds: Array) -> Fit:
    law = constant(value.value)
    return Fit(name, law, {"value": value}, len(seconds), verdict=CONSTANT, seconds=seconds)


def _mean_interval(x: Array) -> tuple[float, float, float]:
    mean = float(x.mean())
    reach = normal_quantile() * float(x.std()) / math.sqrt(len(x))
    return mean, max(0.0, mean - reach), mean + reach


def _label(family: Family) -> str:
    return "shifted exponential" if isinstance(family, ShiftedFamily) else family.name


def _ranked(x: Array) -> list[tuple[float, Family, Array]]:
    """Return candidates by AIC; of those as good as the best, the one that needs least is first."""
    found = []
    spread = float(x.std() / x.mean())
    for family in FAMILIES:
        if isinstance(family, TwoPhaseFamily):
            if spread < 1.1:
                continue  # it varies more than an exponential, or is one
            theta = family.estimate(x[:: -(-len(x) // _MOST_PHASES)])
        else:
            theta = family.estimate(x)
        aic = 2 * len(family.parameters) - 2 * family.log_likelihood(x, theta)
        if np.isfinite(aic) and np.all(np.isfinite(theta)) and np.all(theta[:1] >= 0):
            found.append((aic, family, theta))
    found.sort(key=lambda entry: entry[0])
    near = [entry for entry in found if entry[0] <= found[0][0] + _ALIKE]
    first = min(near, key=lambda entry: len(entry[1].parameters))
    return [first, *(entry for entry in found if entry is not first)]
