"""The finite-source queue with any law of service, held to the chain at departures and to MVA."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binom

from asysim.laws import (
    Constant,
    Empirical,
    Erlang,
    Exponential,
    Gamma,
    Hyperexponential,
    LogNormal,
    Mixture,
    Pareto,
    Scaled,
    Uniform,
    Weibull,
)
from asysim.laws.distribution import leaves
from asysim.theory.network import deterministic_throughput, throughput_by_erlang
from asysim.theory.repair import log_transform, repair_throughput

LAWS = [
    Constant(value=0.1),
    Uniform(law="uniform", low=0.02, high=0.18),
    Uniform(law="uniform", low=0.1, high=0.1),
    Exponential(law="exponential", mean=0.1, shift=0.04),
    Gamma(law="gamma", mean=0.1, cv=0.4),
    Erlang(law="erlang", mean=0.1, stages=3),
    Hyperexponential(law="hyperexponential", mean=0.1, cv=3.0),
    LogNormal(law="lognormal", mean=0.1, cv=1.5),
    Weibull(law="weibull", mean=0.1, shape=0.6),
    Pareto(law="pareto", mean=0.1, alpha=1.8),
    Empirical(law="empirical", values=[0.01, 0.02, 0.02, 0.35]),
    Mixture(law="mixture", weights=[3, 1],
            laws=[Constant(value=0.05), Exponential(law="exponential", mean=0.25)]),
    Scaled(Gamma(law="gamma", mean=1.0, cv=0.4), 0.1),
]  # fmt: skip


def numbers_of(law, points=4000):
    """Return values of a law and their weights: each part at points even in the logit."""
    logit = np.linspace(-90, 36, points)
    uniform = 1 / (1 + np.exp(-logit))
    weight = uniform / (1 + np.exp(logit))
    parts = [(leaf.quantile(uniform), w * weight / weight.sum()) for w, leaf in leaves(law)]
    return np.hstack([values for values, _ in parts]), np.hstack([w for _, w in parts])


def by_chain(customers, away, law):
    """Return services per second from the queue that departures leave behind, a Markov chain."""
    times, weights = numbers_of(law)
    came = -np.expm1(-times / away)
    step = np.zeros((customers, customers))
    for left in range(1, customers):  # at the beginning of a service
        chances = weights @ binom.pmf(np.arange(customers - left + 1), customers - left,
                                      came[:, None])  # fmt: skip
        step[left, left - 1 :] = chances
    step[0] = step[1]  # an empty queue waits for one to come
    values, vectors = np.linalg.eig(step.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    empty = stationary[0] / stationary.sum()
    return 1 / (law.mean + empty * away / customers)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
@pytest.mark.parametrize("customers", [2, 5, 12])
def test_any_law_of_service_agrees_with_the_chain_at_departures(law, customers):
    # The chain's weights integrate laws to some 1e-6; an empirical law's jumps cost more.
    rough = 2e-3 if isinstance(law, Empirical) else 1e-5
    found = repair_throughput(customers, 1.0, law)
    assert found == pytest.approx(by_chain(customers, 1.0, law), rel=rough)


def test_constant_service_of_a_tenth_for_eight_workers():
    # The operational bound, 8/1.1 = 7.273, is 6 % above it.
    assert repair_throughput(8, 1.0, Constant(value=0.1)) == pytest.approx(6.853, abs=5e-4)


@pytest.mark.parametrize("law", [
    Exponential(law="exponential", mean=0.01), Weibull(law="weibull", mean=0.01, shape=1.0),
    Mixture(law="mixture", weights=[1, 1], laws=[Exponential(law="exponential", mean=0.01)] * 2),
])  # fmt: skip
@pytest.mark.parametrize("customers", [1, 7, 100, 3000])
def test_exponential_service_is_mean_value_analysis(law, customers):
    expected = throughput_by_erlang(customers, 1.0, 0.01)
    assert repair_throughput(customers, 1.0, law) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_no_law_of_service_is_faster_than_the_operational_bound(law):
    for customers in (1, 3, 40, 2000):
        found = repair_throughput(customers, 1.0, law)
        most = deterministic_throughput(customers, 1.0, law.mean)
        assert 0 < found <= most * (1 + 1e-12)
    assert repair_throughput(1, 1.0, law) == pytest.approx(1 / (1 + law.mean))
    assert found == pytest.approx(1 / law.mean)  # 2,000 customers never leave it idle


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_transform_is_the_integral_of_its_definition(law):
    for rate in (1e-3, 0.7, 30.0):
        missing = sum(w * quad(_missing, 0, 36, (leaf, rate), limit=400, epsabs=1e-13)[0]
                      for w, leaf in leaves(law))  # fmt: skip
        # Of a transform near 1 what matters is how far from 1 it is.
        assert -np.expm1(log_transform(law, np.array([rate])))[0] == pytest.approx(
            missing, rel=1e-3 if isinstance(law, Empirical) else 1e-6
        )


def _missing(log_tail, law, rate):
    """Return 1 − exp(−sT) where P(T > t) = exp(−log_tail), times the density of that."""
    (seconds,) = law.quantile(-np.expm1(-np.array([log_tail])))
    return -np.expm1(-rate * seconds) * np.exp(-log_tail)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_transform_begins_with_the_mean(law):
    # 1 − E exp(−sT) = s E[T] − …, less by s²E[T²]/2 at most; Pareto's 1.8 has no second moment.
    rate = 1e-9
    slack = 1e-5 if isinstance(law, Pareto) else 1e-7
    assert -log_transform(law, np.array([rate]))[0] == pytest.approx(rate * law.mean, rel=slack)


def test_a_law_of_ones_own_is_left_out():
    class Own:
        mean = 1.0

        def quantile(self, uniform):
            return np.ones_like(uniform)

    assert repair_throughput(4, 1.0, Own()) is None
    with pytest.raises(ValueError, match="customers"):
        repair_throughput(0, 1.0, Own())
