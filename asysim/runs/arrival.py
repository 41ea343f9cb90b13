"""When a run arrives: at what the theorem bounds, and at a second-order stationary point."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from asysim.errors import unfit
from asysim.problems.base import Problem, TwiceDifferentiable, curvature_of
from asysim.problems.own import named
from asysim.replay import State
from asysim.replay.curve import Curve, Point
from asysim.replay.least_curvature import WITH_HVP, LeastCurvature, least_curvature
from asysim.runs.outcome import INTERRUPTED
from asysim.runs.replayed import compute
from asysim.scenario import Scenario

_OCTAVE = 32  # evaluations whenever k doubles: arrivals are known to 3 %


@dataclass(frozen=True)
class Arrival:
    """Updates that a run needed.

    Attributes
    ----------
    first
        Until the mean of ‖∇f(x_k)‖² over all updates so far was at most ε², which is what the
        convergence theorems bound; on a straight line between evaluations, as ‖∇f‖² is taken to
        be. Infinite if it never was.
    second
        Until an evaluation found ‖∇f(x_k)‖ ≤ ε and λ_min ≥ −√ε; infinite if none did.
    status
        How the run ended.
    """

    first: float
    second: float
    status: str


class _Looking:
    """Looks at each evaluation until both have been seen."""

    def __init__(self, problem: Problem, bound: float, seed: int) -> None:
        self.problem, self.bound, self.seed = problem, bound, seed
        self.least = -math.sqrt(math.sqrt(bound))
        self.first = self.second = math.inf
        self._sum = 0.0  # of ‖∇f(x_k)‖² over the updates until the last evaluation
        self._mean = math.inf
        self._known: LeastCurvature | None = None
        self._looks = 0

    def __call__(self, curve: Curve, state: State) -> bool:
        point = curve.points[-1]
        if self.first == math.inf:
            self._look_at_mean(curve.points)
        if self.second == math.inf and point.gradient_norm2 <= self.bound and self._is_floor(state):
            self.second = float(point.update)
        return math.isfinite(self.first) and math.isfinite(self.second)

    def _look_at_mean(self, points: list[Point]) -> None:
        """Find where the line between the last two running means meets the bound."""
        last, mean, before = points[-1], points[-1].gradient_norm2, self._mean
        if len(points) > 1:
            made = last.update - points[-2].update
            self._sum += made * (points[-2].gradient_norm2 + last.gradient_norm2) / 2
            mean = self._sum / last.update
            if mean <= self.bound:
                self.first = last.update - made * (self.bound - mean) / (before - mean)
        elif mean <= self.bound:
            self.first = float(last.update)
        self._mean = mean

    def _is_floor(self, state: State) -> bool:
        low, high = curvature_of(self.problem, state.x)
        if low >= self.least or high < self.least:
            return low >= self.least
        self._known = least_curvature(
            self.problem, state.x, known=self._known, seed=self.seed, index=self._looks
        )
        self._looks += 1
        return self._known.value >= self.least


def arrival(scenario: Scenario, problem: Problem, bound: float) -> Arrival | None:
    """Simulate a run until it has arrived twice, or ends; None if somebody interrupts.

    Parameters
    ----------
    scenario
        Its length is the most updates that are made.
    problem
        With Hessian-vector products.
    bound
        ε².

    Raises
    ------
    InputError
        If there are none.
    """
    if not isinstance(problem, TwiceDifferentiable):
        found = f"{named(problem, scenario.problem.kind)}, which has none"
        raise unfit("problem", found, WITH_HVP)
    looking = _Looking(problem, bound, scenario.seed)
    with np.errstate(all="ignore"):
        outcome = compute(scenario, problem=problem, stop=looking, octave=_OCTAVE)
    if outcome.status == INTERRUPTED:
        return None
    return Arrival(looking.first, looking.second, outcome.status)
