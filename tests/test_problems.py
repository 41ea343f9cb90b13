"""Objectives held against calculus and the laws of their constants, not against pasted numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array
from scipy.stats import chi2

from asysim.errors import InputError
from asysim.problems import (
    FiniteSum,
    LeastSquares,
    Logistic,
    MatrixFactorization,
    MultilayerPerceptron,
    Quadratic,
)
from asysim.problems.base import TwiceDifferentiable, curvature_of
from asysim.problems.compiled import CompiledProblem
from asysim.problems.data import classification, low_rank_matrix, random_mask, regression
from asysim.problems.features import largest_eigenvalue
from asysim.random.streams import Purpose, WordSource
from tests.problems import STRICT_SADDLES, perceptron, random

SEEDS = range(3)


def sparse_logistic(l2=0.05):
    data = classification(samples=40, features=12, density=0.2, signal=2.0, seed=3)
    return Logistic(data.features, data.targets, l2=l2)


def dense_logistic(l2=0.05):
    sparse = sparse_logistic(l2)
    return Logistic(sparse.features.toarray(), sparse.targets, l2=l2)


def least_squares(l2=0.0, sparse=False):
    data = regression(samples=30, features=5, condition=20.0, noise=0.3, seed=4)
    features = csr_array(data.features) if sparse else data.features
    return LeastSquares(features, data.targets, l2=l2)


def factorization(observed=0.6):
    matrix = low_rank_matrix(7, 5, rank=2, seed=5)
    mask = random_mask(matrix.shape, observed, seed=5)
    return MatrixFactorization(matrix, rank=2, observed=mask)


FINITE_SUMS = {
    "least squares": least_squares,
    "ridge": lambda: least_squares(l2=0.1),
    "sparse ridge": lambda: least_squares(l2=0.1, sparse=True),
    "logistic": dense_logistic,
    "sparse logistic": sparse_logistic,
    "linear network": lambda: perceptron("relu", "squared", (4, 3)),
    "softmax": lambda: perceptron("relu", "cross_entropy", (4, 3)),
    "relu, squared": lambda: perceptron("relu", "squared"),
    "tanh, squared": lambda: perceptron("tanh", "squared"),
    "sigmoid, cross-entropy": lambda: perceptron("sigmoid", "cross_entropy"),
    "relu, cross-entropy, over two chunks": lambda: perceptron(
        "relu", "cross_entropy", layers=(4, 6, 5, 3), samples=1100
    ),
    "factorization": factorization,
}
PROBLEMS = FINITE_SUMS | {
    "bowl": lambda: Quadratic([1.0, 0.3, 0.0], noise=2.0, start=[1.0, 2.0, 3.0]),
    "saddle": lambda: Quadratic([1.0, -0.5], start=0.1),
}
FINITE_SUMS |= {k: make for k, make in STRICT_SADDLES.items() if isinstance(make(), FiniteSum)}
PROBLEMS |= STRICT_SADDLES
each_sum = pytest.mark.parametrize("make", FINITE_SUMS.values(), ids=FINITE_SUMS.keys())
each_problem = pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS.keys())


def full_gradient(problem, x):
    out = np.full(problem.dimension, np.nan)  # whatever was there has to be overwritten
    problem.full_gradient(x, out)
    return out


def gradient(problem, x, batch):
    out = np.full(problem.dimension, np.nan)
    problem.gradient(x, batch, out)
    return out


def words(problem, draws, size, seed=0):
    count = draws * size * problem.words
    return WordSource(seed).words(Purpose.SAMPLE, 0, 0, count).reshape(draws, size, problem.words)


@each_problem
@pytest.mark.parametrize("seed", SEEDS)
def test_gradient_is_the_derivative_of_the_value(make, seed):
    problem = make()
    x = problem.start() + 0.5 * random(seed).standard_normal(problem.dimension)
    out = full_gradient(problem, x)
    step = 1e-5
    for direction in np.eye(problem.dimension)[:80]:
        difference = problem.value(x + step * direction) - problem.value(x - step * direction)
        assert difference / (2 * step) == pytest.approx(out @ direction, abs=2e-8, rel=1e-6)


@each_problem
@pytest.mark.parametrize("seed", SEEDS)
def test_hvp_is_the_derivative_of_the_gradient(make, seed):
    problem = make()
    x = problem.start() + 0.5 * random(seed).standard_normal(problem.dimension)
    one, other = random(seed + 1).standard_normal((2, problem.dimension))
    step, product = 1e-6, problem.hvp(x, one)
    ahead, behind = full_gradient(problem, x + step * one), full_gradient(problem, x - step * one)
    np.testing.assert_allclose(product, (ahead - behind) / (2 * step), rtol=2e-6, atol=2e-7)
    assert product @ other == pytest.approx(problem.hvp(x, other) @ one, rel=1e-9, abs=1e-12)
    low, _ = curvature_of(problem, x)
    assert product @ one >= low * (one @ one) - 1e-9
    assert CompiledProblem(problem).hvp(x, one).tolist() == product.tolist()
    assert isinstance(problem, TwiceDifferentiable)


@each_problem
def test_full_gradient_returns_the_value(make):
    problem = make()
    x = problem.start() + 0.1
    assert problem.full_gradient(x, np.empty_like(x)) == pytest.approx(problem.value(x), rel=1e-13)


@each_sum
@pytest.mark.parametrize("seed", SEEDS)
def test_single_samples_average_to_the_full_gradient(make, seed):
    problem = make()
    x = problem.start() + 0.5 * random(seed).standard_normal(problem.dimension)
    singles = [gradient(problem, x, np.array([row])) for row in range(problem.samples)]
    np.testing.assert_allclose(np.mean(singles, axis=0), full_gradient(problem, x), atol=1e-12)


@each_problem
@pytest.mark.parametrize("size", [1, 2, 10, 60])
def test_a_batch_is_the_sum_of_its_samples(make, size):
    # 60 draws from few terms repeat samples, and rows and columns of samples.
    problem = make()
    x = problem.start() + 0.3
    (batch,) = problem.sample(words(problem, 1, size))
    singles = [gradient(problem, x, batch[place : place + 1]) for place in range(size)]
    np.testing.assert_allclose(gradient(problem, x, batch), np.sum(singles, axis=0), atol=1e-11)


@each_problem
def test_the_same_words_name_the_same_gradient_whoever_asks(make):
    first, second = make(), make()
    x = first.start()
    np.testing.assert_array_equal(x, second.start())
    together = first.sample(words(first, 5, 4))
    for draw, one in enumerate(words(second, 5, 4)):
        (alone,) = second.sample(one[np.newaxis])
        np.testing.assert_array_equal(
            gradient(first, x, together[draw]), gradient(second, x, alone)
        )


@each_problem
def test_start_belongs_to_the_caller(make):
    problem = make()
    kept = problem.start()
    problem.start()[:] = 7.0
    np.testing.assert_array_equal(problem.start(), kept)
    assert kept.shape == (problem.dimension,)
    assert kept.dtype == np.float64


WITH_L = ["least squares", "ridge", "sparse ridge", "logistic", "sparse logistic", "bowl", "saddle"]


@pytest.mark.parametrize("name", WITH_L)
@pytest.mark.parametrize("spread", [1e-3, 1.0, 100.0])
def test_lipschitz_constant_bounds_the_gradient(name, spread):
    problem = PROBLEMS[name]()
    bound = problem.constants().lipschitz
    for seed in range(20):
        x, y = spread * random(seed).standard_normal((2, problem.dimension))
        change = full_gradient(problem, x) - full_gradient(problem, y)
        assert np.linalg.norm(change) <= bound * np.linalg.norm(x - y) * (1 + 1e-9)


@pytest.mark.parametrize("name", WITH_L)
def test_lipschitz_constant_is_attained(name):
    # All of these attain it at 0, in the direction of the largest curvature there.
    problem = PROBLEMS[name]()
    step = 1e-4
    columns = [
        (full_gradient(problem, step * axis) - full_gradient(problem, -step * axis)) / (2 * step)
        for axis in np.eye(problem.dimension)
    ]
    curvature = np.abs(np.linalg.eigvalsh(np.array(columns))).max()
    assert problem.constants().lipschitz == pytest.approx(curvature, rel=1e-6)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30), (1, 5), (5, 1)])
def test_largest_eigenvalue_is_the_squared_spectral_norm(shape):
    matrix = random(0).standard_normal(shape)
    expected = np.linalg.norm(matrix, 2) ** 2
    assert largest_eigenvalue(matrix) == pytest.approx(expected)
    assert largest_eigenvalue(csr_array(matrix)) == pytest.approx(expected)


def test_largest_eigenvalue_by_lanczos(monkeypatch):
    matrix = random(0).standard_normal((30, 20))
    exact = largest_eigenvalue(matrix)
    monkeypatch.setattr("asysim.problems.features._GRAM_LIMIT", 10)
    for kind in (matrix, csr_array(matrix)):
        assert largest_eigenvalue(kind) == pytest.approx(exact, rel=1e-10)
        assert largest_eigenvalue(kind) == largest_eigenvalue(kind)


@pytest.mark.parametrize("make", [dense_logistic, sparse_logistic])
@pytest.mark.parametrize("spread", [0.0, 1.0, 100.0])
def test_variance_of_logistic_samples_stays_below_its_bound(make, spread):
    problem = make()
    bound = problem.constants().variance
    for seed in range(10):
        x = spread * random(seed).standard_normal(problem.dimension)
        singles = [gradient(problem, x, np.array([row])) for row in range(problem.samples)]
        assert np.var(singles, axis=0).sum() <= bound * (1 + 1e-12)
    square = np.mean(np.sum(dense_logistic().features ** 2, axis=1))
    assert bound <= square * (1 + 1e-12)


def test_variance_of_quadratic_noise_is_exact():
    # n‖ξ‖²/σ² summed is χ² with one degree per word; false-alarm rate 1e-6, and the seed is fixed.
    problem = Quadratic(np.ones(5), noise=3.0)
    noise = problem.sample(words(problem, 1000, 4, seed=11))
    assert noise.shape == (1000, 4, 5)
    total = 5 * np.sum(noise**2) / problem.constants().variance
    low, high = chi2.ppf([5e-7, 1 - 5e-7], noise.size)
    assert low < total < high
    assert abs(noise.mean()) < 5 * 3.0 / np.sqrt(5 * noise.size)


def test_quadratic_gradient_is_unbiased_around_the_full_one():
    problem = Quadratic([1.0, -2.0], noise=0.5)
    x = np.array([3.0, 4.0])
    (batch,) = problem.sample(words(problem, 1, 6))
    expected = 6 * full_gradient(problem, x) + batch.sum(axis=0)
    np.testing.assert_allclose(gradient(problem, x, batch), expected)


def test_quadratic_without_noise_takes_no_words_and_still_counts_samples():
    problem = Quadratic([2.0, 1.0])
    assert problem.words == 0
    (batch,) = problem.sample(words(problem, 1, 7))
    x = problem.start()
    np.testing.assert_array_equal(gradient(problem, x, batch), 7 * full_gradient(problem, x))


@given(arrays(np.float64, 3, elements=st.floats(-50, 50)))
@settings(max_examples=50, deadline=None)
def test_minimum_is_below_every_value(x):
    for problem in _MINIMISED:
        assert problem.constants().minimum <= problem.value(np.resize(x, problem.dimension)) + 1e-12


_MINIMISED = [
    least_squares(),
    least_squares(l2=0.1),
    dense_logistic(),
    sparse_logistic(),
    Quadratic([1.0, 0.0, 2.0], noise=1.0),
    factorization(observed=1.0),
]


@pytest.mark.parametrize("problem", _MINIMISED[:4])
def test_gradient_vanishes_at_the_minimiser(problem):
    best = problem.minimiser
    assert np.linalg.norm(full_gradient(problem, best)) < 1e-10
    assert problem.value(best) == problem.constants().minimum


def test_least_squares_minimum_of_fewer_rows_than_columns_is_zero():
    problem = LeastSquares(random(0).standard_normal((3, 8)), random(1).standard_normal(3))
    assert problem.constants().minimum == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_factorization_minimum_is_attained_by_the_leading_singular_vectors(rank, noise):
    matrix = low_rank_matrix(7, 5, rank=2, noise=noise)
    problem = MatrixFactorization(matrix, rank=rank)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    root = np.sqrt(values[:rank])
    x = np.concatenate([(left[:, :rank] * root).ravel(), (right[:rank].T * root).ravel()])
    assert problem.value(x) == pytest.approx(problem.constants().minimum, abs=1e-14)
    assert np.linalg.norm(full_gradient(problem, x)) < 1e-12
    if rank >= 2 and noise == 0:
        assert problem.constants().minimum == pytest.approx(0, abs=1e-14)


def test_factorization_has_a_strict_saddle_at_zero():
    problem = factorization()
    zero = np.zeros(problem.dimension)
    np.testing.assert_array_equal(full_gradient(problem, zero), 0)
    observed = np.where(random_mask((7, 5), 0.6, seed=5), problem.matrix, 0)
    left, _, right = np.linalg.svd(observed)
    downhill = np.zeros((12, 2))
    downhill[:7, 0], downhill[7:, 0] = left[:, 0], right[0]
    assert problem.value(0.01 * downhill.ravel()) < problem.value(zero)


def test_constants_that_do_not_exist_are_none():
    assert Quadratic([1.0, -1.0]).constants().minimum is None
    assert least_squares().constants().variance is None
    assert sparse_logistic(l2=0.0).constants().minimum is None
    assert factorization().constants().minimum is None
    with pytest.raises(InputError, match="above 0"):
        _ = sparse_logistic(l2=0.0).minimiser


def test_sparse_and_dense_agree():
    sparse, dense = sparse_logistic(), dense_logistic()
    assert (np.diff(sparse.features.indptr) == 0).any(), "an empty row is the hard case"
    for seed in SEEDS:
        x = random(seed).standard_normal(sparse.dimension)
        batch = random(seed).integers(0, sparse.samples, 25)
        assert sparse.value(x) == pytest.approx(dense.value(x), rel=1e-13)
        for ask in (full_gradient, lambda problem, x, batch=batch: gradient(problem, x, batch)):
            np.testing.assert_allclose(ask(sparse, x), ask(dense, x), atol=1e-13)
    for name in ("lipschitz", "variance", "minimum"):
        assert getattr(sparse.constants(), name) == pytest.approx(getattr(dense.constants(), name))


def test_large_scores_do_not_overflow():
    logistic = Logistic(np.array([[1.0], [1.0]]), [1, -1])
    assert logistic.value(np.array([1e4])) == pytest.approx(5e3)
    softmax = MultilayerPerceptron(np.ones((1, 1)), [1], layers=[1, 2], loss="cross_entropy")
    assert softmax.value(np.array([1e4, 0, 0, 0])) == pytest.approx(1e4)


def test_two_softmax_classes_are_a_logistic_regression():
    features = random(0).standard_normal((20, 3))
    labels = random(1).integers(0, 2, 20)
    softmax = MultilayerPerceptron(features, labels, layers=[3, 2], loss="cross_entropy")
    logistic = Logistic(np.hstack([features, np.ones((20, 1))]), 2 * labels - 1)
    weights = random(2).standard_normal((4, 2))
    difference = weights[:, 1] - weights[:, 0]
    assert softmax.value(weights.ravel()) == pytest.approx(logistic.value(difference))


def test_linear_network_is_least_squares():
    features, targets = random(0).standard_normal((20, 3)), random(1).standard_normal(20)
    network = MultilayerPerceptron(features, targets, layers=[3, 1])
    line = LeastSquares(np.hstack([features, np.ones((20, 1))]), targets)
    x = random(2).standard_normal(4)
    assert network.value(x) == pytest.approx(line.value(x))


def test_the_papers_network_has_46380_parameters():
    layers = [400, 100, 50, 20, 10]
    network = MultilayerPerceptron(np.zeros((1, 400)), np.zeros((1, 10)), layers=layers)
    assert network.dimension == 46_380 == len(network.start())


@pytest.mark.parametrize(("activation", "variance"), [("relu", 2 / 300), ("tanh", 2 / 500)])
def test_initial_weights_have_the_documented_variance(activation, variance):
    # 60,000 weights: the sum of squares is χ²; false-alarm rate 1e-6, and the seed is fixed.
    problem = MultilayerPerceptron(
        np.zeros((1, 300)), np.zeros((1, 1)), layers=[300, 200, 1], activation=activation
    )
    first = problem.network.matrices(problem.start())[0]
    low, high = chi2.ppf([5e-7, 1 - 5e-7], 60_000)
    assert low < np.sum(first[:-1] ** 2) / variance < high
    np.testing.assert_array_equal(first[-1], 0)


BAD = {
    "no eigenvalue": lambda: Quadratic([]),
    "infinite eigenvalue": lambda: Quadratic([np.inf]),
    "negative noise": lambda: Quadratic([1.0], noise=-1.0),
    "start of another length": lambda: Quadratic([1.0, 2.0], start=[1.0, 2.0, 3.0]),
    "NaN start": lambda: Quadratic([1.0], start=np.nan),
    "no rows": lambda: LeastSquares(np.zeros((0, 2)), []),
    "too few targets": lambda: LeastSquares(np.zeros((3, 2)), [1.0]),
    "NaN feature": lambda: LeastSquares(np.full((1, 1), np.nan), [1.0]),
    "negative ridge": lambda: LeastSquares(np.ones((1, 1)), [1.0], l2=-1.0),
    "label 0": lambda: Logistic(np.ones((2, 1)), [0, 1]),
    "one layer": lambda: MultilayerPerceptron(np.ones((1, 1)), [1.0], layers=[1]),
    "empty layer": lambda: MultilayerPerceptron(np.ones((1, 1)), [1.0], layers=[1, 0, 1]),
    "wrong inputs": lambda: MultilayerPerceptron(np.ones((1, 2)), [1.0], layers=[1, 1]),
    "wrong outputs": lambda: MultilayerPerceptron(np.ones((1, 2)), [1.0], layers=[2, 2]),
    "class too high": lambda: MultilayerPerceptron(
        np.ones((1, 2)), [2], layers=[2, 2], loss="cross_entropy"
    ),
    "real class": lambda: MultilayerPerceptron(
        np.ones((1, 2)), [0.5], layers=[2, 2], loss="cross_entropy"
    ),
    "unknown loss": lambda: MultilayerPerceptron(np.ones((1, 2)), [1], layers=[2, 1], loss="hinge"),
    "unknown activation": lambda: MultilayerPerceptron(
        np.ones((1, 2)), [1], layers=[2, 1], activation="step"
    ),
    "rank 0": lambda: MatrixFactorization(np.ones((2, 2)), rank=0),
    "nothing observed": lambda: MatrixFactorization(
        np.ones((2, 2)), rank=1, observed=np.zeros((2, 2), dtype=bool)
    ),
    "start at the saddle": lambda: MatrixFactorization(np.ones((2, 2)), rank=1, start_scale=0.0),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_bad_arguments_are_input_errors(make):
    with pytest.raises(InputError):
        make()
