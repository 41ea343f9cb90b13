"""Estimated constants of a problem against known ones."""

import math
from dataclasses import replace

import numpy as np
import pytest

from asysim.problems import LeastSquares, Logistic, Quadratic
from asysim.problems.base import Constants
from asysim.problems.data import classification
from asysim.theory import estimates
from asysim.theory.estimates import Columns
from asysim.theory.hessian import spectral_norm
from asysim.theory.visited import Visited, descent
from tests.problems import perceptron, random


class Unknowing:
    """A problem that says nothing of its constants; perhaps nothing of its second derivatives."""

    def __init__(self, problem, *, hvp=True):
        self._problem = problem
        if hvp:
            self.hvp = problem.hvp

    def __getattr__(self, name):
        if name == "hvp":
            raise AttributeError(name)
        return getattr(self._problem, name)

    def constants(self):
        return Constants()


def least_squares(samples=200, features=60):
    drawn = random(3)
    rows = drawn.standard_normal((samples, features)) * drawn.uniform(0.1, 2, features)
    return LeastSquares(rows, drawn.standard_normal(samples), l2=0.01)


def at(problem, *points):
    return Visited([problem.start(), *points], "some points")


@pytest.mark.parametrize("hvp", [True, False])
@pytest.mark.parametrize(
    "problem",
    [
        Quadratic(np.linspace(-3, 2, 20), noise=0.5),
        Quadratic(np.linspace(0.01, 2, 100), noise=0.5),
        least_squares(),
    ],
    ids=["dense", "Lanczos", "least squares"],
)
def test_lipschitz_where_the_hessian_is_the_same_everywhere(problem, hvp):
    known = problem.constants().lipschitz
    blind = Unknowing(problem, hvp=hvp)
    found = estimates.lipschitz(blind, at(problem), seed=1, tolerance=1e-8)
    # Differences of gradients are good to about a cube root of the rounding squared.
    assert found.value == pytest.approx(known, rel=1e-8 if hvp else 1e-6)
    assert (found.low, found.high, found.origin) == (found.value, math.inf, "estimated")
    assert ("as there is no hvp" in found.how) == (not hvp)
    told = estimates.lipschitz(problem, at(problem), seed=1, tolerance=1e-8)
    assert (told.value, told.low, told.high, told.origin) == (known, known, known, "known")


def test_lipschitz_of_logistic_regression_is_no_less_than_what_is_met():
    problem = logistic()
    visited = descent(Unknowing(problem), points=4, seed=1)
    assert len(visited.points) == 4
    found = estimates.lipschitz(Unknowing(problem), visited, seed=1, tolerance=1e-8)
    # At x = 0 every chance is a half, and the curvature the bound itself.
    assert found.value == pytest.approx(problem.constants().lipschitz)
    assert found.value <= problem.constants().lipschitz * (1 + 1e-12)


def logistic():
    data = classification(features=6, samples=80, density=1.0, signal=3.0, seed=1)
    return Logistic(data.features, data.targets, l2=0.05)


@pytest.mark.parametrize(
    "problem",
    [Quadratic([1.0, -2.0, 0.3], noise=1.0), least_squares(), logistic()],
    ids=lambda problem: type(problem).__name__,
)
def test_what_is_met_is_no_more_than_what_is_known(problem):
    known, blind = problem.constants(), Unknowing(problem)
    drawn = random(7)
    far = [scale * drawn.standard_normal(problem.dimension) for scale in (0.1, 1, 10)]
    visited = at(problem, *far)
    whole = estimates.lipschitz(blind, visited, seed=1, tolerance=1e-8)
    single = estimates.coordinate_lipschitz(blind, Columns.of(blind, visited, seed=1), whole)
    curving = estimates.hessian_lipschitz(blind, visited, seed=1)
    for found, bound in (
        (whole, known.lipschitz),
        (single, known.coordinate_lipschitz),
        (curving, known.hessian_lipschitz),
    ):
        assert found.value <= bound * (1 + 1e-9) + 1e-9, found.symbol
    assert curving.value >= 0.02 * known.hessian_lipschitz, "and not out of all proportion"


def test_spectral_norm_of_what_lanczos_can_not_begin_with():
    assert spectral_norm(np.zeros_like, np.ones(100)) == 0
    diagonal = np.r_[np.zeros(99), 7.0]
    assert spectral_norm(lambda v: diagonal * v, np.ones(100)) == pytest.approx(7)
    assert spectral_norm(lambda v: -3 * v, np.ones(100)) == pytest.approx(3)


def test_variance_against_the_known_one():
    """95 % intervals hold it in 95 of 100, within 4 standard deviations: false alarms 1e-4."""
    problem = Quadratic(np.linspace(0.1, 1, 7), noise=1.3)
    held = 0
    for seed in range(100):
        found = estimates.variance(Unknowing(problem), at(problem), seed=seed, samples=200)
        held += found.low <= 1.3**2 <= found.high
    assert 86 <= held <= 100
    assert found.origin == "estimated"
    assert estimates.variance(problem, at(problem), seed=1, samples=2).value == 1.3**2


def test_variance_of_least_squares_at_a_point():
    """Against the sum over all rows; 5 standard deviations: false alarms 1e-6."""
    problem = least_squares()
    x = random(5).standard_normal(problem.dimension)
    gradients, exact = np.empty((problem.samples, problem.dimension)), np.empty(problem.dimension)
    problem.full_gradient(x, exact)
    for i, out in enumerate(gradients):
        problem.gradient(x, np.array([i]), out)
    known = float(((gradients - exact) ** 2).sum(axis=1).mean())
    found = estimates.variance(problem, Visited([x], "x"), seed=1, samples=1000)
    assert abs(found.value - known) <= 5 / 1.96 * (found.high - found.value)


def test_the_largest_of_several_points_counts():
    problem = least_squares()
    far = 100 * np.ones(problem.dimension)
    near = estimates.variance(problem, at(problem), seed=1, samples=100)
    both = estimates.variance(problem, at(problem, far), seed=1, samples=100)
    assert both.value > 10 * near.value


def test_without_samples_there_is_no_variance():
    problem = Unknowing(Quadratic([1.0, 2.0]))
    assert estimates.variance(problem, at(problem), seed=1, samples=9).value == 0


def test_gap():
    problem = Quadratic([1.0, 2.0], noise=1.0, start=2.0)
    told = estimates.gap(problem, at(problem))
    assert (told.value, told.origin) == (6.0, "known")
    seen = estimates.gap(Unknowing(problem), at(problem, np.ones(2)))
    assert (seen.value, seen.low, seen.high) == (4.5, 4.5, math.inf)
    lower = replace(at(problem, np.ones(2)), least=0.25)
    assert estimates.gap(Unknowing(problem), lower).value == 5.75


def test_columns_of_a_hessian():
    problem = least_squares()
    visited = at(problem)
    hessian = np.stack([problem.hvp(problem.start(), unit) for unit in np.eye(problem.dimension)])
    columns = Columns.of(Unknowing(problem), visited, seed=1)
    assert columns.entry == pytest.approx(np.diag(hessian).max())
    assert columns.length == pytest.approx(np.linalg.norm(hessian, axis=0).max())
    whole = estimates.lipschitz(Unknowing(problem), visited, seed=1, tolerance=1e-8)
    delay = estimates.delay_lipschitz(columns, whole)
    single = estimates.coordinate_lipschitz(Unknowing(problem), columns, whole)
    assert single.value == pytest.approx(problem.constants().coordinate_lipschitz)
    # What the names stand for: L_max ≤ L_1 ≤ L_T ≤ L.
    assert single.value <= delay.low <= delay.value == whole.value
    many = Columns.of(Quadratic(np.linspace(0, 1, 1000)), Visited([np.zeros(1000)], "0"), seed=1)
    assert "16 of 1,000" in many.words
    assert many.entry == many.length <= 1
    assert columns.are_all
    assert not many.are_all
    some = estimates.coordinate_lipschitz(Unknowing(problem), many, whole)
    assert some.value == whole.value, "where few were looked at, L stands in"


def test_of_a_diagonal_hessian_the_delay_changes_nothing():
    problem = Quadratic([1.0, -3.0, 2.0])
    columns = Columns.of(problem, at(problem), seed=1)
    whole = estimates.lipschitz(problem, at(problem), seed=1, tolerance=1e-8)
    found = estimates.delay_lipschitz(columns, whole)
    assert (found.value, found.low, found.high, found.origin) == (3.0, 3.0, 3.0, "known")


class Cubes:
    """f = Σ x_i³/6, whose Hessian is diag(x): ρ = 1."""

    words, dimension = 0, 5

    def start(self):
        return np.linspace(-1, 1, 5)

    def value(self, x):
        return float((x**3).sum() / 6)

    def full_gradient(self, x, out):
        out[:] = x**2 / 2
        return self.value(x)

    def hvp(self, x, direction):
        return x * direction

    def constants(self):
        return Constants()


def test_hessian_lipschitz():
    problem = Cubes()
    found = estimates.hessian_lipschitz(problem, at(problem, np.array([1.0, 0, 0, 0, 0])), seed=1)
    assert 0.5 < found.value <= 1 + 1e-9, "a lower bound, and not a bad one"
    assert found.high == math.inf
    same = estimates.hessian_lipschitz(
        Unknowing(Quadratic([1.0, 2.0])), at(Quadratic([1.0, 2.0])), seed=1
    )
    assert same.value == pytest.approx(0, abs=1e-9)
    none = estimates.hessian_lipschitz(Unknowing(perceptron(), hvp=False), at(perceptron()), seed=1)
    assert none.value is None
    assert "Hessian-vector products" in none.how


def test_descent_goes_down_and_stops_where_it_must():
    problem = perceptron()
    visited = descent(problem, points=3, seed=1)
    losses = [problem.value(x) for x in visited.points]
    assert losses[0] > losses[-1]
    assert visited.least == min(losses)
    resting = Quadratic([1.0, 2.0], start=0.0)
    assert len(descent(resting, points=3, seed=1).points) == 1
    alone = descent(problem, points=1, seed=1)
    assert (len(alone.points), alone.words) == (1, "x_1")


def test_estimates_have_names_for_their_randomness():
    problem = least_squares()
    one, two = (estimates.variance(problem, at(problem), seed=s, samples=50) for s in (1, 2))
    assert one == estimates.variance(problem, at(problem), seed=1, samples=50)
    assert one.value != two.value
