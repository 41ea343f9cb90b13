"""What a run's curve tells of second derivatives: the least curvature, and how near saddles are.

Both are probes. Where x is second-order stationary, which saddles a run passed, and when, is read
off their columns: `asysim.replay.passages`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from asysim.errors import unfit
from asysim.problems.base import (
    CriticalPoint,
    DivisibleProblem,
    Problem,
    TwiceDifferentiable,
)
from asysim.problems.own import named, points_known_of
from asysim.random.streams import Purpose, generator
from asysim.replay.curve import COLUMNS
from asysim.replay.least_curvature import WITH_HVP, LeastCurvature, least_curvature
from asysim.replay.probe import At, Probe, check_probes
from asysim.scenario import Scenario
from asysim.scenario.second_order import SecondOrder

CURVATURE = ("least_curvature", "curvature_residual", "negative_component")
SADDLES = ("saddle", "saddle_distance")

_FEWEST, _MOST = 64, 1024  # terms, unless the scenario says how many
_SHARE = 0.1  # of the run's own gradients, that looking at Hessians may cost
_PRODUCTS = 40  # about how many a look takes
_DEARER = 3.0  # gradients, that a product costs
_BESIDES = 10_000  # gradients of one sample, that a look costs besides
_SELDOM, _OFTEN = 3, 10  # looks in a run at least; evaluations for one look at least
_PRODUCT, _DISTANCE = 20, 60  # gradients of one sample, that a product, a distance cost at least
_PASSING, _DISTANCES = 100, 800  # evaluations held against saddles at least, but for too many
_PRECISION = 1e-3  # of λ_min, relative to ‖∇²f‖: its error is of second order in the residual


class LeastCurvatureProbe:
    """λ_min of ∇²f(x), its Ritz residual, and how far x is along its eigenvector v.

    The last is |⟨∇f(x), v⟩ / λ_min|. Near a stationary point s, ∇f(x) ≈ ∇²f·(x − s), and this is
    |⟨x − s, v⟩|, whichever s it is: the component along the negative curvature where λ_min < 0.

    Parameters
    ----------
    problem
        With Hessian-vector products; f, or the mean of some of its terms.
    every
        Of how many evaluations it takes part in one.
    seed
        Names the random part of where the search for λ_min begins.
    """

    names = CURVATURE

    def __init__(self, problem: TwiceDifferentiable, *, every: int, seed: int) -> None:
        self.problem, self.every, self.seed = problem, every, seed
        self._known: LeastCurvature | None = None
        self._looks = 0

    def measure(self, at: At) -> tuple[float, ...]:
        found = least_curvature(
            self.problem, at.x, known=self._known, precision=_PRECISION, seed=self.seed,
            index=self._looks,
        )  # fmt: skip
        self._known, self._looks = found, self._looks + 1
        along = abs(float(np.dot(at.gradient, found.vector)))
        component = along / abs(found.value) if found.value else math.nan
        return found.value, found.residual, component

    def memory(self) -> dict[str, NDArray[Any]]:
        """Return where the search begins the next time."""
        found = {"looks": np.array([self._looks])}
        if self._known is not None:
            found |= {"vector": self._known.vector, "norm": np.array([self._known.norm])}
        return found

    def recall(self, memory: Mapping[str, NDArray[Any]]) -> None:
        """Begin there."""
        self._looks, self._known = int(memory["looks"][0]), None
        if "vector" in memory:
            norm = float(memory["norm"][0])
            self._known = LeastCurvature(math.nan, math.nan, memory["vector"], 0, norm)

    def __deepcopy__(self, memo: dict[int, Any]) -> LeastCurvatureProbe:
        """Return another with the same memory: the problem, with all its data, is shared."""
        other = LeastCurvatureProbe(self.problem, every=self.every, seed=self.seed)
        other.recall(self.memory())
        return other


class SaddleProbe:
    """Which of the known saddles is nearest, by its place among them, and how far away it is.

    Parameters
    ----------
    saddles
        At least one.
    every
        Of how many evaluations it takes part in one.
    """

    names = SADDLES

    def __init__(self, saddles: Sequence[CriticalPoint], *, every: int = 1) -> None:
        self.saddles, self.every = tuple(saddles), every

    def __deepcopy__(self, memo: dict[int, Any]) -> SaddleProbe:
        """Return itself, which remembers nothing."""
        return self

    def measure(self, at: At) -> tuple[float, ...]:
        distances = [saddle.distance(at.x) for saddle in self.saddles]
        nearest = int(np.argmin(distances))
        return float(nearest), distances[nearest]


class Neighbourhoods(NamedTuple):
    """Saddles that are known, and how near counts as near; radius None: nothing says."""

    saddles: tuple[CriticalPoint, ...]
    radius: float | None


def neighbourhoods(problem: Problem, settings: SecondOrder) -> Neighbourhoods:
    """Return what a problem knows of its saddles, and the radius, said or by default."""
    known = points_known_of(problem, problem.dimension)
    radius = settings.radius
    if radius is None:
        apart = [a.distance(b.point) for a in known for b in known if a is not b]
        radius = min(apart) / 4 if apart and min(apart) > 0 else None
    return Neighbourhoods(tuple(point for point in known if point.is_saddle), radius)


def probes_of(scenario: Scenario, problem: Problem, own: Sequence[Probe] = ()) -> tuple[Probe, ...]:
    """Return the probes that a scenario asks for, and then a user's own.

    Raises
    ------
    InputError
        As `second_order_probes`; or if the columns of a probe can't stand in a curve.
    """
    ours = second_order_probes(scenario, problem)
    taken = {*COLUMNS, *(name for probe in ours for name in probe.names)}
    return (*ours, *check_probes(own, taken))


def second_order_probes(scenario: Scenario, problem: Problem) -> tuple[Probe, ...]:
    """Return the probes that a scenario asks for with `run.second_order`; none if it does not.

    Raises
    ------
    InputError
        If the problem has no Hessian-vector products, or is no finite sum and `samples` is given.
    """
    settings = scenario.run.second_order
    if settings is None:
        return ()
    if not isinstance(problem, TwiceDifferentiable):
        found = f"{named(problem, scenario.problem.kind)}, which has none"
        raise unfit("run.second_order", found, WITH_HVP)
    terms, looked_at = 1, cast("TwiceDifferentiable", problem)
    if isinstance(problem, DivisibleProblem):
        terms = min(settings.samples or _terms(scenario, problem), problem.samples)
        if terms < problem.samples:
            looked_at = sampled(problem, terms)
    elif settings.samples is not None:
        raise unfit(
            "run.second_order.samples",
            str(settings.samples),
            f"absent: {named(problem, scenario.problem.kind)} is no sum of terms to take some of",
        )
    every = settings.every or _cadence(scenario, problem, terms)
    probes: list[Probe] = [LeastCurvatureProbe(looked_at, every=every, seed=scenario.seed)]
    saddles = neighbourhoods(problem, settings).saddles
    if saddles:
        probes.append(SaddleProbe(saddles, every=_passing(scenario, problem, len(saddles))))
    return tuple(probes)


def sampled(problem: DivisibleProblem, terms: int) -> TwiceDifferentiable:
    """Return the mean of so many terms, the same ones whenever and for whatever run it is asked."""
    chosen = generator(0, Purpose.CURVATURE).choice(problem.samples, terms, replace=False)
    return problem.part(np.sort(chosen).astype(np.int64))


def _own_work(scenario: Scenario, samples: int) -> float:
    """Return how many gradients of one sample a run takes, evaluations of all samples included."""
    updates = scenario.run.updates
    if updates is None:
        return math.inf
    evaluations = max(1, updates // scenario.run.cadence)
    return float(updates) * scenario.algorithm.batch_size + float(evaluations) * samples


def _terms(scenario: Scenario, problem: DivisibleProblem) -> int:
    """Return of how many terms `_SELDOM` looks are in proportion to the run."""
    spare = _SHARE * _own_work(scenario, problem.samples) / (_SELDOM * _PRODUCTS * _DEARER)
    return int(min(max(_FEWEST, spare), _MOST))


def _cadence(scenario: Scenario, problem: Problem, terms: int) -> int:
    """Return of how many evaluations one looks at the Hessian."""
    updates = scenario.run.updates
    if updates is None:
        return _OFTEN
    n, evaluations = problem.dimension, max(1, updates // scenario.run.cadence)
    samples = problem.samples if isinstance(problem, DivisibleProblem) else 1
    look = max(_DEARER * terms, _PRODUCT) * min(n, _PRODUCTS) + _BESIDES
    spare = _SHARE * _own_work(scenario, samples) / look
    looks = min(max(_SELDOM, int(spare)), max(1, evaluations // _OFTEN))
    most = max(1, evaluations // looks)
    # With a divisor the last evaluation is one of those that look.
    near = (every for every in range(most, most // 2, -1) if evaluations % every == 0)
    return next(near, most)


def _passing(scenario: Scenario, problem: Problem, saddles: int) -> int:
    """Return of how many evaluations one is held against known saddles."""
    updates = scenario.run.updates
    if updates is None:
        return 1
    samples = problem.samples if isinstance(problem, DivisibleProblem) else 1
    spare = _SHARE / 2 * _own_work(scenario, samples) / (_DISTANCE * saddles)
    evaluations = max(1, updates // scenario.run.cadence)
    least = max(_PASSING // 5, min(_PASSING, _DISTANCES // saddles))
    return -(-evaluations // max(least, int(spare)))
