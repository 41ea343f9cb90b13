"""Whether times could be draws of a fitted law: Kolmogorov and Smirnov's distance.

A law fitted to the times lies closer to them than the true one does, so textbook tables of the
distance would let nearly everything pass. Its own law comes from samples of the fitted law, each
fitted again (Lilliefors 1967; the parametric bootstrap).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asysim.calibration.families import Family
from asysim.laws import Array

MOST = 2000
"""Times that are tested at most: with very many any law is rejected, however close it is."""

REJECTED = 0.01
"""p-values below this mean that a law does not fit."""


@dataclass(frozen=True)
class Goodness:
    """How well a law fits.

    Attributes
    ----------
    distance
        The largest difference between the law's P(time ≤ t) and the share of times ≤ t.
    p_value
        How often a sample of the law itself would lie as far off, or further.
    """

    distance: float
    p_value: float

    @property
    def fits(self) -> bool:
        """Whether the law is not rejected."""
        return self.p_value >= REJECTED


def goodness(family: Family, x: Array, generator: np.random.Generator, *, samples: int) -> Goodness:
    """Test whether times are draws of a law of a family.

    Parameters
    ----------
    family
        Which laws.
    x
        Times; (n,). Of more than `MOST` so many are picked at random.
    generator
        Picks them, and draws the samples.
    samples
        How many samples of the fitted law the times are compared with.
    """
    if len(x) > MOST:
        x = generator.choice(x, MOST, replace=False)
    theta = family.estimate(x)
    distance = float(_distance(family, x, theta))
    drawn = family.sample(theta, generator, (samples, len(x)))
    further = _distance(family, drawn, family.estimate(drawn)) >= distance
    return Goodness(distance, (1 + int(further.sum())) / (1 + samples))


def _distance(family: Family, x: Array, theta: Array) -> Array:
    """Return the distance of each row of x from its law."""
    n = x.shape[-1]
    below = family.cdf(np.sort(x, axis=-1), theta)
    steps = np.arange(n + 1) / n
    result: Array = np.maximum(below - steps[:-1], steps[1:] - below).max(axis=-1)
    return result
