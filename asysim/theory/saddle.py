"""Which law of escape applies to a scenario: what its problem is like at a saddle, and its delays.

Near a stationary point SGD is linear, direction by direction of the Hessian's eigenvectors: in each
x_{k+1} = x_k − γMλ x_{k−τ} + noise. Where f is quadratic and its noise Gaussian, that is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Floats, Vector
from asysim.laws.distribution import is_exponential
from asysim.problems.base import CriticalPoint, Problem, TwiceDifferentiable
from asysim.problems.gaussian import GaussianSamples
from asysim.replay.gradients import Sampler
from asysim.replay.update_rule import rules_of
from asysim.scenario import Scenario
from asysim.schedule import cluster_timing, simulate
from asysim.schedule.engine import is_certain, plain_rule
from asysim.theory.escape import EscapeLaw, EscapeTimes, escape_law, escape_times
from asysim.theory.escape_exponential import (
    escape_law_of_exponential_workers,
    escape_times_of_exponential_workers,
)
from asysim.theory.stability import stability_limit
from asysim.trace.stream import limited
from asysim.updates.perturbation import Noise

_LARGEST = 500  # coordinates of a Hessian that is looked at as a whole
_SAMPLES = 4096
_FLAT = 1e-10  # of the largest curvature: below it, none is told from 0


@dataclass(frozen=True, eq=False)
class Saddle:
    """A stationary point as the linear recursion sees it; shapes (n,), one for each eigenvector.

    Attributes
    ----------
    curvatures
        Eigenvalues of the Hessian, the least first.
    noise
        Standard deviation of one sample's gradient along each eigenvector.
    start
        Where a run begins, along each.
    exact
        Whether f is quadratic and its noise Gaussian and known: then the law of x_k is exact.
    """

    curvatures: Vector
    noise: Vector
    start: Vector
    exact: bool

    @property
    def unstable(self) -> int:
        """How many directions f falls away in."""
        least = -_FLAT * float(np.abs(self.curvatures).max())
        return int((self.curvatures < least).sum())


def saddle_of(problem: Problem, point: CriticalPoint) -> Saddle | str:
    """Return a stationary point as the recursion sees it, or why that can't be said."""
    n = problem.dimension
    if not isinstance(problem, TwiceDifferentiable):
        return "the problem has no Hessian-vector products"
    if n > _LARGEST:
        return f"the Hessian of {n:,} coordinates is too large to be taken apart (500 at most)"
    hessian = np.array([problem.hvp(point.point, unit) for unit in np.eye(n)])
    curvatures, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    noise = _isotropic(problem, point.point)
    known = noise is not None
    if noise is None:
        noise = _sampled(problem, point.point, vectors)
    exact = known and problem.constants().hessian_lipschitz == 0
    return Saddle(curvatures, noise, vectors.T @ (problem.start() - point.point), exact)


def _isotropic(problem: Problem, x: Vector) -> Vector | None:
    """Return the noise along each direction if it is what a sample is, added; else None."""
    n = problem.dimension
    if problem.words == 0:
        return np.zeros(n)
    if not (isinstance(problem, GaussianSamples) and problem.words == n):
        return None
    batch = Sampler(problem, seed=0, batch_size=1).batch(0, 0)
    gradient, exact = np.empty(n), np.empty(n)
    problem.gradient(x, batch, gradient)
    problem.full_gradient(x, exact)
    if not np.allclose(gradient - exact, batch[0], rtol=1e-9, atol=1e-12 * problem.deviation):
        return None
    return np.full(n, problem.deviation)


def _sampled(problem: Problem, x: Vector, vectors: Floats) -> Vector:
    """Return the noise along each eigenvector, of 4,096 gradients: to 1.1 %."""
    sampler, gradient = Sampler(problem, seed=0, batch_size=1), np.empty(problem.dimension)
    along = np.empty((_SAMPLES, problem.dimension))
    for i in range(_SAMPLES):
        problem.gradient(x, sampler.batch(0, i), gradient)
        along[i] = gradient @ vectors
    deviation: Vector = along.std(axis=0)
    return deviation


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
    """

    curvature_step: float
    noise: float
    radius: float
    law: EscapeLaw
    times: EscapeTimes
    delays: Delays
    exact: bool

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
        return "there is no noise along the unstable direction"
    return _foretold(linear, saddle, delays, radius)


class Recursion(NamedTuple):
    """x_{k+1} = x_k + a x_{k−τ} + s g along each eigenvector, the least curvature first; (n,).

    Attributes
    ----------
    slopes
        a = −γMλ.
    deviations
        s.
    """

    slopes: Vector
    deviations: Vector


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
    variance = samples * saddle.noise**2 + added.scale**2 / problem.dimension
    return Recursion(-rules.step * samples * saddle.curvatures, rules.step * np.sqrt(variance))


def _foretold(linear: Recursion, saddle: Saddle, delays: Delays, radius: float) -> Prediction | str:
    slopes, deviations = linear
    a, s, delay = float(slopes[0]), float(deviations[0]), delays.workers - 1
    start, others = float(saddle.start[0]), np.stack([slopes, deviations, saddle.start], axis=1)[1:]
    steepest = -float(slopes.min())
    if delays.constant and steepest >= stability_limit(delay):
        return f"a stable direction is unstable at delay {delay}: γλ = {steepest:.3g}"
    try:
        law = delays.law(a, s, radius)
        times = delays.times(a, s, radius, start=start, stable=others)
    except ValueError as error:
        return str(error)
    return Prediction(a, s, radius, law, times, delays, saddle.exact and delays.constant)
