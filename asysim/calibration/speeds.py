"""Workers that differ in speed alone: whether they do, by how much, and what that leaves open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from asysim.calibration.alike import CHANCE, level
from asysim.calibration.fit import Estimate, Fit
from asysim.calibration.times import Times
from asysim.trace.gradient import NANOSECOND

_MOST = 2000  # times of each class that are compared in shape


def one_shape(parts: list[Times]) -> bool:
    """Whether the times of all classes, each divided by its own, could be of one law."""
    from scipy.stats import ks_2samp

    if any(np.ptp(part.seconds) <= 3 * NANOSECOND or part.seconds.min() <= 0 for part in parts):
        return False
    shapes = [np.log(part.seconds) - level(part).place for part in parts]
    thinned = [shape[:: -(-len(shape) // _MOST)] for shape in shapes]
    pairs = range(1, len(parts))
    return all(ks_2samp(thinned[0], thinned[i]).pvalue >= CHANCE for i in pairs)


def speeds_of(parts: list[Times]) -> list[Estimate]:
    """Return each class's speed with the first one's as 1."""
    levels = [level(part) for part in parts]
    first, speeds = levels[0], [Estimate(1.0, 1.0, 1.0)]
    for other in levels[1:]:
        value = float(np.exp(first.place - other.place))
        factor = float(np.exp(1.96 * np.sqrt(first.variance + other.variance)))
        speeds.append(Estimate(value, value / factor, value * factor))
    return speeds


_NO_SCALE = ("law", "cv", "shape", "alpha", "weights")


def scaled_law(law: dict[str, Any], factor: float) -> dict[str, Any]:
    """Return the law of times that are multiplied."""
    scaled = {}
    for key, value in law.items():
        if key in _NO_SCALE:
            scaled[key] = value
        else:
            each = isinstance(value, list)
            scaled[key] = [factor * v for v in value] if each else factor * value
    return scaled


def known_to(fit: Fit, spread: float) -> Fit:
    """Return a fit whose scale is known to no more than that, in its logarithm."""
    factor = float(np.exp(1.96 * spread))
    estimates = {}
    for key, old in fit.estimates.items():
        if key.partition(".")[0] in _NO_SCALE:
            estimates[key] = old
        else:
            estimates[key] = Estimate(
                old.value, min(old.low, old.value / factor), max(old.high, old.value * factor)
            )
    return replace(fit, estimates=estimates)
