"""Known stationary points, curvatures and constants, held against dense Hessians."""

from __future__ import annotations

import numpy as np
import pytest

from asysim.problems import Quadratic
from asysim.problems.base import MappedProblem, curvature_of
from asysim.problems.compiled import CompiledProblem
from tests.problems import random

PROBLEMS = {
    "saddle": lambda: Quadratic([1.0, 0.3, -0.5], noise=2.0, start=0.1),
    "valley": lambda: Quadratic([1.0, 0.0, 0.0, 2.0]),
}
each = pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS.keys())


def hessian(problem, x):
    """Return ∇²f(x) as a matrix, column by column."""
    return np.array([problem.hvp(x, axis) for axis in np.eye(problem.dimension)])


def full_gradient(problem, x):
    out = np.full(problem.dimension, np.nan)
    problem.full_gradient(x, out)
    return out


@each
def test_at_critical_points_the_gradient_is_0_and_the_least_curvature_is_as_told(make):
    problem = make()
    scale = abs(problem.full_gradient(problem.start(), np.empty(problem.dimension))) + 1
    points = problem.critical_points()
    assert len({point.name for point in points}) == len(points) > 0
    for point in points:
        assert np.linalg.norm(full_gradient(problem, point.point)) < 1e-9 * scale
        least = np.linalg.eigvalsh(hessian(problem, point.point))[0]
        assert point.least_curvature == pytest.approx(least, rel=1e-9, abs=1e-9)
        assert point.is_saddle == (point.least_curvature < 0)
        low, high = curvature_of(problem, point.point)
        assert low - 1e-9 <= least <= high + 1e-9


@each
def test_the_distance_is_0_there_and_grows_by_no_more_than_one_walks(make):
    problem = make()
    for point in problem.critical_points():
        assert point.distance(point.point) == pytest.approx(0, abs=1e-7)
        for seed in range(3):
            step = 1e-3 * random(seed).standard_normal(problem.dimension)
            assert 0 < point.distance(point.point + step) <= np.linalg.norm(step) * (1 + 1e-9)


@each
def test_compiled_problems_know_the_same_points(make):
    problem = CompiledProblem(make())
    assert isinstance(problem, MappedProblem)
    names = [point.name for point in problem.critical_points()]
    assert names == [point.name for point in make().critical_points()]


def test_constants_of_a_quadratic_are_its_eigenvalues():
    constants = PROBLEMS["saddle"]().constants()
    assert (constants.lipschitz, constants.coordinate_lipschitz) == (1.0, 1.0)
    assert constants.hessian_lipschitz == 0.0
