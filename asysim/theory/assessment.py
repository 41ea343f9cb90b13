"""What both papers say of a scenario: its constants, its step, its workers, its methods' times."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from asysim.errors import unfit
from asysim.ground.arrays import Floats, Vector
from asysim.problems.base import Problem
from asysim.scenario import Scenario
from asysim.theory import estimates
from asysim.theory.complexity import Complexity, complexity
from asysim.theory.compute_times import ComputeTimes
from asysim.theory.consistent import Consistent
from asysim.theory.estimates import Columns, Estimate, Visited
from asysim.theory.lock_free import LockFree
from asysim.theory.verdict import Theorem, Verdict, judge, not_in_theorem
from asysim.updates.base import Given, StepRule
from asysim.updates.theorem import TheoremStep, theorem_step

_MOST_POINTS = 32
_DECADES = 5  # accuracies that complexities are told for
_MOST_SAMPLES = 1_000_000
MOST_STEPS = 10_000_000
"""That are summed one by one, where they vary."""
LEAST_TOLERANCE = 1e-12
"""Of an eigenvalue, relative: rounding alone makes some 1e-15 for each coordinate."""


class Seen(NamedTuple):
    """What a run shows of itself.

    Attributes
    ----------
    updates
        K, that it made.
    staleness
        The largest τ of it.
    points
        x_1 and other points of it.
    least
        The least loss of its curve.
    """

    updates: int
    staleness: int
    points: Sequence[Vector]
    least: float


class Staleness(NamedTuple):
    """T, and where it is from."""

    bound: int
    words: str


@dataclass(frozen=True)
class Assessment:
    """What is known, and what follows.

    Attributes
    ----------
    scenario, dimension
        What it is of, and n.
    constants
        Δ, L, L_max, L_T, ρ and σ², by these symbols.
    updates, staleness
        K, and T.
    step
        γ, or γ_k, shape (K,); None where it can't be had.
    start_norm2
        ‖∇f(x_1)‖².
    theorem
        That of the scenario's algorithm with its constants; None if one can't be had.
    verdict
        On the scenario's step.
    times
        Of computing a gradient.
    """

    scenario: Scenario
    dimension: int
    constants: Mapping[str, Estimate]
    updates: int
    staleness: Staleness
    step: float | Floats | None
    start_norm2: float
    theorem: Theorem | None
    verdict: Verdict
    times: ComputeTimes

    @property
    def batch_size(self) -> int:
        """M."""
        return self.scenario.algorithm.batch_size

    @property
    def largest_staleness(self) -> tuple[int | None, int | None, int | None]:
        """The largest T with linear speedup: as reckoned, and with all constants at either end.

        −1 where not even T = 0 will do; None where constants allow no number.
        """
        ends = (self.theorem, self._at_the_end(worst=True), self._at_the_end(worst=False))
        value, low, high = (None if end is None else _reckoned(end, self.updates) for end in ends)
        return value, low, high

    @property
    def corollary_step(self) -> tuple[float, float] | None:
        """The corollary's γ for K, and its bound; None if there is none."""
        found = self.theorem
        if found is None or found.gap == 0 or found.variance == 0:
            return None
        if isinstance(found, Consistent):
            corollary = found.corollary(self.updates)
            return corollary.step, corollary.bound
        return found.corollary_step(self.updates), found.corollary_bound(self.updates)

    def complexities(self) -> list[Complexity]:
        """Return what methods take to accuracies below ‖∇f(x_1)‖², a decade apart.

        Nothing if a constant is missing or 0, or a mean time is 0 or infinite.
        """
        gap, smooth, noise = (self.constants[symbol].value for symbol in ("Δ", "L", "σ²"))
        known = gap and smooth and noise is not None
        if not (known and self.start_norm2 > 0 and self.times.all_known):
            return []
        assert gap is not None
        assert smooth is not None
        assert noise is not None
        top = 10.0 ** np.floor(np.log10(self.start_norm2))
        return [
            complexity(
                self.times.means, smoothness=smooth, gap=gap, variance=noise / self.batch_size,
                accuracy=float(top / 10**decade), round_time=self.times.round_time,
            )
            for decade in range(_DECADES)
        ]  # fmt: skip

    def bounds(self, at: Sequence[int]) -> Floats:
        """Return the theorem's bound over the first k updates for each of some k ≥ 1.

        Raises
        ------
        ValueError
            If there is no theorem that holds.
        """
        if self.theorem is None or self.step is None or self.verdict.bound is None:
            raise ValueError("needs a theorem whose condition is met")
        if isinstance(self.step, np.ndarray):
            found: Floats = self.theorem.bounds(self.step)[np.asarray(at) - 1]
            return found
        return np.array([self.theorem.bound(self.step, k) for k in at])

    def _at_the_end(self, *, worst: bool) -> Theorem | None:
        if self.theorem is None:
            return None

        def end(symbol: str, *, large: bool) -> float:
            return self.constants[symbol].high if large else self.constants[symbol].low

        changes = {"gap": end("Δ", large=worst), "variance": end("σ²", large=not worst)}
        if isinstance(self.theorem, Consistent):
            changes["smoothness"] = end("L", large=worst)
        else:
            changes["coordinate_smoothness"] = end("L_max", large=worst)
            changes["delay_smoothness"] = end("L_T", large=worst)
        try:
            return replace(self.theorem, **changes)  # type: ignore[arg-type]
        except ValueError:  # an end that is 0 or infinite
            return None


@np.errstate(all="ignore")  # where a run diverged there is infinity, of which is said what it is
def assess(
    scenario: Scenario,
    problem: Problem,
    *,
    seen: Seen | None = None,
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
    few = problem.dimension > estimates.LARGE
    points = (2 if few else 3) if points is None else points
    _check(points, samples, tolerance)
    seed = scenario.seed
    updates = scenario.run.updates if seen is None else seen.updates
    if updates is None:
        raise unfit("run.updates", "nothing", "K, the length of the run, for theory is of that")
    if updates == 0:
        raise unfit("the run", "no update", "a run that made some")
    if seen is None:
        visited = estimates.descent(problem, points=points, seed=seed, tolerance=tolerance)
    else:
        chosen, words = list(seen.points), "x_1, the ergodic and the last x of the run"
        if few:
            chosen, words = [chosen[0], chosen[-1]], "x_1 and the last x of the run"
        visited = Visited(chosen, words, seen.least)
    late = _staleness(scenario, seen)
    constants = _constants(
        scenario, problem, visited, seed=seed, samples=samples, tolerance=tolerance
    )
    gradient = np.empty(problem.dimension)
    problem.full_gradient(visited.points[0], gradient)
    start_norm2 = float(gradient @ gradient)
    theorem = _theorem(scenario, problem.dimension, constants, late.bound, recalled=recalled)
    step = _step(scenario, problem, updates, constants)
    return Assessment(
        scenario=scenario, dimension=problem.dimension, constants=constants, updates=updates,
        staleness=late, step=step, start_norm2=start_norm2, theorem=theorem,
        verdict=_verdict(scenario, theorem, step, updates, start_norm2, constants),
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


def _staleness(scenario: Scenario, seen: Seen | None) -> Staleness:
    rule, algorithm = scenario.played, scenario.algorithm
    enforced = algorithm.staleness_bound
    if enforced is None:
        enforced = (rule.plain() or {}).get("bound")
    if enforced is not None:
        return Staleness(enforced, "enforced")
    if rule.is_fresh:
        return Staleness(0, "every gradient is of the current x")
    if seen is not None:
        return Staleness(seen.staleness, "the largest of the run, for nothing enforces a T")
    late = scenario.workers.count - 1
    return Staleness(late, (
        "p − 1, for nothing enforces a T: what equal workers have that take turns; where times are "
        "random, it is the mean"
    ))  # fmt: skip


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
    rule = step.rule(given)
    if isinstance(rule, int | float):
        return float(rule)
    if updates > MOST_STEPS:
        return None
    return np.array([rule.at(k) for k in range(updates)], dtype=np.float64)


def _verdict(
    scenario: Scenario, theorem: Theorem | None, step: float | Floats | None, updates: int,
    start_norm2: float, constants: Mapping[str, Estimate],
) -> Verdict:  # fmt: skip
    if besides := not_in_theorem(scenario):
        return Verdict.silent(f"The theorem's update has no {' and no '.join(besides)}.")
    if theorem is None:
        needed: tuple[str, ...] = ("Δ", "L", "σ²")
        if scenario.algorithm.name == "asysg-incon":
            needed += ("L_max", "L_T")
        lacking = [symbol for symbol in needed if constants[symbol].value is None]
        told = " or ".join(lacking) or "L"
        return Verdict.silent(f"It needs {told}, which {'is not known' if lacking else 'is 0'}.")
    if step is None:
        if isinstance(scenario.algorithm.step, TheoremStep):
            return Verdict.silent("There is no such step: Δ, L or σ² is unknown, or almost 0.")
        return Verdict.silent(f"Steps that vary are summed for at most {MOST_STEPS:,} updates.")
    return judge(theorem, step, updates, start_norm2)


def _reckoned(theorem: Theorem, updates: int) -> int | None:
    """Return the largest T with linear speedup, −1 if not even T = 0; None: can't be reckoned."""
    try:
        found = theorem.largest_staleness(updates)
    except (ValueError, OverflowError):
        return None
    return -1 if found is None else found
