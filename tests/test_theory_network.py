"""Closed networks: mean value analysis against the sum over all states, and bounds against it."""

import math
from fractions import Fraction
from itertools import pairwise, product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from asysim.theory.network import (
    asymptotic_bounds,
    balanced_job_bounds,
    closed_network,
    mean_value_analysis,
    saturation,
)

DEMANDS = st.lists(st.just(0.0) | st.floats(1e-3, 10), min_size=1, max_size=6)
AWAY = st.just(0.0) | st.floats(1e-3, 100)
ROUNDING = 1e-9


def states(customers, away, demands):
    """Yield how many customers are at each station, and the state's weight, exactly."""
    for queue in product(range(customers + 1), repeat=len(demands)):
        free = customers - sum(queue)
        if free >= 0:
            weight = Fraction(away) ** free / math.factorial(free)
            for demand, length in zip(demands, queue, strict=True):
                weight *= Fraction(demand) ** length
            yield queue, weight


@pytest.mark.parametrize("customers", [1, 2, 5])
@pytest.mark.parametrize("away", [0, 3])
@pytest.mark.parametrize("demands", [(2,), (1, 1), (1, 2, 4), (0, 5)])
def test_against_the_sum_over_all_states(customers, away, demands):
    # Product form (Gordon & Newell; Baskett et al.): X = G(p − 1) / G(p), Q_i = Σ n_i P(n).
    total = sum(weight for _, weight in states(customers, away, demands))
    fewer = sum(weight for _, weight in states(customers - 1, away, demands))
    network = closed_network(customers, away, demands)
    assert network.throughput == pytest.approx(float(fewer / total), rel=1e-12)
    for station, demand in enumerate(demands):
        here = [(queue[station], weight) for queue, weight in states(customers, away, demands)]
        in_queue = sum(length * weight for length, weight in here) / total
        busy = sum(weight for length, weight in here if length) / total
        assert network.in_queue[station] == pytest.approx(float(in_queue), rel=1e-12)
        assert network.utilisation[station] == pytest.approx(float(busy), rel=1e-12)
        assert network.utilisation[station] == pytest.approx(network.throughput * demand)


@given(customers=st.integers(1, 60), away=AWAY, service=st.floats(1e-3, 100))
def test_one_station_is_the_closed_queue(customers, away, service):
    network = closed_network(customers, away, [service])
    queue = mean_value_analysis(customers, away, service)
    assert network.throughput == pytest.approx(queue.throughput)
    assert network.responses == pytest.approx((queue.response,))
    assert network.in_queue == pytest.approx((queue.in_queue,))


@given(customers=st.integers(1, 60), away=AWAY, demands=DEMANDS)
def test_bounds_bracket_the_exact_throughput(customers, away, demands):
    assume(away + sum(demands) > 0)
    exact = closed_network(customers, away, demands).throughput
    wide = asymptotic_bounds(customers, away, demands)
    tight = balanced_job_bounds(customers, away, demands)
    chain = (wide.lower, tight.lower, exact, tight.upper, wide.upper)
    assert all(a <= b * (1 + ROUNDING) for a, b in pairwise(chain)), chain


@given(customers=st.integers(1, 60), demand=st.floats(1e-3, 10), stations=st.integers(1, 5))
def test_balanced_job_bounds_meet_in_a_balanced_network(customers, demand, stations):
    demands = [demand] * stations
    lower, upper = balanced_job_bounds(customers, 0.0, demands)
    exact = closed_network(customers, 0.0, demands).throughput
    assert lower == pytest.approx(exact)
    assert upper == pytest.approx(exact)


@given(away=AWAY, demand=st.floats(1e-3, 10), stations=st.integers(1, 5))
def test_balanced_job_bounds_meet_for_two_customers(away, demand, stations):
    # The bounds start from X(p − 1), and of X(1) the asymptotic bounds are exact.
    demands = [demand] * stations
    exact = closed_network(2, away, demands).throughput
    assert balanced_job_bounds(2, away, demands) == pytest.approx((exact, exact))


@given(away=AWAY, demands=DEMANDS)
def test_saturation_is_where_the_upper_bounds_cross(away, demands):
    assume(max(demands) > 0)
    some = saturation(away, demands)
    below, beyond = math.ceil(some) - 1, math.floor(some) + 1
    fastest = 1 / max(demands)
    assert asymptotic_bounds(beyond, away, demands).upper == fastest
    if below >= 1:
        assert asymptotic_bounds(below, away, demands).upper < fastest * (1 + ROUNDING)
        assert asymptotic_bounds(below, away, demands).upper == pytest.approx(
            below / (away + sum(demands))
        )


def test_without_queueing():
    assert saturation(2.0, []) == math.inf
    for demands in ([], [0.0, 0.0]):
        assert closed_network(6, 2.0, demands).throughput == 3.0
        assert asymptotic_bounds(6, 2.0, demands) == (3.0, 3.0)
        assert balanced_job_bounds(6, 2.0, demands) == (3.0, 3.0)


@pytest.mark.parametrize("call", [closed_network, asymptotic_bounds, balanced_job_bounds])
@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ((0, 1.0, [1.0]), "customers ≥ 1"),
        ((1, math.inf, [1.0]), "finite mean time away"),
        ((1, 1.0, [1.0, -1.0]), "mean service demand ≥ 0"),
        ((1, 1.0, [math.nan]), "finite mean service demand"),
        ((1, 0.0, [0.0]), "mean cycle > 0"),
    ],
)
def test_arguments_out_of_range(call, wrong, text):
    with pytest.raises(ValueError, match=text):
        call(*wrong)
