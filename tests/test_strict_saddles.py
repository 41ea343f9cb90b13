"""Known stationary points, curvatures and constants, held against dense Hessians."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest

from asysim.errors import InputError
from asysim.problems import (
    MatrixFactorization,
    MatrixSensing,
    Quadratic,
    SaddleChain,
    StreamingPca,
    StreamingPhaseRetrieval,
    SymmetricFactorization,
)
from asysim.problems.base import MappedProblem, curvature_of
from asysim.problems.compiled import CompiledProblem
from asysim.problems.data import covariance, low_rank_matrix, symmetric_tables
from asysim.problems.start import first_iterate
from asysim.random.streams import Purpose, WordSource
from tests.problems import STRICT_SADDLES, random
from tests.support import ROOT

PROBLEMS = STRICT_SADDLES | {
    "saddle": lambda: Quadratic([1.0, 0.3, -0.5], noise=2.0, start=0.1),
    "valley": lambda: Quadratic([1.0, 0.0, 0.0, 2.0]),
}
each = pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS.keys())


def hessian(problem, x):
    """Return ∇²f(x) as a matrix, column by column."""
    return np.array([problem.hvp(x, axis) for axis in np.eye(problem.dimension)])


def spots(problem):
    """Return points where the constants are to hold: some near, some far."""
    for seed in range(6):
        yield problem.start() + 0.3 * 4**seed * random(seed).standard_normal(problem.dimension)


def within(problem, x):
    """Return x, or if it is farther out than constants hold, the point there on the way to it."""
    radius = getattr(problem, "radius", np.inf)
    return x * min(1.0, radius / size(problem, x))


def size(problem, x):
    """Return the norm that says how far constants hold: spectral for a matrix, else Euclidean."""
    return np.linalg.norm(problem.factor(x), 2) if hasattr(problem, "factor") else np.linalg.norm(x)


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
@pytest.mark.parametrize("scale", [1e40, 1e100, 1e200])
def test_far_out_values_are_large_or_infinite_but_no_error(make, scale):
    problem = make()
    x = scale * np.ones(problem.dimension)
    with np.errstate(all="ignore"):  # as replay does: a run diverges, and says so
        value = problem.value(x)
        problem.full_gradient(x, np.empty_like(x))
        problem.hvp(x, x)
    assert not value < 1 or isinstance(problem, SaddleChain | Quadratic)


@each
def test_compiled_problems_know_the_same_points(make):
    problem = CompiledProblem(make())
    assert isinstance(problem, MappedProblem)
    names = [point.name for point in problem.critical_points()]
    assert names == [point.name for point in make().critical_points()]


@each
def test_constants_bound_what_they_say(make):
    problem = make()
    constants = problem.constants()
    places = [within(problem, x) for x in spots(problem)]
    tables = [hessian(problem, x) for x in places]
    for x, table in zip(places, tables, strict=True):
        if constants.minimum is not None:
            assert problem.value(x) >= constants.minimum - 1e-12
        if constants.lipschitz is not None:
            assert np.linalg.norm(table, 2) <= constants.lipschitz * (1 + 1e-9)
        if constants.coordinate_lipschitz is not None:
            assert abs(np.diag(table)).max() <= constants.coordinate_lipschitz * (1 + 1e-9)
        if constants.hessian_lipschitz is not None:
            for seed in range(5):
                other = within(problem, x + random(seed).standard_normal(problem.dimension))
                change = np.linalg.norm(hessian(problem, other) - table, 2)
                bound = constants.hessian_lipschitz * np.linalg.norm(other - x)
                assert change <= bound * (1 + 1e-9) + 1e-9


def single_samples(problem, x, count):
    """Return the gradients at x of some samples, shape (count, n)."""
    words = WordSource(5).words(Purpose.SAMPLE, 0, 0, count * problem.words)
    batches = problem.sample(words.reshape(count, 1, problem.words))
    out = np.empty((count, problem.dimension))
    for batch, row in zip(batches, out, strict=True):
        problem.gradient(x, batch, row)
    return out


@each
def test_sampled_gradients_average_to_the_full_one(make):
    # Each coordinate is within 6 standard errors: a false alarm in 1e8 if errors are Gaussian, and
    # the seed is fixed. Their spread, a mean of heavier tails, is held to its bound up to 10 %.
    problem = make()
    x = within(problem, problem.start() + 0.3 * random(3).standard_normal(problem.dimension))
    samples = single_samples(problem, x, 4000)
    errors = samples.std(axis=0) / np.sqrt(len(samples)) + 1e-12
    assert (abs(samples.mean(axis=0) - full_gradient(problem, x)) <= 6 * errors).all()
    variance = problem.constants().variance
    if variance is not None:
        assert samples.var(axis=0).sum() <= 1.1 * variance + 1e-20


@each
def test_the_known_curvature_is_of_the_hessian(make):
    problem = make()
    for x in spots(problem):
        low, high = problem.curvature(x)
        least = np.linalg.eigvalsh(hessian(problem, x))[0]
        scale = abs(least) + 1
        assert low - 1e-9 * scale <= least <= high + 1e-9 * scale


def test_constants_of_a_quadratic_are_its_eigenvalues():
    constants = PROBLEMS["saddle"]().constants()
    assert (constants.lipschitz, constants.coordinate_lipschitz) == (1.0, 1.0)
    assert constants.hessian_lipschitz == 0.0


# The chain


def test_the_largest_curvature_of_a_chain_is_attained():
    for dimension in (1, 2, 5):
        problem = SaddleChain(dimension, descent=0.3, ratio=3.0)
        steepest = np.linalg.eigvalsh(hessian(problem, problem.critical_points()[-1].point))[-1]
        assert problem.constants().lipschitz == pytest.approx(steepest)


def test_a_chain_falls_by_the_same_at_each_saddle():
    problem = SaddleChain(6, descent=0.2, ratio=1.5)
    values = [problem.value(point.point) for point in problem.critical_points()]
    np.testing.assert_allclose(values, 2 * 0.2 * np.arange(6, -1, -1), atol=1e-14)
    minimum = problem.critical_points()[-1]
    assert (minimum.name, minimum.is_saddle) == ("minimum", False)


def test_every_stationary_point_of_a_chain_is_a_minimum_or_a_strict_saddle():
    # Newton's method for ∇f = 0 finds all kinds of them, also those that are not on the list.
    problem, found = SaddleChain(4, descent=0.3, ratio=2.0), []
    listed = problem.critical_points()
    for seed in range(60):
        x = 3 * random(seed).standard_normal(4)
        for _ in range(60):
            x = x - np.linalg.lstsq(hessian(problem, x), full_gradient(problem, x), rcond=1e-9)[0]
        if np.linalg.norm(full_gradient(problem, x)) < 1e-10:
            found.append(problem.curvature(x).low)
            is_minimum = listed[-1].distance(x) < 1e-6
            assert found[-1] == pytest.approx(0.3) if is_minimum else found[-1] <= -0.3 + 1e-9
    assert len(found) > 30
    assert min(found) < 0 < max(found)


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_plain_descent_passes_all_saddles_in_order_and_takes_longer_at_each(ratio):
    problem = SaddleChain(4, descent=0.25, ratio=ratio, start=0.05)
    x, slope, points = problem.start(), np.empty(4), problem.critical_points()
    order, left = [], []
    for update in range(2500):
        nearest = int(np.argmin([point.distance(x) for point in points]))
        if not order or nearest != order[-1]:
            order.append(nearest)
            left.append(update)
        problem.full_gradient(x, slope)
        x -= 0.5 * slope
    assert order == [0, 1, 2, 3, 4]
    # Times S_1 … S_4: each is 1 + κ times the one before, and what the passage itself takes.
    factors = np.divide(left[2:], left[1:-1])
    assert (factors >= 1 + ratio - 0.02).all()
    assert (np.diff(left, 2) > 0).all()
    assert problem.value(x) < 1e-20


def test_noise_makes_every_saddle_of_a_chain_alike():
    # Means of 8 runs over the 4 saddles: largest over least is 1.15 ± 0.06, and without noise 27.
    left = []
    for seed in range(8):
        problem = SaddleChain(4, descent=0.25, ratio=2.0, noise=0.02, start=0.0)
        noise, points = random(seed), problem.critical_points()
        x, slope, times, update = problem.start(), np.empty(4), [0], 0
        while len(times) < 5:
            if points[len(times)].distance(x) < points[len(times) - 1].distance(x):
                times.append(update)
            problem.full_gradient(x, slope)
            x -= 0.4 * (slope + problem.deviation * noise.standard_normal(4))
            update += 1
            assert update < 3000
        left.append(np.diff(times))
    mean = np.mean(left, axis=0)
    assert mean.max() < 1.6 * mean.min()


# Closed forms of the others


def test_constants_of_streaming_problems_are_attained():
    pca = StreamingPca([2.0, 1.0, 0.5])
    phases = StreamingPhaseRetrieval([0.6, -0.8, 0.0])
    for problem, steepest in [(pca, [0, 0, 1]), (phases, [0, 0, 1])]:
        constants, x = problem.constants(), problem.radius * np.array(steepest, dtype=float)
        table = hessian(problem, x)
        assert constants.lipschitz == pytest.approx(np.linalg.eigvalsh(table)[-1])
        change = np.linalg.norm(hessian(problem, (1 - 1e-6) * x) - table, 2)
        assert change == pytest.approx(
            constants.hessian_lipschitz * 1e-6 * problem.radius, rel=1e-5
        )


def test_moments_of_streaming_problems():
    # 40,000 samples each; the variance of the squares is estimated, and 5 standard errors allowed.
    pca = StreamingPca([2.0, 1.0, 0.5])
    x = pca.radius * np.array([1.0, 0.0, 0.0])
    squares = np.sum((single_samples(pca, x, 40_000) - full_gradient(pca, x)) ** 2, axis=1)
    error = squares.std() / np.sqrt(len(squares))
    assert abs(squares.mean() - pca.constants().variance) < 5 * error
    phases = StreamingPhaseRetrieval([0.6, -0.8, 0.0])
    x = phases.radius * np.array([0.0, 0.0, 1.0])
    squares = np.sum(single_samples(phases, x, 40_000) ** 2, axis=1)
    error = squares.std() / np.sqrt(len(squares))
    assert abs(squares.mean() - phases.constants().variance) < 5 * error


def test_a_step_of_streaming_pca_is_one_of_ojas_rule():
    start = first_iterate(4, None, scale=1.0)
    problem, step, size = StreamingPca([2.0, 1.0, 0.5, 0.1], start=start), 0.02, 7
    x = problem.start()
    words = WordSource(1).words(Purpose.SAMPLE, 0, 0, size * 4).reshape(1, size, 4)
    (batch,) = problem.sample(words)
    out = np.empty(4)
    problem.gradient(x, batch, out)
    samples = batch * np.sqrt(problem.eigenvalues)
    rate = step / (1 - step * size * (x @ x))
    oja = x + rate * samples.T @ (samples @ x)
    after = x - step * out
    np.testing.assert_allclose(after / np.linalg.norm(after), oja / np.linalg.norm(oja), rtol=1e-12)


def test_descent_finds_the_first_eigenvector_and_the_signal():
    for problem, goal in [
        (StreamingPca([1.0, 2.0, 0.5], start=first_iterate(3, None, seed=2)), "eigenvector 1"),
        (StreamingPhaseRetrieval([0.6, -0.8, 0.0], start=first_iterate(3, None, seed=2)), "signal"),
    ]:
        x, slope = problem.start(), np.empty(3)
        for _ in range(2000):
            problem.full_gradient(x, slope)
            x -= 0.02 * slope
        assert {p.name: p for p in problem.critical_points()}[goal].distance(x) < 1e-8
        assert problem.value(x) == pytest.approx(problem.constants().minimum, abs=1e-12)


# Low rank


def rotation(size, seed):
    return np.linalg.qr(random(seed).standard_normal((size, size)))[0]


@pytest.mark.parametrize("name", ["symmetric", "sensing", "all observed"])
def test_distances_of_factors_are_modulo_rotation(name):
    problem = STRICT_SADDLES[name]()
    rank = problem.rank
    for point in problem.critical_points():
        table = point.point.reshape(-1, rank)
        turned = [table @ rotation(rank, seed) for seed in range(200)]
        assert max(point.distance(other.ravel()) for other in turned) < 1e-12
        away = table + 0.3 * random(7).standard_normal(table.shape)
        found = point.distance(away.ravel())
        assert found <= min(np.linalg.norm(away - other) for other in turned) + 1e-12
        assert point.distance((away @ turned_by(rank)).ravel()) == pytest.approx(found)


def turned_by(rank):
    return rotation(rank, 1000)


def test_rank_deficient_points_are_saddles_and_the_last_is_the_minimum():
    problem = SymmetricFactorization(covariance(6, [5, 3, 2, 1]), rank=3)
    points = problem.critical_points()
    assert [point.least_curvature for point in points] == pytest.approx([-5, -3, -2, 0])
    assert [point.is_saddle for point in points] == [True, True, True, False]
    values = [problem.value(point.point) for point in points]
    np.testing.assert_allclose(values, np.array([39, 14, 5, 1]) / 4)
    assert problem.constants().minimum == pytest.approx(values[-1])
    wide = MatrixFactorization(low_rank_matrix(7, 6, rank=2, seed=3), rank=4)
    points = wide.critical_points()
    sigma = np.linalg.svd(wide.matrix)[1]
    assert [p.least_curvature for p in points] == pytest.approx([-sigma[0] / 42, -sigma[1] / 42, 0])
    assert [point.is_saddle for point in points] == [True, True, False]


def test_between_equal_eigenvalues_there_is_no_known_point():
    names = [p.name for p in STRICT_SADDLES["symmetric, equal"]().critical_points()]
    assert names == ["rank 0", "rank 1", "rank 3"]


def test_constants_of_a_symmetric_factorization_are_attained():
    problem = SymmetricFactorization(covariance(3, [1.0]), rank=2)
    empty = problem.eigenvectors[:, -1]
    x = np.outer(problem.radius * empty, [1.0, 0.0]).ravel()
    constants, table = problem.constants(), hessian(problem, x)
    assert np.linalg.eigvalsh(table)[-1] == pytest.approx(constants.lipschitz)
    change = np.linalg.norm(hessian(problem, (1 - 1e-6) * x) - table, 2)
    assert change == pytest.approx(constants.hessian_lipschitz * 1e-6 * problem.radius, rel=1e-5)


def test_sensing_is_symmetric_factorization_in_expectation():
    # 40,000 tables of 3 × 3: a mean within 5 standard errors of what it estimates.
    matrix, count = covariance(3, [2.0, 1.0]), 40_000
    tables = symmetric_tables(count, 3, seed=9)
    whole = SymmetricFactorization(matrix, rank=2)
    x = random(1).standard_normal(6)
    factor = x.reshape(3, 2)
    terms = 0.25 * np.einsum("kij,ij->k", tables, factor @ factor.T - matrix) ** 2
    assert abs(terms.mean() - whole.value(x)) < 5 * terms.std() / np.sqrt(count)
    sensed = MatrixSensing(tables, matrix, rank=2)
    assert sensed.value(x) == pytest.approx(terms.mean())
    (zero, truth), (origin, *_) = sensed.critical_points(), whole.critical_points()
    assert zero.least_curvature == pytest.approx(origin.least_curvature, rel=0.05)
    assert sensed.value(truth.point) == pytest.approx(0, abs=1e-25)


def test_what_low_rank_problems_refuse():
    matrix = covariance(3, [2.0, 1.0])
    with pytest.raises(InputError, match="matrix: found eigenvalues from -1"):
        SymmetricFactorization(-matrix + np.eye(3), rank=1)
    with pytest.raises(InputError, match="rank: found 4"):
        SymmetricFactorization(matrix, rank=4)
    with pytest.raises(InputError, match="tables: found shape"):
        MatrixSensing(symmetric_tables(5, 2), matrix, rank=1)
    with pytest.raises(InputError, match="symmetric"):
        MatrixSensing(np.arange(9.0).reshape(1, 3, 3), matrix, rank=1)


def test_the_page_says_what_its_code_prints():
    page = (ROOT / "docs" / "strict_saddles.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    (said,) = re.findall(r"^```text\n(.*?)^```", page, re.M | re.S)
    with redirect_stdout(StringIO()) as printed:
        exec(code, {})
    assert printed.getvalue() == said
