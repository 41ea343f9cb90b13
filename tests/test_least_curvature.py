"""The least eigenvalue of a Hessian from its products, held against dense eigenvalues."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from asysim.errors import InputError
from asysim.problems import LeastSquares, Logistic, MatrixFactorization, Quadratic
from asysim.problems.base import DivisibleProblem
from asysim.problems.compiled import CompiledProblem
from asysim.replay.least_curvature import LeastCurvature, least_curvature
from asysim.scenario import parse
from tests.problems import perceptron, random

pytestmark = pytest.mark.check


class Matrix:
    """v ↦ A·v, whatever x is."""

    def __init__(self, matrix):
        self.matrix = np.array(matrix, dtype=np.float64)

    def hvp(self, x, direction):  # noqa: ARG002
        return self.matrix @ direction


def rotated(eigenvalues, seed=0):
    basis, _ = np.linalg.qr(random(seed).standard_normal((len(eigenvalues),) * 2))
    return Matrix(basis * eigenvalues @ basis.T)


def linear(kind, samples, n):
    features = random(1).standard_normal((samples, n))
    targets = np.sign(random(2).standard_normal(samples))
    return kind(features, targets, l2=0.01)


def built(problem):
    rest = 'algorithm = {name = "asysg-con", step = 0.1}\nworkers = {count = 1, compute = 1.0}'
    return parse(f"problem = {{kind = {problem}}}\n{rest}\nrun = {{updates = 1}}").problem.build()


SADDLES = (
    '"chain_of_saddles", dimension = 40',
    '"phase_retrieval", dimension = 40',
    '"phase_retrieval", dimension = 40, measurements = 200',
    '"streaming_pca", dimension = 40',
    '"symmetric_factorization"',
    '"matrix_sensing"',
)
PROBLEMS = {
    "quadratic, 3": lambda: Quadratic([1.0, -0.5, 0.2]),
    "quadratic, 500": lambda: Quadratic(np.linspace(-0.01, 1, 500)),
    "least squares": lambda: linear(LeastSquares, 400, 60),
    "more columns than rows": lambda: linear(LeastSquares, 40, 90),
    "logistic": lambda: linear(Logistic, 400, 60),
    "network": lambda: perceptron(layers=(4, 20, 15, 3), samples=50),
    "factorization": lambda: MatrixFactorization(random(3).standard_normal((30, 20)), rank=4),
    **{problem: partial(built, problem) for problem in SADDLES},
}
each = pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS.keys())


def dense(problem, x):
    return np.array([problem.hvp(x, axis) for axis in np.eye(len(x))])


@each
def test_it_is_within_its_residual_of_a_dense_eigenvalue_and_never_below_the_least(make):
    problem = make()
    known = None
    for step in range(3):
        x = problem.start() + 0.3 * random(step).standard_normal(problem.dimension)
        matrix = dense(problem, x)
        least = np.linalg.eigvalsh((matrix + matrix.T) / 2)[0]
        known = least_curvature(problem, x, known=known, index=step)
        rounding = 1e-12 * known.norm
        assert least - rounding <= known.value <= least + known.residual + rounding
        assert known.residual <= 2e-5 * np.abs(np.linalg.eigvalsh(matrix)).max()
        assert np.linalg.norm(known.vector) == pytest.approx(1)
        found = np.linalg.norm(matrix @ known.vector - known.value * known.vector)
        assert found == pytest.approx(known.residual, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("n", [40, 200])
@pytest.mark.parametrize(
    "spectrum",
    [
        lambda n: np.linspace(0, 1, n),  # the least is 0: no rule relative to it is ever met
        lambda n: np.r_[-1e-4, np.linspace(0, 1, n - 1)],
        lambda n: np.r_[np.zeros(n // 2), np.ones(n - n // 2)],
        lambda n: np.r_[-1.0, -1.0, np.full(n - 2, 1e3)],
        lambda n: -np.linspace(1, 2, n),
        np.zeros,
    ],
)
def test_spectra_that_are_hard(n, spectrum):
    values = spectrum(n)
    found = least_curvature(rotated(values), np.zeros(n), precision=1e-8)
    scale = np.abs(values).max()
    assert values.min() - 1e-12 * scale <= found.value
    assert found.value <= values.min() + found.residual + 1e-12 * scale
    assert found.residual <= 1e-5 * scale


def test_a_warm_start_finds_what_lies_across_from_it():
    """The vector of before is an eigenvector still, but another eigenvalue is the least now."""
    n = 100
    before = least_curvature(Matrix(np.diag(np.r_[-1.0, np.ones(n - 1)])), np.zeros(n))
    assert abs(before.vector[0]) == pytest.approx(1)
    exactly = LeastCurvature(-1.0, 0.0, np.eye(n)[0], 0, 1.0)
    now = Matrix(np.diag(np.r_[-1.0, -2.0, np.ones(n - 2)]))
    for known in (before, exactly):
        assert least_curvature(now, np.zeros(n), known=known).value == pytest.approx(-2.0)


def test_a_warm_start_takes_fewer_products():
    problem = MatrixFactorization(random(3).standard_normal((30, 20)), rank=4)
    x = problem.start()
    cold = least_curvature(problem, x)
    warm = least_curvature(problem, x + 1e-4 * random(1).standard_normal(len(x)), known=cold)
    assert warm.products < cold.products


def test_the_same_search_has_the_same_bits():
    problem = perceptron(layers=(4, 20, 15, 3), samples=50)
    one, two = (least_curvature(problem, problem.start(), seed=3, index=1) for _ in range(2))
    assert one.value == two.value
    assert one.vector.tolist() == two.vector.tolist()


def test_what_has_no_second_derivatives_is_told_which_problems_do():
    with pytest.raises(InputError, match="Hessian's product with a vector"):
        least_curvature(object(), np.zeros(3))
    with pytest.raises(InputError, match="not finite"):
        least_curvature(Matrix([[np.inf]]), np.zeros(1))
    for precision in (0.0, 1e-17, 1.0, np.nan):
        with pytest.raises(ValueError, match="precision"):
            least_curvature(Matrix([[1.0]]), np.zeros(1), precision=precision)


@pytest.mark.parametrize("name", ["least squares", "logistic", "network", "factorization"])
def test_the_mean_of_some_terms_is_a_part_of_the_mean_of_all(name):
    problem = PROBLEMS[name]()
    assert isinstance(problem, DivisibleProblem)
    n, samples = problem.dimension, problem.samples
    x, v = random(1).standard_normal((2, n))
    cut = samples // 3
    some, others = problem.part(np.arange(cut)), problem.part(np.arange(cut, samples))
    mean = (cut * some.hvp(x, v) + (samples - cut) * others.hvp(x, v)) / samples
    np.testing.assert_allclose(mean, problem.hvp(x, v), rtol=1e-9, atol=1e-9)
    assert (
        CompiledProblem(problem).part(np.arange(cut)).hvp(x, v).tolist() == some.hvp(x, v).tolist()
    )
    assert some.samples == cut
