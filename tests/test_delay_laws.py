"""Laws of τ: fits find the true one, tests keep their level on traces whose draws are dependent."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal, stats

import asysim
from asysim.delays.block_counts import ABOVE, BlockCounts
from asysim.delays.count_laws import Geometric, Moved, NegativeBinomial, Poisson, pmf
from asysim.delays.dependence import autocorrelation, correlation_time, effective_size, mean_error
from asysim.delays.fits import best_fit, fits, fitted, judged
from asysim.delays.given_laws import Known, Tabled
from asysim.delays.goodness import goodness
from asysim.delays.mixture import Mixture, speeds_behind
from asysim.delays.two_samples import compare
from asysim.show.staleness_table import fits_table
from asysim.theory.staleness import exponential_staleness
from tests.strategies import exponential, recorded, star

FALSE_ALARM = 1e-4


def exact(*rates):
    """The law that theory has for exponential workers, as a study tables it."""
    return Tabled("exact", exponential_staleness(rates, 1000))


LAWS = [
    Geometric(7.0),
    Poisson(7.0),
    NegativeBinomial(7.0, 2.5),
    NegativeBinomial(7.0, 1e6),
    Moved(Poisson(4.0), 3),
    Mixture((0.3, 0.7), (Poisson(2.0), Poisson(15.0))),
    exact(3.0, 1.0, 1.0),
]


def draws(seed):
    return np.random.default_rng([20, seed])


def trace(workers, seed, updates):
    """τ of a simulated trace of equal exponential workers, without its beginning."""
    document = star(workers, exponential(1e-3)) | {"seed": seed}
    beginning = 20 * workers
    return recorded(document, updates=updates + beginning).staleness[beginning:]


def shares(rates, seed, updates):
    """τ of exponential workers, from who makes each update: one drawn by its rate."""
    generator, p = draws(seed), len(rates)
    beginning = 40 * p
    who = generator.choice(p, updates + beginning, p=np.array(rates) / np.sum(rates))
    tau = np.empty(len(who), np.int64)
    for worker in range(p):
        own = np.flatnonzero(who == worker)
        tau[own] = np.diff(own, prepend=-1) - 1
    return tau[beginning:]


def autoregressive(seed, n, phi=0.9, mean=8.0):
    """Geometric numbers that depend on each other as an AR(1) process does."""
    z = signal.lfilter([1], [1, -phi], draws(seed).standard_normal(n + 500))[500:]
    uniform = stats.norm.cdf(z * np.sqrt(1 - phi**2))
    return stats.geom.ppf(uniform, 1 / (1 + mean)).astype(np.int64) - 1


def keeps_its_level(p_values):
    """Whether 5 % that become 3 to 8 % may be rejected as often; wrong with 1e-4."""
    rejected, of = int(np.sum(np.array(p_values) < 0.05)), len(p_values)
    few = stats.binom.cdf(rejected, of, 0.03) < FALSE_ALARM / 2
    many = stats.binom.sf(rejected - 1, of, 0.08) < FALSE_ALARM / 2
    assert not few, f"rejects {rejected} of {of}"
    assert not many, f"rejects {rejected} of {of}"


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_laws_are_laws(law):
    tau = np.arange(400)
    mass = pmf(law, tau)
    assert mass.sum() == pytest.approx(1, abs=1e-9)
    assert mass @ tau == pytest.approx(law.mean, rel=1e-6)
    ends = np.array([0, 1, 5, 12, 40])
    wide = np.exp(law.log_mass(ends[:-1], ends[1:] - 1))
    parts = np.add.reduceat(mass[:40], ends[:-1])
    assert wide == pytest.approx(parts, rel=1e-9)
    beyond = np.exp(law.log_mass(ends, np.full(5, ABOVE)))
    assert beyond == pytest.approx([mass[end:].sum() for end in ends], rel=1e-6, abs=1e-12)
    again = law.at(law.theta)
    assert again.log_mass(tau, tau) == pytest.approx(law.log_mass(tau, tau), rel=1e-9)


def test_a_table_is_the_law_that_it_has():
    tau = np.arange(300)
    told = exponential_staleness([5.0, 2.0, 2.0, 1.0], len(tau))
    table = Tabled("the same", told[:50])
    assert pmf(table, tau[:50]) == pytest.approx(told[:50], rel=1e-9)
    beyond = table.log_mass(np.array([30]), np.array([ABOVE]))
    assert np.exp(beyond) == pytest.approx(told[30:].sum(), rel=1e-6)


def test_a_mixture_tells_the_workers():
    slow, fast = 1 / 22, 8 / 22  # of all updates: each of six workers, and each of two
    mixture = Mixture((6 * slow, 2 * fast), (Geometric(1 / slow - 1), Geometric(1 / fast - 1)))
    tau = np.arange(300)
    told = exponential_staleness([8.0, 8, 1, 1, 1, 1, 1, 1], len(tau))
    assert pmf(mixture, tau) == pytest.approx(told, rel=1e-12)
    assert np.array(speeds_behind(mixture)) == pytest.approx(np.array([[6, slow], [2, fast]]))
    assert np.array(speeds_behind(Geometric(7.0))) == pytest.approx(np.array([[8, 1 / 8]]))
    assert speeds_behind(Poisson(7.0)) == ()
    assert speeds_behind(Mixture((0.5, 0.5), (Poisson(2.0), Poisson(7.0)))) == ()


def test_the_table_tells_the_workers():
    cluster = star(8, exponential(1e-3), workers={"speed": [8.0, 8.0, *[1.0] * 6]})
    study = asysim.staleness(recorded(cluster, updates=20_000).staleness)  # nothing but delays
    (best, *_) = study.fits
    (fast, slow) = speeds_behind(best.law)
    # A false alarm has probability 1e-4, about.
    assert fast == (pytest.approx(2, rel=0.1), pytest.approx(8 / 22, rel=0.05))
    assert slow == (pytest.approx(6, rel=0.1), pytest.approx(1 / 22, rel=0.1))
    note = fits_table(study).notes[-1]
    assert f"{fast[0]:.3g} of them make {fast[1]:.2%} and {slow[0]:.3g} of them make" in note


def test_scipy_says_the_same():
    tau = np.arange(100)
    assert pmf(Poisson(7.0), tau) == pytest.approx(stats.poisson.pmf(tau, 7.0))
    ours = pmf(NegativeBinomial(7.0, 2.5), tau)
    assert ours == pytest.approx(stats.nbinom.pmf(tau, 2.5, 2.5 / 9.5))


@pytest.mark.parametrize(
    ("kind", "draw", "truth"),
    [
        ("geometric", lambda g, n: g.geometric(1 / 8, n) - 1, {"q": 1 / 8}),
        ("Poisson", lambda g, n: g.poisson(7, n), {"mean": 7}),
        ("negative binomial", lambda g, n: g.negative_binomial(3, 0.3, n), {"mean": 7, "r": 3}),
        ("Poisson from 30", lambda g, n: 30 + g.poisson(4, n), {"mean": 4}),
        (
            "mixture of 2 Poisson",
            lambda g, n: np.where(g.random(n) < 0.3, g.poisson(2, n), g.poisson(15, n)),
            {"weight 1": 0.3, "mean 1": 2, "mean 2": 15},
        ),
        (
            "mixture of 2 geometric",  # two workers eight times as fast as six
            lambda g, n: shares([8, 8, 1, 1, 1, 1, 1, 1], g.integers(1000), n),
            {"q 1": 8 / 22, "q 2": 1 / 22, "weight 2": 6 / 22},
        ),
    ],
)
def test_fits_find_the_law(kind, draw, truth):
    found = fits(BlockCounts.of(draw(draws(1), 10_000)))
    assert found[0].name == kind
    assert found[0].test.p_value > FALSE_ALARM
    for name, value in truth.items():  # a false alarm has probability 1e-6 each
        assert abs(found[0].law.parameters[name] - value) < 5 * found[0].errors[name]
    wrong = {"geometric", "Poisson"} - {kind} if "negative" not in kind else {"Poisson"}
    assert all(fit.rejected for fit in found if fit.name in wrong)


@pytest.mark.parametrize(
    "tau",
    [
        np.floor(5 * draws(2).pareto(1.2, 5000)).astype(np.int64),  # no mean error to speak of
        draws(3).integers(5, 15, 5000),
        np.where(draws(4).random(5000) < 0.9, 7, draws(4).poisson(20, 5000)),  # mostly constant
    ],
    ids=["heavy", "uniform", "nearly constant"],
)
def test_all_fits_can_be_rejected(tau):
    found = fits(BlockCounts.of(tau))
    assert all(fit.rejected for fit in found)
    assert best_fit(found) is None


def test_a_constant_is_one():
    (fit,) = fits(BlockCounts.of(np.full(500, 7)))
    assert fit.name == "constant 7"
    assert fit.test is not None
    assert fit.test.p_value == 1
    assert judged(fit.law, BlockCounts.of(np.full(500, 8))).rejected
    with pytest.raises(ValueError, match="at least one"):
        fits(BlockCounts.of(np.zeros(0, np.int64)))


def test_errors_of_parameters_are_those_that_are_seen():
    # The AR(1) series is worth 1/19 of its length, so that textbook errors are 4 times too small.
    found = [fits_of(autoregressive(seed, 4000)) for seed in range(60)]
    q, error = np.array(found).T
    ratio = q.std(ddof=1) / np.sqrt(np.mean(error**2))
    assert 0.65 < ratio < 1.5  # of 60: a false alarm has probability 1e-4
    assert np.mean(np.sqrt(q**2 * (1 - q) / 4000)) < 0.5 * q.std(ddof=1)


def fits_of(tau):
    fit = fitted(Geometric(float(tau.mean())), BlockCounts.of(tau))
    return fit.law.parameters["q"], fit.errors["q"]


@pytest.mark.parametrize(
    ("draw", "law", "fitted"),
    [
        (lambda seed: draws(seed).geometric(1 / 8, 2000) - 1, Geometric(7.0), False),
        (lambda seed: draws(seed).geometric(1 / 8, 2000) - 1, Geometric(7.0), True),
        (lambda seed: trace(8, seed, 2000), exact(*[1.0] * 8), False),
        (lambda seed: trace(8, seed, 2000), Geometric(7.0), True),
        (lambda seed: shares([4, 1, 1], seed, 2000), exact(4, 1, 1), False),
        (lambda seed: autoregressive(seed, 4000), Geometric(8.0), False),
        (lambda seed: autoregressive(seed, 4000), Geometric(8.0), True),
    ],
    ids=["iid", "iid fitted", "trace", "trace fitted", "unequal", "AR", "AR fitted"],
)
def test_goodness_keeps_its_level(draw, law, fitted):
    law = law if fitted else Known("given", law)
    keeps_its_level([goodness(law, BlockCounts.of(draw(seed))).p_value for seed in range(80)])


def test_pearsons_test_would_not():
    # What all of this is for: the same draws, taken for independent.
    rejected = 0
    for seed in range(40):
        tau = np.minimum(autoregressive(seed, 4000), 30)
        due = stats.geom.pmf(np.arange(1, 31), 1 / 9)
        expected = 4000 * np.append(due, 1 - due.sum())
        rejected += stats.chisquare(np.bincount(tau, minlength=31), expected).pvalue < 0.05
    assert rejected > 20


def test_goodness_tells_a_worker_more():
    # Of 20,000 updates: 8 or 9 workers.
    blocks = BlockCounts.of(trace(8, 1, 20_000))
    assert not judged(exact(*[1.0] * 8), blocks).rejected
    assert judged(exact(*[1.0] * 9), blocks).rejected
    assert goodness(exact(*[1.0] * 8), BlockCounts.of(np.arange(10))) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda seed: trace(8, seed, 2000), lambda seed: trace(8, 1000 + seed, 2000)),
        (
            lambda seed: autoregressive(seed, 4000),
            lambda seed: draws(1000 + seed).geometric(1 / 9, 2000) - 1,
        ),
    ],
    ids=["traces", "AR and iid"],
)
def test_two_samples_keep_their_level(first, second):
    pairs = [
        compare(BlockCounts.of(first(seed)), BlockCounts.of(second(seed))) for seed in range(60)
    ]
    keeps_its_level([pair.law.p_value for pair in pairs])
    # Conservation fixes the mean of a trace: that test may reject less often.
    assert stats.binom.sf(sum(p.mean_p_value < 0.05 for p in pairs) - 1, 60, 0.08) > FALSE_ALARM
    for of in ("total_variation", "wasserstein"):
        outside = sum(getattr(pair, of).low > 0 for pair in pairs)  # both are 0
        assert stats.binom.sf(outside - 1, 60, 0.05) > FALSE_ALARM


def test_two_samples_tell_a_worker_more():
    pair = compare(BlockCounts.of(trace(8, 1, 20_000)), BlockCounts.of(trace(9, 2, 20_000)))
    assert pair.law.p_value < 1e-6
    assert pair.mean_p_value < 1e-6
    assert pair.difference == pytest.approx(-1, abs=0.05)
    one, other = (exponential_staleness([1.0] * p, 1000) for p in (8, 9))
    variation = np.abs(one - other).sum() / 2
    assert pair.total_variation.low <= variation <= pair.total_variation.high
    assert 0 < pair.wasserstein.low <= 1 <= pair.wasserstein.high  # the means' difference


def test_a_comparison_is_reproducible():
    one, other = BlockCounts.of(trace(3, 1, 500)), BlockCounts.of(trace(3, 2, 500))
    assert compare(one, other, seed=4).wasserstein == compare(one, other, seed=4).wasserstein
    assert compare(one, other, seed=4).wasserstein != compare(one, other, seed=5).wasserstein
    same = compare(one, one)
    assert (same.law.p_value, same.difference, same.total_variation.value) == (1, 0, 0)


def test_how_many_independent_draws():
    x = autoregressive(5, 200_000, phi=0.8)
    z = signal.lfilter([1], [1, -0.8], draws(6).standard_normal(200_000))
    assert autocorrelation(z, 5) == pytest.approx(0.8 ** np.arange(6), abs=0.03)
    assert correlation_time(autocorrelation(z)) == pytest.approx(9, rel=0.15)  # (1 + φ)/(1 − φ)
    assert correlation_time(autocorrelation(draws(7).random(10_000))) == pytest.approx(1, abs=0.15)
    assert effective_size(1000, 9.0) == pytest.approx(1000 / 9)
    time = correlation_time(autocorrelation(x))
    error, blocks = mean_error(BlockCounts.of(x))
    assert blocks > 30
    assert error == pytest.approx(np.sqrt(x.var() * time / len(x)), rel=0.35)
    assert autocorrelation(np.full(10, 3), 4).tolist() == [1, 0, 0, 0, 0]
    alternating = np.tile([1, 0], 500)
    assert correlation_time(autocorrelation(alternating)) < 0.1


def test_blocks_count_all():
    tau = draws(8).poisson(4, 1000)
    blocks = BlockCounts.of(tau, blocks=128)
    assert (len(blocks), blocks.length, blocks.observations) == (128, 7, 896)
    assert np.repeat(blocks.lowest, blocks.total).tolist() == sorted(tau[:896])
    assert blocks.sums.tolist() == tau[:896].reshape(128, 7).sum(axis=1).tolist()
    half = blocks.halved()
    assert (len(half), half.length) == (64, 14)
    assert half.means.mean() == pytest.approx(blocks.mean)
    edges = np.array([0, 1, 2, 4, 8, 16, 32])
    wide = np.stack([np.add.reduceat(row, edges[:-1]) for row in _full(blocks)])
    cells = BlockCounts.in_cells(wide, edges, blocks.sums, blocks.length)
    assert (cells.highest - cells.lowest + 1).tolist() == [1, 1, 2, 4, 8][: len(cells.lowest)]
    assert cells.total.sum() == 896
    # What is counted in wide cells is fitted as well.
    exact, coarse = (fits(of)[0] for of in (blocks, cells))
    assert exact.name == coarse.name == "Poisson"
    assert coarse.mean == pytest.approx(exact.mean, rel=0.02)


def _full(blocks):
    full = np.zeros((len(blocks), 32), np.int64)
    full[:, blocks.lowest] = blocks.counts
    return full


def test_large_delays_are_counted_together():
    tau = draws(9).negative_binomial(2, 1e-4, 10_000)
    exact = BlockCounts.of(tau)
    coarse = exact.coarser()
    assert len(coarse.lowest) < 1600 < len(exact.lowest)
    inside = np.searchsorted(coarse.lowest, tau[: exact.observations], side="right") - 1
    assert np.bincount(inside, minlength=len(coarse.lowest)).tolist() == coarse.total.tolist()
    assert (tau[: exact.observations] <= coarse.highest[inside]).all()
    assert (coarse.highest[:-1] < coarse.lowest[1:]).all()
    assert ((coarse.highest - coarse.lowest) * 64 <= coarse.lowest).all()
    best = fits(exact)[0]
    assert best.name == "negative binomial"
    assert abs(best.law.parameters["r"] - 2) < 5 * best.errors["r"]
    again = compare(exact, BlockCounts.of(tau // 2))
    assert again.wasserstein.value == pytest.approx(tau.mean() / 2, rel=0.01)
