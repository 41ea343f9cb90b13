"""Which exact law of single τ, not of their mean alone, applies to a scenario in the long run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asysim.ground.arrays import Floats
from asysim.scenario import Scenario
from asysim.schedule import cluster_timing
from asysim.schedule.engine import is_certain
from asysim.theory.demands import Demands, forgets
from asysim.theory.expectations import (
    STALENESS,
    expectations,
    gradients_per_update,
    is_uneven,
    loses_messages,
)
from asysim.theory.staleness import exponential_staleness, worker_means


@dataclass(frozen=True)
class StalenessLaw:
    """P(τ) of the gradients that are applied, in the long run.

    Attributes
    ----------
    words
        Whose it is.
    mean
        E[τ].
    fixed
        The only τ; None if there are several.
    rates
        Of exponential workers, gradients per second each; empty if τ is fixed.
    gradients_per_update
        c.
    """

    words: str
    mean: float
    fixed: int | None = None
    rates: tuple[float, ...] = ()
    gradients_per_update: int = 1

    def probabilities(self, length: int) -> Floats:
        """Return P(τ = t) for t = 0 … length − 1."""
        if self.fixed is None:
            return exponential_staleness(self.rates, length, self.gradients_per_update)
        found: Floats = np.zeros(length)
        found[self.fixed : self.fixed + 1] = 1.0
        return found


def staleness_law(scenario: Scenario, dimension: int) -> StalenessLaw | None:
    """Return the law of τ; None if none is known, as for all of which not even the mean is.

    Parameters
    ----------
    scenario
        The cluster and the algorithm.
    dimension
        n, the length of x.
    """
    mean = expectations(scenario, dimension).get(STALENESS)
    if mean is None:
        return None
    rule, p = scenario.played, scenario.workers.count
    if rule.is_fresh:
        return StalenessLaw("every gradient is of the current x", mean, 0)
    if p == 1:
        return StalenessLaw("a worker that is alone misses no update", mean, 0)
    size = gradients_per_update(scenario)
    if size == 1 and rule.most_staleness(p) == mean:
        return StalenessLaw("workers take turns", mean, p - 1)
    timing = cluster_timing(scenario, dimension)
    if size == 1 and is_certain(scenario, dimension) and len(set(timing.workers)) == 1:
        return StalenessLaw("equal workers whose times are fixed take turns", mean, p - 1)
    demands = Demands.of(scenario, dimension)
    plain = not (demands.stations or demands.paused or demands.unsent)
    steady = not (is_uneven(scenario) or loses_messages(scenario))
    if size is None or not (plain and steady and rule.asks_at_once):
        return None
    if not all(map(forgets, set(timing.workers))):
        return None
    rates = tuple(1 / away for away in demands.away)
    return StalenessLaw("exponential workers, always busy", mean, None, rates, size)


def worker_staleness(scenario: Scenario, dimension: int) -> Floats | None:
    """Return E[τ | worker i] in the long run, shape (p,); None if no law is known.

    Whatever the laws of times are: a cycle of Z_i seconds sees ΛZ_i updates, one of them its own.
    """
    if STALENESS not in expectations(scenario, dimension):
        return None
    demands, rule = Demands.of(scenario, dimension), scenario.played
    plain = not (demands.stations or demands.paused or demands.unsent) and demands.additive
    steady = not (is_uneven(scenario) or loses_messages(scenario))
    known = plain and steady and rule.asks_at_once and rule.applies_all
    if not known or gradients_per_update(scenario) != 1:
        return None
    return worker_means(demands.away)
