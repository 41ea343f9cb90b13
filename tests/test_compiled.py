"""Compiled gradients held against those in NumPy, and against themselves in another loop."""

from __future__ import annotations

import os
from decimal import Decimal, localcontext

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.errors import TypingError
from numba.core.runtime import _nrt_python, rtsys
from scipy.sparse import csr_array
from scipy.special import ndtri

from asysim.jit.compiler import compiled
from asysim.jit.instructions import fma
from asysim.problems import (
    LeastSquares,
    Logistic,
    MatrixFactorization,
    MultilayerPerceptron,
    Quadratic,
)
from asysim.problems.base import DeferringProblem
from asysim.problems.compiled import (
    CompiledProblem,
    draw_batch,
    gradient,
    is_sparse,
    model_of,
    most_support,
    new_batch,
    new_work,
    sparse_gradient,
    support,
)
from asysim.problems.compiled.elementary import exp, logistic, tanh
from asysim.problems.compiled.product import (
    LARGE,
    SMALL,
    multiply,
    multiply_by_transposed,
    multiply_transposed,
    product_by,
)
from asysim.problems.data import classification, low_rank_matrix, random_mask, regression
from asysim.random.normal import quantile
from asysim.random.philox import index, uniform, unit, words
from asysim.random.streams import Purpose, WordSource, indices, uniforms
from asysim.replay.gradients import Sampler
from tests.problems import ONE_OF_EACH, perceptron, random
from tests.processes import PYTHON, finish

BATCH = 10


def linear(kind, *, sparse, l2, wide=np.int32):
    if kind is Logistic:
        data = classification(samples=40, features=13, density=0.3, signal=2.0, seed=3)
    else:
        data = regression(samples=30, features=5, condition=20.0, noise=0.3, seed=4)
    features = csr_array(data.features)
    if kind is LeastSquares:
        features = features.multiply(abs(features) > 0.4).tocsr()
    if not sparse:
        return kind(features.toarray(), data.targets, l2=l2)
    features.indices, features.indptr = features.indices.astype(wide), features.indptr.astype(wide)
    return kind(features, data.targets, l2=l2)


def factorization():
    matrix = low_rank_matrix(4, 5, rank=2, seed=5)  # few rows: they meet in a batch
    mask = random_mask(matrix.shape, 0.6, seed=5)
    return MatrixFactorization(matrix, rank=3, observed=mask)


PROBLEMS = {
    "bowl": lambda: Quadratic([1.0, 0.3, -0.5], noise=2.0, start=[1.0, 2.0, 3.0]),
    "bowl without noise": lambda: Quadratic([1.0, 0.3, 0.0]),
    "logistic": lambda: linear(Logistic, sparse=False, l2=0.0),
    "ridge logistic": lambda: linear(Logistic, sparse=False, l2=0.1),
    "least squares": lambda: linear(LeastSquares, sparse=False, l2=0.0),
    "ridge": lambda: linear(LeastSquares, sparse=False, l2=0.1),
    "sparse logistic": lambda: linear(Logistic, sparse=True, l2=0.0),
    "sparse ridge logistic": lambda: linear(Logistic, sparse=True, l2=0.1),
    "sparse least squares": lambda: linear(LeastSquares, sparse=True, l2=0.0),
    "sparse ridge": lambda: linear(LeastSquares, sparse=True, l2=0.1),
    "factorization": factorization,
    "linear network": lambda: perceptron(layers=(4, 3)),
    "softmax": lambda: perceptron(layers=(4, 3), loss="cross_entropy"),
    "one unit": lambda: perceptron(layers=(1, 1, 1)),
    "tanh": lambda: perceptron("tanh"),
    "relu": lambda: perceptron("relu"),
    "sigmoid": lambda: perceptron("sigmoid"),
    "tanh, cross-entropy": lambda: perceptron("tanh", "cross_entropy"),
    "relu, cross-entropy": lambda: perceptron("relu", "cross_entropy", (4, 9, 3)),
    "sigmoid, cross-entropy": lambda: perceptron("sigmoid", "cross_entropy", (4, 5, 6, 7, 5)),
    "wide": lambda: perceptron("tanh", "squared", (40, 33, 18, 20)),
    **ONE_OF_EACH,
}
each = pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS.keys())


@compiled
def worker_loop(model, x, seed, worker, first, batch_size, out):
    """What a backend's loop does, without the backend: out gets one gradient per draw."""
    batch, work = new_batch(model, batch_size), new_work(model, batch_size)
    for i in range(len(out)):
        draw_batch(model, seed, worker, first + i, batch)
        gradient(model, x, batch, work, out[i])


@compiled
def sparse_loop(model, x, seed, worker, first, batch_size, most, out):
    batch, work = new_batch(model, batch_size), new_work(model, batch_size)
    places, values, change = np.empty(most, np.int64), np.empty(most), np.empty(most)
    for i in range(len(out)):
        draw_batch(model, seed, worker, first + i, batch)
        count = support(model, batch, places)
        for j in range(count):
            values[j] = x[places[j]]
        sparse_gradient(model, batch, values, work, change)
        for j in range(count):
            out[i, places[j]] += change[j]


@compiled
def drawn(model, seed, worker, draw, batch_size):
    batch = new_batch(model, batch_size)
    draw_batch(model, seed, worker, draw, batch)
    return batch


def point(problem, seed=0):
    return problem.start() + 0.5 * random(seed).standard_normal(problem.dimension)


def ulps(got, expected):
    return np.max(np.abs(got - expected) / np.spacing(np.abs(expected)))


# Random words.


@settings(max_examples=300)
@given(
    seed=st.integers(0, 2**63 - 1),
    purpose=st.sampled_from(Purpose),
    worker=st.integers(0, 2**62),
    start=st.integers(0, 2**60),
    count=st.integers(0, 13),
)
def test_words_are_those_of_numpy(seed, purpose, worker, start, count):
    out = np.empty(count, dtype=np.uint64)
    words(seed, int(purpose), worker, start, out)
    assert (out == WordSource(seed).words(purpose, worker, start, count)).all()


def test_words_become_numbers_as_elsewhere():
    some = np.append(WordSource(1).words(Purpose.DATA, 0, 0, 500), np.uint64([0, 2**64 - 1]))
    for bound in (1, 7, 10**6, 2**40):
        assert [index(word, bound) for word in some] == indices(some, bound).tolist()
    assert [uniform(word) for word in some] == uniforms(some).tolist()
    assert [unit(word) for word in some] == ((some >> np.uint64(11)) * 2.0**-53).tolist()


@each
def test_batches_are_those_of_the_sampler(make):
    problem = make()
    for seed, worker, first, size in [(0, 0, 0, 1), (5, 3, 17, 7), (2**62 + 1, 2**33, 10**9, 10)]:
        sampler = Sampler(problem, seed=seed, batch_size=size)
        for draw in range(first, first + 5):
            expected = sampler.batch(worker, draw)
            batch = drawn(model_of(problem), seed, worker, draw, size)
            assert batch.shape == expected.shape
            assert batch.dtype == expected.dtype
            if expected.dtype == np.int64:
                assert (batch == expected).all()
            elif expected.size:
                assert ulps(batch, expected) <= 2


def test_quantile_is_that_of_scipy():
    source = WordSource(3).words(Purpose.DATA, 0, 0, 20_000)
    tails = [2.0**-k for k in range(2, 54)]
    chances = np.concatenate([uniforms(source), tails, 1 - np.array(tails)])
    assert ulps(np.array([quantile(chance) for chance in chances]), ndtri(chances)) <= 2


# Elementary functions.

SIDES = np.concatenate(
    [
        random(0).uniform(-1, 1, 800),
        3 * random(1).standard_normal(400),
        random(2).uniform(-25, 25, 300),
        np.sign(random(3).standard_normal(300)) * 10.0 ** random(4).uniform(-12, 0, 300),
        np.log(2) * np.arange(-12, 13) / 4,
    ]
)


def exact_exp(x):
    return x.exp()


def exact_tanh(x):
    square = (2 * x).exp()
    return (square - 1) / (square + 1)


def exact_logistic(x):
    return 1 / (1 + (-x).exp())


@pytest.mark.parametrize(
    ("function", "exact", "scale", "limit"),
    [(exp, exact_exp, 25, 1.0), (tanh, exact_tanh, 1, 2.0), (logistic, exact_logistic, 25, 2.5)],
)
def test_elementary_functions_are_accurate(function, exact, scale, limit):
    with localcontext() as context:
        context.prec = 50
        for x in scale * SIDES:
            got, true = function(x), exact(Decimal(float(x)))
            assert abs(Decimal(got) - true) <= Decimal(limit * np.spacing(abs(float(true)))), x


def test_elementary_functions_at_their_ends():
    inf, nan = np.inf, np.nan
    assert [tanh(x) for x in (0.0, 20.0, -20.0, inf, -inf)] == [0, 1, -1, 1, -1]
    assert np.signbit(tanh(-0.0))
    assert [tanh(x) for x in (5e-324, 1e-300, -1e-20)] == [5e-324, 1e-300, -1e-20]
    assert [logistic(x) for x in (0.0, 40.0, inf)] == [0.5, 1, 1]
    assert 0 <= logistic(-inf) < 1e-300
    assert exp(0.0) == 1
    assert 0 <= exp(-1e9) < 1e-300
    assert np.isfinite(exp(1e9))
    assert all(np.isnan(function(nan)) for function in (exp, tanh, logistic))


# Products.


@compiled
def in_order(a, b):
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                out[i, j] = fma(a[i, k], b[k, j], out[i, j])
    return out


def by_tiles(tiling):
    product = product_by(tiling)

    @numba.njit(nogil=True, error_model="numpy")
    def run(a, b, out, sizes, a_place, b_place, out_place):
        product(a, b, out, sizes, a_place, b_place, out_place)

    return run


TILED = {"large": by_tiles(LARGE), "small": by_tiles(SMALL)}


def operands(rows, inner, columns):
    numbers = random([rows, inner, columns])
    a, b = numbers.standard_normal((rows, inner)), numbers.standard_normal((inner, columns))
    expected = in_order(a, b)
    np.testing.assert_allclose(expected, a @ b, rtol=1e-12, atol=1e-12)
    return a, b, expected


@pytest.mark.parametrize("product", TILED.values(), ids=TILED.keys())
@pytest.mark.parametrize("across", [False, True])
@settings(max_examples=30)
@given(rows=st.integers(1, 45), inner=st.integers(0, 20), columns=st.integers(1, 45))
def test_products_are_sums_in_order(product, across, rows, inner, columns):
    a, b, expected = operands(rows, inner, columns)
    row = columns + 3
    room = np.full(4 + rows * row, np.nan)
    right = np.concatenate([[np.nan], (b.T if across else b).ravel()])
    b_place = (1, 1, inner) if across else (1, columns)
    product(a.ravel(), right, room, (rows, inner, columns), (0, inner, 1), b_place, (4, row))
    table = room[4:].reshape(rows, row)
    assert (table[:, :columns] == expected).all()
    assert np.isnan(table[:, columns:]).all()  # nothing beside the product is touched
    assert np.isnan(room[:4]).all()


@pytest.mark.parametrize(("rows", "inner", "columns"), [(10, 41, 30), (41, 10, 30), (10, 30, 7)])
def test_products_of_transposed_matrices(rows, inner, columns):
    a, b, expected = operands(rows, inner, columns)
    stored = np.concatenate([[np.nan], a.ravel(), b.ravel(), a.T.ravel(), b.T.ravel()])
    a_at, b_at = 1, 1 + a.size
    a_across, b_across = b_at + b.size, b_at + b.size + a.size
    sizes = rows, inner, columns
    out = np.empty(2 + rows * columns)
    for multiplied, first, second in [
        (multiply, (a_at, inner), (b_at, columns)),
        (multiply_transposed, (a_across, rows), (b_at, columns)),
        (multiply_by_transposed, (a_at, inner), (b_across, inner)),
    ]:
        multiplied(stored, *first, stored, *second, out, 2, columns, *sizes)
        assert (out[2:].reshape(rows, columns) == expected).all()


def test_products_refuse_gaps():
    row = np.zeros(8)
    with pytest.raises(TypingError, match="contiguous"):
        multiply(row[::2], 0, 1, row, 0, 1, row, 0, 1, 1, 1, 1)


# Gradients.


@each
@pytest.mark.parametrize("size", [1, 5, BATCH])
def test_gradients_are_those_in_numpy(make, size):
    problem = make()
    x = point(problem)
    rows = np.full((4, problem.dimension), np.nan)
    worker_loop(model_of(problem), x, 7, 2, 3, size, rows)
    sampler, expected = Sampler(problem, seed=7, batch_size=size), np.empty(problem.dimension)
    for i, row in enumerate(rows):
        problem.gradient(x, sampler.batch(2, 3 + i), expected)
        np.testing.assert_allclose(row, expected, rtol=1e-12, atol=1e-12 * abs(expected).max())


def test_gradients_of_a_network_of_any_shape_are_those_in_numpy():
    numbers = random(0)
    for _ in range(25):
        layers = tuple(numbers.integers(1, 40, numbers.integers(2, 6)).tolist())
        problem = perceptron("tanh", "squared", layers)
        x, size = problem.start(), int(numbers.integers(1, 30))
        got, expected = np.full((1, problem.dimension), np.nan), np.empty(problem.dimension)
        worker_loop(model_of(problem), x, 1, 0, 0, size, got)
        problem.gradient(x, Sampler(problem, seed=1, batch_size=size).batch(0, 0), expected)
        scale = abs(expected).max()
        np.testing.assert_allclose(got[0], expected, rtol=1e-12, atol=1e-12 * scale)


@each
def test_a_compiled_problem_repeats_a_worker_to_the_bit(make):
    problem = CompiledProblem(make())
    x = point(problem)
    rows = np.empty((20, problem.dimension))
    worker_loop(problem.model, x, 11, 1, 0, BATCH, rows)
    sampler, again = Sampler(problem, seed=11, batch_size=BATCH), np.empty(problem.dimension)
    for draw, row in enumerate(rows):
        batch = sampler.batch(1, draw)
        problem.gradient(x, batch, again)
        assert (again == row).all()
        assert (batch == drawn(problem.model, 11, 1, draw, BATCH)).all()


@pytest.mark.parametrize(
    "make",
    [
        factorization,
        lambda: linear(Logistic, sparse=True, l2=0.0),
        lambda: linear(LeastSquares, sparse=True, l2=0.0, wide=np.int64),
    ],
    ids=["factorization", "logistic", "least squares, 64-bit indices"],
)
def test_sparse_gradients_scattered_are_dense_ones(make):
    problem = make()
    model, x = model_of(problem), point(problem)
    assert is_sparse(model)
    dense, scattered = np.empty((30, problem.dimension)), np.zeros((30, problem.dimension))
    worker_loop(model, x, 3, 1, 0, BATCH, dense)
    sparse_loop(model, x, 3, 1, 0, BATCH, most_support(model, BATCH), scattered)
    np.testing.assert_allclose(scattered, dense, rtol=1e-12, atol=1e-13)
    assert (dense == 0).any()  # some coordinates are nobody's


@pytest.mark.parametrize("name", ["bowl", "ridge", "sparse ridge logistic", "tanh"])
def test_gradients_that_are_not_sparse_have_no_support(name):
    model = model_of(PROBLEMS[name]())
    assert not is_sparse(model)
    with pytest.raises(ValueError, match="not sparse"):
        most_support(model, BATCH)


def test_gradient_is_the_derivative_of_the_value():
    problem = CompiledProblem(perceptron("tanh", "cross_entropy", (4, 7, 6, 3)))
    x, out, step = point(problem), np.empty(problem.dimension), 1e-5
    every = np.arange(problem.problem.samples)
    problem.gradient(x, every, out)
    for direction in np.eye(problem.dimension):
        difference = problem.value(x + step * direction) - problem.value(x - step * direction)
        mean = out @ direction / len(every)
        assert difference / (2 * step) == pytest.approx(mean, abs=2e-8, rel=1e-6)


def test_large_scores_do_not_overflow():
    problem = CompiledProblem(perceptron(layers=(4, 3), loss="cross_entropy"))
    x, out, expected = 1e5 * point(problem), np.empty((2, 15)), np.empty(15)
    for i, sign in enumerate((1, -1)):
        problem.gradient(sign * x, np.arange(17), out[i])
        problem.problem.gradient(sign * x, np.arange(17), expected)
        np.testing.assert_allclose(out[i], expected, rtol=1e-12, atol=1e-12)
    assert np.isfinite(out).all()


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_what_is_not_a_number_stays_so(activation, loss):
    problem = CompiledProblem(perceptron(activation, loss))
    x, out = point(problem), np.zeros(problem.dimension)
    x[:7] = np.nan
    problem.gradient(x, np.arange(10), out)
    assert np.isnan(out).any()
    assert np.isnan(out[-1])  # the bias of an output: it went all the way


def test_gradients_allocate_nothing():
    _nrt_python.memsys_enable_stats()
    try:
        for make in PROBLEMS.values():
            model = model_of(make())
            made = []
            for count in (1, 9):
                rows = np.empty((count, make().dimension))
                before = rtsys.get_allocation_stats().alloc
                worker_loop(model, make().start(), 1, 0, 0, BATCH, rows)
                made.append(rtsys.get_allocation_stats().alloc - before)
            assert made[0] == made[1]
    finally:
        _nrt_python.memsys_disable_stats()


# What has kernels, and what of it Python sees.


class Bowl(Quadratic):
    """Someone's own class: it may have changed anything."""


def test_only_problems_that_are_known_exactly_have_kernels():
    assert model_of(Bowl([1.0])) is None
    with pytest.raises(TypeError, match="Bowl"):
        CompiledProblem(Bowl([1.0]))


@each
def test_a_compiled_problem_is_the_problem_in_all_else(make):
    problem = make()
    wrapped = CompiledProblem(problem)
    x = point(problem)
    mine, its = np.empty_like(x), np.empty_like(x)
    assert (wrapped.start() == problem.start()).all()
    assert (wrapped.dimension, wrapped.words) == (problem.dimension, problem.words)
    assert wrapped.value(x) == problem.value(x)
    assert wrapped.full_gradient(x, mine) == problem.full_gradient(x, its)
    assert (mine == its).all()
    assert wrapped.constants() == problem.constants()
    assert isinstance(wrapped, DeferringProblem)
    assert not wrapped.defers(1) or type(problem) is MultilayerPerceptron


def test_a_compiled_problem_takes_arrays_with_gaps_and_refuses_other_shapes():
    problem = CompiledProblem(PROBLEMS["tanh"]())
    x, batch, out = point(problem), np.arange(10), np.empty(problem.dimension)
    gaps = np.full((problem.dimension, 2), np.nan)
    problem.gradient(x, batch, out)
    problem.gradient(np.repeat(x, 2)[::2], np.repeat(batch, 3)[::3], gaps[:, 0])
    assert (gaps[:, 0] == out).all()
    assert np.isnan(gaps[:, 1]).all()
    with pytest.raises(ValueError, match="shape"):
        problem.gradient(x[:-1], batch, out)


# What is compiled is kept on disk, for as long as it is what the sources say.


def fresh_process(code, folder):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "kept")}
    done = finish(*PYTHON, code, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_second_process_compiles_nothing_until_a_source_changes(tmp_path):
    inner = "from asysim.jit.compiler import compiled\n\n@compiled\ndef f(x):\n    return x + {}\n"
    (tmp_path / "inner.py").write_text(inner.format(1))
    (tmp_path / "outer.py").write_text(
        "import numpy as np\n"
        "from asysim.problems import Quadratic\n"
        "from asysim.problems.compiled import gradient, model_of, new_batch, new_work\n"
        "from asysim.jit.compiler import compiled\n"
        "from inner import f\n\n"
        "@compiled\n"
        "def run(model, x, out):\n"
        "    gradient(model, x, new_batch(model, 1), new_work(model, 1), out)\n"
        "    return f(out[0])\n"
    )
    code = (
        "from outer import *\n"
        "x = np.ones(1)\n"
        "print(run(model_of(Quadratic(3 * x)), x, x.copy()), sum(run.stats.cache_hits.values()))\n"
    )
    assert fresh_process(code, tmp_path) == ["4.0", "0"]
    assert fresh_process(code, tmp_path) == ["4.0", "1"]
    (tmp_path / "inner.py").write_text(inner.format(10))
    assert fresh_process(code, tmp_path) == ["13.0", "0"]
