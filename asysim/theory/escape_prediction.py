"""Which law of escape applies to a scenario, and where one does not, why.

A law is left out where something that it leaves out would change its mean by more than some 2 %.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Floats, Vector
from asysim.laws.distribution import is_exponential
from asysim.problems.base import Problem
from asysim.replay.update_rule import rules_of
from asysim.scenario import Scenario
from asysim.schedule import cluster_timing, simulate
from asysim.schedule.engine import is_certain, plain_rule
from asysim.theory.escape import EscapeLaw, EscapeTimes, escape_law, escape_times
from asysim.theory.escape_exponential import (
    escape_law_of_exponential_workers,
    escape_times_of_exponential_workers,
    mean_square_growth,
)
from asysim.theory.saddle import Changes, Saddle
from asysim.theory.stability import stability_limit
from asysim.trace.stream import limited
from asysim.updates.perturbation import Noise

_LEAST_DRIFT = 1.5  # times the noise of an update, at R
_MOST_BESIDES = 0.05  # of `EscapeTimes.besides`
_MOST_CHANGE = 0.02  # of the mean


class Delays(NamedTuple):
    """Delays that a law is known for: the same for each update, or those of exponential workers."""

    workers: int
    constant: bool

    @property
    def words(self) -> str:
        """Say which they are."""
        if self.constant:
            return f"constant delay {self.workers - 1}"
        return f"{self.workers} exponential workers"

    def law(self, a: float, noise: float, radius: float) -> EscapeLaw:
        """Return the law of large R."""
        if self.constant:
            return escape_law(a, self.workers - 1, noise, radius)
        return escape_law_of_exponential_workers(a, self.workers, noise, radius)

    def times(
        self, a: float, noise: float, radius: float, *, start: float, stable: Floats
    ) -> EscapeTimes:
        """Return the law update by update."""
        if self.constant:
            return escape_times(a, self.workers - 1, noise, radius, start=start, stable=stable)
        return escape_times_of_exponential_workers(
            a, self.workers, noise, radius, start=start, stable=stable
        )


def delays_of(scenario: Scenario, dimension: int) -> Delays | str:
    """Return a scenario's delays, or why no law is known for them.

    Parameters
    ----------
    scenario
        With p workers.
    dimension
        n.
    """
    rule, p = scenario.played, scenario.workers.count
    if scenario.schedule is not None:
        return "delays are those of a file"
    if scenario.algorithm.name != "asysg-con":
        return "reads without locks see parts of updates"
    plain = plain_rule(scenario)
    if plain is None or not (rule.applies_all and rule.asks_at_once) or rule.update_size(p) != 1:
        return "the law is for one gradient in an update and workers that never wait"
    if p == 1:
        return Delays(1, constant=True)
    if is_certain(scenario, dimension):
        for block in limited(simulate(scenario, dimension), updates=4 * p):
            rows = block.rows
            if (rows.version != np.maximum(rows.update - (p - 1), 0)).any():
                return "the delay is not the same for all updates"
        return Delays(p, constant=True)
    timing = cluster_timing(scenario, dimension)
    own = timing.workers[0]
    alone = not (timing.service.takes_time or any(step.takes_time for step in own.messages))
    if len(set(timing.workers)) == 1 and alone and is_exponential(own.compute.law):
        return Delays(p, constant=False)
    return "delays are neither constant nor those of equal exponential workers without latency"


class Prediction(NamedTuple):
    """What is foretold of the updates until ‖x‖ > R.

    Attributes
    ----------
    curvature_step, noise, radius
        a = γMδ, the standard deviation of an update's noise, and R.
    law
        The law of large R.
    times
        The law update by update.
    delays
        Constant or not.
    exact
        Whether nothing is left out but a return through R.
    change
        By what part the mean may be off since f and its noise are not the same everywhere within R.
    """

    curvature_step: float
    noise: float
    radius: float
    law: EscapeLaw
    times: EscapeTimes
    delays: Delays
    exact: bool
    change: float = 0.0

    def of_large_radius(self, workers: int) -> EscapeLaw:
        """Return the law of large R for another number of workers with delays of this kind."""
        delays = self.delays._replace(workers=workers)
        return delays.law(self.curvature_step, self.noise, self.radius)


def prediction(
    scenario: Scenario, problem: Problem, saddle: Saddle | str, radius: float
) -> Prediction | str:
    """Return the law of escape for a scenario, or why there is none.

    Parameters
    ----------
    scenario
        With p workers.
    problem
        Its objective.
    saddle
        Of `saddle_of`.
    radius
        R.
    """
    if isinstance(saddle, str):
        return saddle
    if saddle.unstable != 1:
        return f"{saddle.unstable or 'no'} directions are unstable: the law is for one"
    linear = recursion(scenario, problem, saddle)
    if isinstance(linear, str):
        return linear
    delays = delays_of(scenario, problem.dimension)
    if isinstance(delays, str):
        return delays
    if linear.deviations[0] == 0:
        return NO_NOISE
    return _foretold(linear, saddle, delays, radius)


NO_NOISE = "there is no noise along the unstable direction"


class Recursion(NamedTuple):
    """x_{k+1} = x_k + a x_{k−τ} + s g along each eigenvector, the least curvature first; (n,).

    Attributes
    ----------
    slopes
        a = −γMλ.
    deviations
        s.
    gain
        γ²M, by which the variance of one sample's gradient counts in an update.
    cumulant
        By which the excess kurtosis of one sample's gradient counts along the least curvature.
    gaussian
        Whether the update rule adds nothing that is not Gaussian.
    """

    slopes: Vector
    deviations: Vector
    gain: float
    cumulant: float
    gaussian: bool


def recursion(scenario: Scenario, problem: Problem, saddle: Saddle) -> Recursion | str:
    """Return what SGD is near a saddle, or why it is not so simple."""
    rules, samples = rules_of(scenario, problem), scenario.algorithm.batch_size
    if not isinstance(rules.step, int | float):
        return "the step is not constant"
    update = rules.update
    if update is not None and (update.weight or update.correction or update.momentum):
        return "the law is for x −= γ · gradient, without weights, corrections and momentum"
    added = Noise() if update is None else update.perturbation
    if added.scale > 0 and added.every > 1:
        return "the update rule's own noise is not in every update"
    # hypot: a square would be 0 of what is very small
    noise = np.hypot(math.sqrt(samples) * saddle.noise, added.scale / math.sqrt(problem.dimension))
    slopes = -rules.step * samples * saddle.curvatures
    share = math.sqrt(samples) * float(saddle.noise[0]) / float(noise[0]) if noise[0] > 0 else 0.0
    return Recursion(
        slopes, rules.step * noise, rules.step**2 * samples, share**4 / samples,
        gaussian=not (added.ball and added.scale > 0),
    )  # fmt: skip


def _foretold(linear: Recursion, saddle: Saddle, delays: Delays, radius: float) -> Prediction | str:
    slopes, deviations = linear.slopes, linear.deviations
    a, s = float(slopes[0]), float(deviations[0])
    why = _unstable(-float(slopes.min()), delays)
    if why is not None:
        return why
    start, others = float(saddle.start[0]), np.stack([slopes, deviations, saddle.start], axis=1)[1:]
    try:
        law = delays.law(a, s, radius)
        drift = (law.growth - 1) * radius / s
        if drift < _LEAST_DRIFT:
            return (
                f"at R the drift of an update is {drift:.2g} times its noise: below {_LEAST_DRIFT} "
                "noise brings back what has passed R"
            )
        times = delays.times(a, s, radius, start=start, stable=others)
    except ValueError as error:
        return str(error)
    if times.besides > _MOST_BESIDES:
        return (
            f"noise along the stable directions has a variance of {times.besides:.2g} squares of "
            f"what is left of R besides their mean: the law is for less than {_MOST_BESIDES}"
        )
    slowest = float(slopes[1]) if len(slopes) > 1 else 0.0
    parts = _parts(linear, law, times.mean, saddle.changes, slowest)
    change = sum(parts.values())
    if change > _MOST_CHANGE:
        most = max(parts, key=lambda name: parts[name])
        size = f"some {100 * change:.2g} %" if change < 1 else "more than itself"
        return f"{most}, which may change the mean by {size}"
    exact = saddle.exact and delays.constant and linear.gaussian
    return Prediction(a, s, radius, law, times, delays, exact, change)


def _unstable(steepest: float, delays: Delays) -> str | None:
    """Say which stable direction the delays make unstable, by γλ; None if they do so to none."""
    if delays.constant:
        delay = delays.workers - 1
        if steepest >= stability_limit(delay):
            return f"a stable direction is unstable at delay {delay}: γλ = {steepest:.3g}"
    elif steepest > 0 and mean_square_growth(-steepest, delays.workers) >= 1:
        return (
            f"a stable direction is unstable in mean square with {delays.words}: "
            f"γλ = {steepest:.3g}"
        )
    return None


def _parts(
    linear: Recursion, law: EscapeLaw, mean: float, changes: Changes, slowest: float
) -> dict[str, float]:
    """Return by what part of itself the mean may be off, by what is the cause.

    Derived. An update reads a gradient of (z − 1)/a times the x there is, on average. So noise that
    is η times it adds C η (z − 1)/(a z) to 1, the variance of which takes half of itself off ln z.
    Across, it adds to ‖x‖² what grows by z² beside (1 − γλ)², the largest.
    Of Σ z^{−j} w_j the kurtosis is that of w times (z² − 1)/(z² + 1), and E ln|g| is less by a
    twelfth of it (Gram & Charlier: E He_4(g) ln|g| = −2).
    """
    z, rate = law.growth, math.log(law.growth)
    kick = linear.gain * ((z - 1) / float(linear.slopes[0]) / z) ** 2
    tails = linear.cumulant * abs(changes.kurtosis) * (z * z - 1) / (z * z + 1) / 12
    slower = kick * changes.along * law.constant**2 / 2 / rate
    wide = kick * changes.across / (1 - ((1 + slowest) / z) ** 2) / 2
    return {
        "the gradient's noise varies within R": slower + wide / (mean * rate),
        "the gradient's noise is not Gaussian": tails / (mean * rate),
        "f is not quadratic within R": abs(changes.bend) / (mean * rate),
    }
