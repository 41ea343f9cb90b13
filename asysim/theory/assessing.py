"""How a scenario, or a run of it, is assessed: constants, theorem, step and verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from asysim.errors import unfit
from asysim.ground.arrays import Floats
from asysim.problems.base import Problem
from asysim.scenario import Scenario
from asysim.theory import estimates
from asysim.theory.assessment import Assessment, RunFacts, symbols_of
from asysim.theory.compute_times import ComputeTimes
from asysim.theory.consistent import Consistent
from asysim.theory.estimates import Columns, Estimate
from asysim.theory.hessian import LARGE
from asysim.theory.lock_free import LockFree
from asysim.theory.reservations import doubts, outside_of
from asysim.theory.staleness_bound import Staleness, staleness_of
from asysim.theory.verdict import (
    MET,
    MET_IF,
    NOT_MET,
    VACUOUS,
    Theorem,
    Verdict,
    judge,
    not_in_theorem,
)
from asysim.theory.visited import Visited, descent
from asysim.updates.asked import made_step, steps_at
from asysim.updates.base import Given, StepRule
from asysim.updates.theorem import TheoremStep, theorem_step

_MOST_POINTS = 32
_MOST_SAMPLES = 1_000_000
MOST_STEPS = 10_000_000
"""That are summed one by one, where they vary."""
LEAST_TOLERANCE = 1e-12
"""Of an eigenvalue, relative: rounding alone makes some 1e-15 for each coordinate."""


@np.errstate(all="ignore")  # where a run diverged there is infinity, of which is said what it is
def assess(
    scenario: Scenario,
    problem: Problem,
    *,
    seen: RunFacts | None = None,
    points: int | None = None,
    samples: int = 256,
    tolerance: float = 1e-4,
    recalled: bool = False,
) -> Assessment:
    """Say what both papers' theory comes to for a scenario, or for a run of it.

    Parameters
    ----------
    scenario, problem
        The problem is the scenario's; what it knows of itself is not estimated.
    seen
        What a run showed; None: a short plain descent shows some points.
    points
        How many of them are looked at, where there is no run; None: 3, or 2 of a very long x.
    samples
        Gradients at each, for σ².
    tolerance
        Of the largest curvature, relative.
    recalled
        Whether Theorem 3 has its constants as recalled, not as derived.

    Raises
    ------
    InputError
        If K is not known, or an option is out of range.
    """
    few = problem.dimension > LARGE
    points = (2 if few else 3) if points is None else points
    _check(points, samples, tolerance)
    seed = scenario.seed
    updates = scenario.run.updates if seen is None else seen.updates
    if updates is None:
        raise unfit("run.updates", "nothing", "K, the length of the run, for theory is of that")
    if updates == 0:
        raise unfit("the run", "no update", "a run that made some")
    if seen is None:
        visited = descent(problem, points=points, seed=seed, tolerance=tolerance)
    else:
        chosen, words = list(seen.points), "x_1, the ergodic and the last x of the run"
        if few:
            chosen, words = [chosen[0], chosen[-1]], "x_1 and the last x of the run"
        visited = Visited(chosen, words, seen.least)
    late = staleness_of(
        scenario, problem.dimension, updates, largest=None if seen is None else seen.staleness
    )
    constants = _constants(
        scenario, problem, visited, seed=seed, samples=samples, tolerance=tolerance
    )
    gradient = np.empty(problem.dimension)
    problem.full_gradient(visited.points[0], gradient)
    start_norm2 = float(gradient @ gradient)
    theorem = _theorem(scenario, problem.dimension, constants, late.bound, recalled=recalled)
    step = _step(scenario, problem, updates, constants)
    outside = "" if seen is None else outside_of(scenario, problem, seen, constants)
    verdict = _verdict(scenario, theorem, step, updates, start_norm2, constants, late)
    if outside and verdict.word != NOT_MET and not not_in_theorem(scenario):
        verdict = Verdict.silent(outside)
    elif verdict.word in (MET, MET_IF, VACUOUS):
        verdict = verdict.but(*doubts(scenario, problem, constants))
    return Assessment(
        scenario=scenario, dimension=problem.dimension, constants=constants, updates=updates,
        staleness=late, step=step, start_norm2=start_norm2, theorem=theorem, verdict=verdict,
        outside=outside,
        times=ComputeTimes.of(scenario, problem.dimension),
    )  # fmt: skip


def _check(points: int, samples: int, tolerance: float) -> None:
    if not 1 <= points <= _MOST_POINTS:
        raise unfit("--points", str(points), f"from 1 to {_MOST_POINTS}", "command line")
    if not 2 <= samples <= _MOST_SAMPLES:
        raise unfit("--samples", str(samples), f"from 2 to {_MOST_SAMPLES:,}", "command line")
    if not LEAST_TOLERANCE <= tolerance < 1:
        wanted = f"below 1 and at least {LEAST_TOLERANCE:g}, which is what 64-bit numbers give"
        raise unfit("--tolerance", f"{tolerance:g}", wanted, "command line")


def _constants(
    scenario: Scenario, problem: Problem, visited: Visited, *, seed: int, samples: int,
    tolerance: float,
) -> dict[str, Estimate]:  # fmt: skip
    step = scenario.algorithm.step
    given: dict[str, float | None] = {}
    if isinstance(step, TheoremStep):
        given = {"Δ": step.gap, "L": step.smoothness, "σ²": step.variance}

    def told(symbol: str, estimate: Callable[[], Estimate]) -> Estimate:
        value = given.get(symbol)
        if value is None:
            return estimate()
        return Estimate(symbol, value, value, value, "assumed", "algorithm.step says so")

    smooth = told(
        "L", lambda: estimates.lipschitz(problem, visited, seed=seed, tolerance=tolerance)
    )
    columns = Columns.of(problem, visited, seed=seed)
    found = [
        told("Δ", lambda: estimates.gap(problem, visited)),
        smooth,
        estimates.coordinate_lipschitz(problem, columns, smooth),
        estimates.delay_lipschitz(columns, smooth),
        estimates.hessian_lipschitz(problem, visited, seed=seed),
        told("σ²", lambda: estimates.variance(problem, visited, seed=seed, samples=samples)),
    ]
    return {one.symbol: one.checked() for one in found}


def _theorem(
    scenario: Scenario, dimension: int, constants: Mapping[str, Estimate], late: int, *,
    recalled: bool,
) -> Theorem | None:  # fmt: skip
    value = {symbol: one.value for symbol, one in constants.items()}
    gap, smooth, noise = value["Δ"], value["L"], value["σ²"]
    batch_size = scenario.algorithm.batch_size
    if gap is None or smooth is None or noise is None or smooth == 0:
        return None
    gap = max(gap, 0.0)  # rounding, at a minimum
    if scenario.algorithm.name == "asysg-con":
        return Consistent(
            gap=gap, smoothness=smooth, variance=noise, batch_size=batch_size, staleness_bound=late
        )
    single, delayed = value["L_max"], value["L_T"]
    if not single or not delayed:
        return None
    return LockFree(
        gap=gap, coordinate_smoothness=single, delay_smoothness=delayed, variance=noise,
        batch_size=batch_size, dimension=dimension, staleness_bound=late, recalled=recalled,
    )  # fmt: skip


def _step(
    scenario: Scenario, problem: Problem, updates: int, constants: Mapping[str, Estimate]
) -> float | Floats | None:
    """Return γ or γ_k; None where it can't be had, or where there are too many."""
    step = scenario.algorithm.step
    if isinstance(step, TheoremStep):
        gap, smooth, noise = (constants[symbol].value for symbol in ("Δ", "L", "σ²"))
        if not (gap and smooth and noise):
            return None
        found = theorem_step(
            gap=gap, smoothness=smooth, variance=noise, batch_size=scenario.algorithm.batch_size,
            updates=scenario.run.updates or updates,
        )  # fmt: skip
        return found if 0 < found < math.inf else None
    if not isinstance(step, StepRule):
        return step
    given = Given(
        problem, workers=scenario.workers.count, batch_size=scenario.algorithm.batch_size,
        updates=scenario.run.updates,
    )  # fmt: skip
    rule = made_step(step, given)
    if isinstance(rule, int | float):
        return float(rule)
    if updates > MOST_STEPS:
        return None
    return steps_at(rule, range(updates))


def _verdict(
    scenario: Scenario, theorem: Theorem | None, step: float | Floats | None, updates: int,
    start_norm2: float, constants: Mapping[str, Estimate], late: Staleness,
) -> Verdict:  # fmt: skip
    if besides := not_in_theorem(scenario):
        return Verdict.silent(f"The theorem's update has no {' and no '.join(besides)}.")
    if theorem is None:
        needed = dict.fromkeys(("Δ", "L", "σ²", *symbols_of(scenario)))
        lacking = [symbol for symbol in needed if constants[symbol].value is None]
        told = " or ".join(lacking) or "L"
        return Verdict.silent(f"It needs {told}, which {'is not known' if lacking else 'is 0'}.")
    if step is None:
        if isinstance(scenario.algorithm.step, TheoremStep):
            return Verdict.silent("There is no such step: Δ, L or σ² is unknown, or almost 0.")
        return Verdict.silent(f"Steps that vary are summed for at most {MOST_STEPS:,} updates.")
    return judge(theorem, step, updates, start_norm2, is_proven=late.is_proven)
