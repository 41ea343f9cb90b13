"""Calibration's intervals hold the truth as often as they say, and so does its test of a law.

Each test makes many recordings of a known cluster, schedules only. Their number in which something
holds is binomial, and a test fails if so few would come less than once in 10,000 times: with about
30 such counts in this file, the file fails by chance once in 300 sets of seeds. Seeds are fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from asysim.calibration import FITS, NONE_FITS, calibrate
from asysim.calibration.families import (
    ExponentialFamily,
    GammaFamily,
    ShiftedFamily,
    UniformFamily,
)
from asysim.calibration.goodness import goodness
from asysim.calibration.heavy_families import (
    LogNormalFamily,
    ParetoFamily,
    TwoPhaseFamily,
    WeibullFamily,
)
from tests.strategies import recorded, star

SEEDS = 200
FALSE_ALARM = 1e-4

KNOWN = [
    (ExponentialFamily(), [1e-3]),
    (ShiftedFamily(), [1e-3, 3e-4]),
    (GammaFamily(), [1e-3, 0.3]),
    (GammaFamily(), [1e-3, 1.4]),
    (WeibullFamily(), [1e-3, 0.7]),
    (LogNormalFamily(), [1e-3, 0.8]),
    (UniformFamily(), [5e-4, 1e-3]),
    (ParetoFamily(), [1e-4, 1.5]),
    (TwoPhaseFamily(), [0.8, 5e-4, 4e-3]),
]


def enough(held, of, probability=0.95):
    """Whether a count is not surprisingly small."""
    return binom.cdf(held, of, probability) >= FALSE_ALARM


def document(seed, compute, pull, push, service):
    network, server = {"pull": pull, "push": push}, {"service": service}
    return star(3, compute, network=network, server=server, seed=seed)


CLUSTERS = {
    "light": (
        {"law": "gamma", "mean": 1e-3, "cv": 0.4},
        {"law": "exponential", "mean": 2e-4},
        1.5e-4,
        {"law": "exponential", "mean": 1e-4},
    ),
    "heavy": (
        {"law": "lognormal", "mean": 1e-3, "cv": 0.9},
        {"law": "weibull", "mean": 2e-4, "shape": 2.5},
        {"law": "uniform", "low": 1e-4, "high": 3e-4},
        {"law": "gamma", "mean": 2e-4, "cv": 0.5},
    ),
    "shifted": (
        {"law": "exponential", "mean": 1e-3, "shift": 4e-4},
        {"law": "exponential", "mean": 1e-4},
        2e-5,
        3e-5,
    ),
}


def covers(found, name, truth):
    """For each parameter of the true law that was told, whether its interval holds it."""
    fit = next((fit for fit in found.fits if fit.name == name), None)
    if fit is None:
        return  # workers were told apart, which chance does once in 1,000 times
    values = truth if isinstance(truth, dict) else {"value": truth}
    for key, value in values.items():
        told = fit.estimates.get(key)
        if key != "law" and told is not None:
            yield key, told.low <= value <= told.high


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_intervals_of_whole_calibrations_hold_the_truth(cluster):
    """All parameters of all stages, the law being found and not given; 200 runs of 700 gradients.

    Where another law is taken by chance, its mean, if it has one, is held against the truth. At
    least 85 % of the runs are to tell each parameter.
    """
    truth = dict(zip(("compute", "pull", "push", "service"), CLUSTERS[cluster], strict=True))
    told = {}
    for seed in range(SEEDS):
        trace = recorded(document(seed, **truth), 700)
        found = calibrate([trace], samples=0)
        for name, law in truth.items():
            for key, held in covers(found, name, law):
                told.setdefault((name, key), []).append(held)
    for place, held in told.items():
        assert len(held) >= 0.85 * SEEDS, (place, len(held))
        assert enough(sum(held), len(held)), (place, sum(held), len(held))


@pytest.mark.parametrize(("family", "theta"), KNOWN)
def test_intervals_and_draws_of_each_family(family, theta):
    """Intervals hold the truth, and so do the central 95 % of parameters redrawn."""
    generator = np.random.default_rng(11)
    theta = np.array(theta)
    held, drawn = np.zeros(len(theta)), np.zeros(len(theta))
    for _ in range(SEEDS):
        x = family.sample(theta, generator, (1, 300))[0]
        found = family.estimate(x)
        again = np.array([family.redraw(x, found, generator) for _ in range(200)])
        low, high = np.quantile(again, [0.025, 0.975], axis=0)
        held += [a <= value <= b for value, (a, b) in zip(theta, family.intervals(x, found),
                                                         strict=True)]  # fmt: skip
        drawn += (low <= theta) & (theta <= high)
    # 200 draws tell their own quantiles to 1.5 %, so 92.5 % may be right.
    for count in held:
        assert enough(count, SEEDS), held
    for count in drawn:
        assert enough(count, SEEDS, 0.925), drawn


@pytest.mark.parametrize(("family", "theta"), KNOWN[:-1])
def test_the_right_law_is_rejected_as_often_as_stated(family, theta):
    """At p < 0.05, in 200 samples: neither much more often than 5 % of them, nor never."""
    generator = np.random.default_rng(12)
    rejected = 0
    for _ in range(SEEDS):
        x = family.sample(np.array(theta), generator, (1, 150))[0]
        rejected += goodness(family, x, generator, samples=99).p_value <= 0.05
    assert binom.sf(rejected - 1, SEEDS, 0.05) >= FALSE_ALARM / 2, rejected
    assert binom.cdf(rejected, SEEDS, 0.05) >= FALSE_ALARM / 2, rejected


def test_a_whole_calibration_accepts_the_right_law():
    """Rejected at p < 0.01 in 60 runs; the law is picked first, which rejects more seldom."""
    accepted = 0
    for seed in range(60):
        law = {"law": "gamma", "mean": 1e-3, "cv": 0.5}
        trace = recorded(document(seed, law, 0.0, 0.0, 0.0), 400)
        accepted += calibrate([trace], samples=99).fits[0].verdict == FITS
    assert enough(accepted, 60, 0.99)


def test_two_humps_fit_none_and_stay_as_they_are():
    """A mixture of two narrow laws is told as it was measured: the same mean and quantiles."""
    humps = {
        "law": "mixture",
        "weights": [0.7, 0.3],
        "laws": [
            {"law": "gamma", "mean": 1e-3, "cv": 0.1},
            {"law": "gamma", "mean": 4e-3, "cv": 0.1},
        ],
    }
    trace = recorded(document(1, humps, 0.0, 0.0, 0.0), 9000)
    found = calibrate([trace])
    (fit,) = (fit for fit in found.fits if fit.name == "compute")
    assert fit.verdict == NONE_FITS
    assert fit.goodness.p_value < 0.01
    law = found.scenario().workers.compute
    measured = trace.seconds("done") - trace.seconds("ready")
    assert law.law == "empirical"
    assert len(law.times) == 5000
    assert law.mean == pytest.approx(measured.mean(), rel=1e-12)
    shares = np.linspace(0.01, 0.99, 50)
    assert law.quantile(shares) == pytest.approx(np.quantile(measured, shares), rel=0.02)
