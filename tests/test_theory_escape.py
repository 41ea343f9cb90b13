"""Escape from a saddle with delay: its laws against the recursions themselves."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asysim.theory.escape import escape_law, escape_times, impulse_response, moments
from asysim.theory.escape_exponential import (
    escape_law_of_exponential_workers,
    escape_times_of_exponential_workers,
)
from asysim.theory.stability import escape_root


@pytest.mark.parametrize(
    ("a", "delay", "root", "constant", "mean"),
    [
        (0.1, 0, 1.10000, 1.0000, 71.0),
        (0.1, 1, 1.09161, 0.9226, 77.5),
        (0.1, 4, 1.07491, 0.7820, 94.9),
        (0.1, 16, 1.04755, 0.5793, 149.0),
        (0.1, 64, 1.02314, 0.4086, 302.0),
        (0.02, 64, 1.01035, 0.6040, 593.5),
    ],
)
def test_constants_of_the_page(a, delay, root, constant, mean):
    law = escape_law(a, delay, 1e-3, 1.0)
    assert (law.growth, law.constant) == pytest.approx((root, constant), abs=5e-5)
    assert law.mean == pytest.approx(mean, abs=0.051)
    # an escape is told to whole updates: half a one later than the real number, on average
    assert escape_times(a, delay, 1e-3, 1.0).mean == pytest.approx(law.mean + 0.5, abs=0.02)


@given(a=st.floats(1e-3, 1), delay=st.integers(0, 40))
def test_the_impulse_response_grows_as_its_constant_says(a, delay):
    law = escape_law(a, delay, 1.0, 2.0)
    length = min(4000, 60 * (delay + 2))
    h = impulse_response(a, delay, length)
    for k in range(min(length - 1, 3 * delay + 3)):
        assert h[k + 1] == pytest.approx(h[k] + (a * h[k - delay] if k >= delay else 0))
    # what is beside C z^k dies out beside it
    assert h[-1] / law.growth ** (length - 1) == pytest.approx(law.constant, rel=1e-3)


def test_moments_are_those_of_the_recursion():
    # 40,000 Gaussian runs: the variance to 0.7 % at one standard deviation, five of which are
    # allowed, and as many of the mean: a false alarm has probability 1e-5 for another seed.
    rng, runs, a, s, start = np.random.default_rng(3), 40_000, 0.15, 0.3, 2.0
    for delay in (0, 3):
        x = [np.full(runs, start)]
        for k in range(30):
            x.append(x[k] + a * x[max(k - delay, 0)] + s * rng.normal(size=runs))
        mean, variance = moments(a, delay, s, start, 31)
        for k in (1, 2, 5, 30):
            error = math.sqrt(variance[k] / runs)
            assert abs(x[k].mean() - mean[k]) < 5 * error
            assert x[k].var() == pytest.approx(variance[k], rel=5 * math.sqrt(2 / runs))


def first_passage(a, s, radius, cells=400, updates=400):
    """Return P(K > k) of x' = (1 + a) x + s g from 0, on a grid: without delay x is Markov."""
    x = (np.arange(cells) + 0.5) / cells * 2 * radius - radius
    width = x[1] - x[0]
    apart = (x[:, None] - (1 + a) * x[None, :]) / s
    step = np.exp(-(apart**2) / 2) / (s * math.sqrt(2 * math.pi)) * width
    density = np.exp(-((x / s) ** 2) / 2) / (s * math.sqrt(2 * math.pi)) * width
    inside = [1.0]
    for _ in range(updates):
        inside.append(density.sum())
        density = step @ density
    return np.array(inside)


@pytest.mark.parametrize(("s", "error"), [(0.02, 1e-4), (0.05, 2e-3), (0.1, 0.01)])
def test_without_delay_the_law_is_that_of_the_first_passage(s, error):
    # γσ/R: what has passed R and is inside again later is left out, and matters where noise does
    exact = first_passage(0.1, s, 1.0)
    law = escape_times(0.1, 0, s, 1.0)
    assert law.mean == pytest.approx(exact.sum(), rel=error)
    assert np.abs(law.inside[:100] - exact[:100]).max() < 4 * error


@pytest.mark.parametrize("start", [0.0, 0.01])
def test_escape_times_of_the_recursion(start):
    # 20,000 runs each; five standard errors of the mean, 5 / sqrt(2n) times 1.6 of the deviation
    # (its kurtosis is that of ln|g|): a false alarm has probability 1e-5 for another seed.
    rng, runs = np.random.default_rng(11), 20_000
    for a, delay in ((0.1, 4), (0.3, 1)):
        x, seen = [np.full(runs, start)], np.zeros(runs, dtype=int)
        while not seen.all():
            k = len(x) - 1
            x.append(x[k] + a * x[max(k - delay, 0)] + 1e-3 * rng.normal(size=runs))
            seen[(seen == 0) & (np.abs(x[-1]) > 1)] = k + 1
        law = escape_times(a, delay, 1e-3, 1.0, start=start)
        assert abs(seen.mean() - law.mean) < 5 * law.deviation / math.sqrt(runs)
        assert seen.std() == pytest.approx(law.deviation, rel=5 * 1.6 / math.sqrt(2 * runs))
        chances = law.chances
        assert chances.sum() == pytest.approx(1, abs=1e-6)
        later = 1 - np.cumsum(np.bincount(seen, minlength=len(law.inside))) / runs
        # Dvoretzky, Kiefer & Wolfowitz: 2 exp(−2nε²) is 1e-5
        assert np.abs(later[: len(law.inside)] - law.inside).max() < math.sqrt(6.1 / runs)


def test_stable_directions_are_taken_off_the_radius():
    stable = np.array([[-0.5, 0.2, 0.0]])  # its variance is 0.04/0.75 in the long run
    law = escape_times(0.1, 0, 1e-3, 1.0, stable=stable)
    floor = 0.2**2 / (1 - 0.5**2)
    assert law.mean == pytest.approx(
        escape_times(0.1, 0, 1e-3, math.sqrt(1 - floor)).mean, rel=1e-4
    )


@pytest.mark.parametrize(("p", "a"), [(2, 0.1), (17, 0.1), (5, 0.4)])
def test_exponential_workers(p, a):
    # As above, and 0.5 % for what the law itself leaves out.
    rng, runs = np.random.default_rng(5), 20_000
    x, held, all_ = np.zeros(runs), np.zeros((p, runs)), np.arange(runs)
    seen, k = np.zeros(runs, dtype=int), 0
    while not seen.all():
        worker = rng.integers(0, p, runs)
        x = x + a * held[worker, all_] + 1e-3 * rng.normal(size=runs)
        held[worker, all_] = x
        k += 1
        seen[(seen == 0) & (np.abs(x) > 1)] = k
    law = escape_times_of_exponential_workers(a, p, 1e-3, 1.0)
    assert abs(seen.mean() - law.mean) < 5 * law.deviation / math.sqrt(runs) + 5e-3 * law.mean
    assert seen.std() == pytest.approx(law.deviation, rel=0.01 + 5 * 1.6 / math.sqrt(2 * runs))


@given(a=st.floats(1e-3, 1), p=st.integers(1, 64))
def test_roots_of_exponential_workers(a, p):
    law = escape_law_of_exponential_workers(a, p, 1e-3, 1.0)
    z = law.growth
    assert z * z - (2 - 1 / p + a / p) * z + 1 - 1 / p == pytest.approx(0, abs=1e-12)
    # random delays of the same mean escape sooner
    assert z >= escape_root(a, p - 1) - 1e-12
    assert law.constant <= 1 + 1e-12


@pytest.mark.parametrize(
    ("call", "wrong", "text"),
    [
        (escape_law, (0.0, 0, 1.0, 1.0), "a > 0"),
        (escape_law, (0.1, -1, 1.0, 1.0), "delay ≥ 0"),
        (escape_law, (0.1, 0, 0.0, 1.0), "noise > 0"),
        (escape_law, (0.1, 0, 1.0, math.inf), "finite radius"),
        (escape_law_of_exponential_workers, (0.1, 0, 1.0, 1.0), "workers ≥ 1"),
        (escape_times, (1e-9, 0, 1e-3, 1.0), "growth by 1e-09 in an update is too slow"),
    ],
)
def test_arguments_out_of_range(call, wrong, text):
    with pytest.raises(ValueError, match=text):
        call(*wrong)
