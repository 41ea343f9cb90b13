"""When c of p workers are done, against exact moments, binomial sums and seeded draws."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from asysim.laws import (
    Constant,
    Empirical,
    Exponential,
    Gamma,
    Hyperexponential,
    LogNormal,
    Mixture,
    Pareto,
    Scaled,
    Uniform,
)
from asysim.theory.rounds import first_of_time, order_statistic_mean


@st.composite
def places(draw, most=300):
    workers = draw(st.integers(1, most))
    return workers, draw(st.integers(1, workers))


@given(place=places(), mean=st.floats(1e-6, 100))
def test_exponential_law_by_harmonic_numbers(place, mean):
    workers, needed = place
    law = Exponential(law="exponential", mean=2 * mean, shift=mean)
    expected = mean + first_of_time(workers, needed, mean)
    assert order_statistic_mean(law, workers, needed) == pytest.approx(expected, rel=1e-9)


@given(place=places())
def test_uniform_and_constant_laws_are_exact(place):
    workers, needed = place
    expected = 2 + 3 * needed / (workers + 1)
    found = order_statistic_mean(Uniform(law="uniform", low=2.0, high=5.0), workers, needed)
    assert found == pytest.approx(expected, rel=1e-9)
    assert order_statistic_mean(Constant(value=0.7), workers, needed) == 0.7


@pytest.mark.parametrize(
    "law",
    [
        Gamma(law="gamma", mean=2.0, cv=0.3),
        Gamma(law="gamma", mean=2.0, cv=2.0),
        LogNormal(law="lognormal", mean=2.0, cv=1.5),
        Pareto(law="pareto", mean=2.0, alpha=3.0),
        Hyperexponential(law="hyperexponential", mean=2.0, cv=3.0),
        Empirical(law="empirical", values=(0.5, 1.0, 4.5)),
        Scaled(Pareto(law="pareto", mean=0.5, alpha=1.2), 4.0),
    ],
)
def test_order_statistics_sum_to_the_mean_of_all(law):
    found = [order_statistic_mean(law, 12, needed) for needed in range(1, 13)]
    assert sorted(found) == found
    assert math.fsum(found) / 12 == pytest.approx(2.0, rel=1e-9)
    assert order_statistic_mean(law, 1, 1) == pytest.approx(2.0, rel=1e-9)


@pytest.mark.parametrize(
    ("law", "draws"),
    [
        (Gamma(law="gamma", mean=2.0, cv=0.5), stats.gamma(4, scale=0.5)),
        (
            LogNormal(law="lognormal", mean=1.0, cv=1.0),
            stats.lognorm(math.sqrt(math.log(2)), scale=math.sqrt(0.5)),
        ),
        (Pareto(law="pareto", mean=1.5, alpha=3.0), stats.pareto(3.0)),
    ],
)
@pytest.mark.parametrize(("workers", "needed"), [(7, 1), (7, 5), (7, 7)])
def test_order_statistics_of_scipys_draws(law, draws, workers, needed):
    # Seeded; five standard errors: for another seed a false alarm has probability 1e-6 each.
    times = draws.rvs(size=(40_000, workers), random_state=np.random.default_rng(11))
    found = np.sort(times, axis=1)[:, needed - 1]
    error = 5 * found.std() / math.sqrt(len(found))
    assert order_statistic_mean(law, workers, needed) == pytest.approx(found.mean(), abs=error)


@pytest.mark.parametrize("alpha", [1.05, 1.5, 4.0])
@pytest.mark.parametrize(("workers", "needed"), [(1, 1), (6, 6), (6, 3)])
def test_heavy_tails_by_the_tail_integral(alpha, workers, needed):
    # E T = least + ∫ P(T > t) dt; with t = least · e^s the tail e^{−αs} of each is exact.
    law = Pareto(law="pareto", mean=3.0, alpha=alpha)
    least = 3.0 * (alpha - 1) / alpha

    def late(s):
        return float(stats.binom.sf(workers - needed, workers, math.exp(-alpha * s))) * math.exp(s)

    above, _ = integrate.quad(late, 0, 700 / alpha, limit=2000)
    assert order_statistic_mean(law, workers, needed) == pytest.approx(
        least * (1 + above), rel=1e-6
    )


@pytest.mark.parametrize("p", [1, 2, 5])
def test_hyperexponential_by_inclusion_and_exclusion(p):
    # A law whose `quantile` does not rise. P(T > t)^k is a sum of exponentials, by the binomial.
    w, m, v, n = 0.3, 4.0, 0.7, 0.5
    law = Hyperexponential(law="hyperexponential", weights=(w, v), means=(m, n))

    def all_late(k):
        return math.fsum(
            math.comb(k, i) * w**i * v ** (k - i) / (i / m + (k - i) / n) for i in range(k + 1)
        )

    last = math.fsum(-((-1) ** k) * math.comb(p, k) * all_late(k) for k in range(1, p + 1))
    assert order_statistic_mean(law, p, 1) == pytest.approx(all_late(p), rel=1e-9)
    assert order_statistic_mean(law, p, p) == pytest.approx(last, rel=1e-9)


@pytest.mark.parametrize(("workers", "needed"), [(1, 1), (5, 5), (10, 8), (40, 20)])
def test_two_values_are_binomial(workers, needed):
    # The c-th is the short one if at least c are short.
    short = stats.binom.sf(needed - 1, workers, 0.75)
    expected = short * 1.0 + (1 - short) * 3.0
    exact = Empirical(law="empirical", values=(1.0, 1.0, 3.0, 1.0))
    assert order_statistic_mean(exact, workers, needed) == pytest.approx(expected, rel=1e-12)
    assert order_statistic_mean(Scaled(exact, 2.0), workers, needed) == pytest.approx(2 * expected)
    mixture = Mixture(
        law="mixture", weights=(1.0, 3.0), laws=(Constant(value=3.0), Constant(value=1.0))
    )
    assert order_statistic_mean(mixture, workers, needed) == pytest.approx(expected, rel=1e-12)
    assert order_statistic_mean(Scaled(mixture, 2.0), workers, needed) == pytest.approx(
        2 * expected, rel=1e-12
    )


@pytest.mark.parametrize(("workers", "needed"), [(1, 1), (5, 3)])
def test_a_jump_beside_something_smooth(workers, needed):
    # Short: uniform on (0, 1), else 3. Given that j are short, the c-th is c / (j + 1) or 3.
    mixture = Mixture(
        law="mixture",
        weights=(3.0, 1.0),
        laws=(Uniform(law="uniform", low=0.0, high=1.0), Constant(value=3.0)),
    )
    expected = math.fsum(
        float(stats.binom.pmf(j, workers, 0.75)) * (needed / (j + 1) if j >= needed else 3.0)
        for j in range(workers + 1)
    )
    found = order_statistic_mean(mixture, workers, needed)
    assert found == pytest.approx(expected, abs=2 * 3e-3), "3e-3 of a jump of 2"


@pytest.mark.parametrize(("alpha", "finite"), [(0.5, (1, 2, 3)), (1.0, (1, 2, 3, 4))])
def test_which_of_heavy_order_statistics_are_finite(alpha, finite):
    # The c-th of p is finite if and only if α(p − c + 1) > 1.
    law = Pareto(law="pareto", least=2.0, alpha=alpha)
    mixture = Mixture(law="mixture", weights=(1.0, 1.0), laws=(Constant(value=1.0), law))
    for c in range(1, 6):
        for some in (law, Scaled(law, 0.5)):
            assert math.isfinite(order_statistic_mean(some, 5, c)) == (c in finite)
    for some in (mixture, Scaled(mixture, 0.5)):
        assert order_statistic_mean(some, 5, len(finite) + 1) == math.inf
    assert math.isfinite(order_statistic_mean(mixture, 5, 1))
    # The first of p is Pareto with exponent pα.
    exponent = 5 * alpha
    assert order_statistic_mean(law, 5, 1) == pytest.approx(2.0 * exponent / (exponent - 1))


@dataclass(frozen=True)
class InfiniteMean:
    """P(T > t) = 1/t."""

    mean: float = math.inf

    def quantile(self, uniform):
        return 1 / (1 - uniform)


def test_a_law_of_ones_own_with_an_infinite_mean():
    # The c-th of p has mean p / (p − c): finite but for the last.
    assert order_statistic_mean(InfiniteMean(), 4, 4) == math.inf
    assert order_statistic_mean(InfiniteMean(), 8, 6) == pytest.approx(8 / 2, rel=1e-9)
    assert order_statistic_mean(InfiniteMean(), 8, 1) == pytest.approx(8 / 7, rel=1e-9)


@pytest.mark.parametrize(("workers", "needed"), [(0, 0), (2, 3), (2, 0)])
def test_arguments_out_of_range(workers, needed):
    with pytest.raises(ValueError, match="needs"):
        order_statistic_mean(Constant(value=1.0), workers, needed)
