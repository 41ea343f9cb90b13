"""When a run arrives: at what the theorem bounds, and at a second-order stationary point."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from asysim.errors import unfit
from asysim.problems.base import Problem, TwiceDifferentiable
from asysim.replay import State
from asysim.replay.curve import Curve, Point
from asysim.replay.least_curvature import WITH_HVP, LeastCurvature, least_curvature
from asysim.runs.outcome import INTERRUPTED
from asysim.runs.replayed import compute
from asysim.scenario import Scenario


@dataclass(frozen=True)
class Arrival:
    """Updates that a run needed.

    Attributes
    ----------
    first
        Until the mean of ‖∇f(x_k)‖² over its evaluations so far was at most ε², which is what the
        convergence theorems bound; between two evaluations, on a straight line. Infinite if it
        never was.
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

    def __init__(self, problem: TwiceDifferentiable, bound: float, seed: int) -> None:
        self.problem, self.bound, self.seed = problem, bound, seed
        self.least = -math.sqrt(math.sqrt(bound))
        self.first = self.second = math.inf
        self._known: LeastCurvature | None = None
        self._looks = 0

    def __call__(self, curve: Curve, state: State) -> bool:
        point = curve.points[-1]
        if self.first == math.inf and point.mean_gradient_norm2 <= self.bound:
            self.first = _crossed(curve.points, self.bound)
        if self.second == math.inf and point.gradient_norm2 <= self.bound and self._is_floor(state):
            self.second = float(point.update)
        return math.isfinite(self.first) and math.isfinite(self.second)

    def _is_floor(self, state: State) -> bool:
        self._known = least_curvature(
            self.problem, state.x, known=self._known, seed=self.seed, index=self._looks
        )
        self._looks += 1
        return self._known.value >= self.least


def _crossed(points: list[Point], bound: float) -> float:
    """Return where the line between the last two running means meets the bound."""
    last = points[-1]
    if len(points) == 1:
        return float(last.update)
    before = points[-2]
    fall = before.mean_gradient_norm2 - last.mean_gradient_norm2
    part = (before.mean_gradient_norm2 - bound) / fall if fall > 0 else 1.0
    return before.update + min(max(part, 0.0), 1.0) * (last.update - before.update)


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
        raise unfit("problem.kind", f'"{scenario.problem.kind}", which has none', WITH_HVP)
    looking = _Looking(problem, bound, scenario.seed)
    with np.errstate(all="ignore"):
        outcome = compute(scenario, problem=problem, stop=looking)
    if outcome.status == INTERRUPTED:
        return None
    return Arrival(looking.first, looking.second, outcome.status)
