"""Theory against closed forms, and simulated schedules against theory."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asysim.scenario.load import from_document
from asysim.theory.expectations import expectations
from asysim.theory.network import (
    deterministic_throughput,
    erlang_b,
    mean_value_analysis,
    throughput_by_erlang,
)
from asysim.theory.staleness import (
    deterministic_staleness,
    exponential_staleness,
    exponential_start,
    mean_staleness,
    worker_means,
)
from tests.strategies import recorded

LAWS = {
    "exponential": {"law": "exponential", "mean": 1.0},
    "constant": 1.0,
    "gamma": {"law": "gamma", "mean": 1.0, "cv": 0.5},
    "lognormal": {"law": "lognormal", "mean": 1.0, "cv": 1.5},
}


def cluster(workers, compute, service, **algorithm):
    return {
        "problem": {"kind": "quadratic"},
        "algorithm": {"name": "asysg-con", "step": 0.1} | algorithm,
        "workers": {"count": workers, "compute": compute},
        "server": {"service": service},
    }


@given(
    customers=st.integers(1, 200),
    away=st.floats(1e-3, 100),
    service=st.floats(1e-3, 100),
)
def test_recursion_and_closed_form_agree(customers, away, service):
    queue = mean_value_analysis(customers, away, service)
    assert queue.throughput == pytest.approx(throughput_by_erlang(customers, away, service))
    assert queue.throughput <= deterministic_throughput(customers, away, service) * (1 + 1e-12)
    # Little's law, for the server and for the whole.
    assert queue.in_queue == pytest.approx(queue.throughput * queue.response)
    assert customers == pytest.approx(queue.throughput * (away + queue.response))


@pytest.mark.parametrize(
    ("customers", "service", "throughput"),
    [(8, 0.1, 6.61682), (4, 0.2, 3.00829), (16, 0.1, 9.77698)],
)
def test_known_throughputs(customers, service, throughput):
    assert mean_value_analysis(customers, 1.0, service).throughput == pytest.approx(
        throughput, abs=5e-6
    )


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("workers", "service"), [(1, 0.3), (8, 0.1), (32, 0.05)])
def test_simulated_server_is_insensitive_to_the_compute_law(law, workers, service):
    # Twenty other seeds scattered by a standard deviation of at most 0.56 %; 3 % is five of them:
    # a false alarm has probability below 1e-6.
    document = cluster(workers, LAWS[law], {"law": "exponential", "mean": service})
    trace = recorded(document, updates=40_000)
    expected = mean_value_analysis(workers, 1.0, service).throughput
    assert trace.updates / trace.duration == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(("workers", "per_update"), [(1, 1), (7, 1), (9, 4)])
def test_mean_staleness(workers, per_update):
    # Σ τ = K(p − 1) − A_K over cK gradients, and A_K is at most p times the largest staleness.
    document = cluster(workers, LAWS["gamma"], 0.05, gradients_per_update=per_update)
    trace = recorded(document, updates=4000)
    slack = workers * int(trace.staleness.max(initial=0)) / len(trace)
    expected = mean_staleness(workers, per_update)
    assert expected - slack <= trace.staleness.mean() <= expected


def test_exponential_staleness_is_a_law():
    for rates in ([1.0], [1.0, 1.0, 1.0], [0.2, 1.0, 5.0]):
        probability = exponential_staleness(rates, 4000)
        assert probability.sum() == pytest.approx(1)
        assert probability @ np.arange(4000) == pytest.approx(mean_staleness(len(rates)))
    p = 5
    t = np.arange(50)
    equal = exponential_staleness([2.0] * p, 50)
    np.testing.assert_allclose(equal, (1 / p) * (1 - 1 / p) ** t)


def test_worker_means_average_to_the_mean():
    means = np.array([1.0, 2.0, 0.5, 4.0])
    share = (1 / means) / np.sum(1 / means)
    assert worker_means(means) @ share == pytest.approx(mean_staleness(4))


def test_equal_constant_workers_take_turns():
    for workers in (1, 2, 7):
        trace = recorded(cluster(workers, 1.0, 0.0), updates=30)
        assert np.array_equal(trace.staleness, deterministic_staleness(workers, 30))


@pytest.mark.parametrize("p", [1, 2, 4])
def test_start_up_law_counted_over_all_orders(p):
    # Whose gradient comes next is uniform; update k reads x_0 if its worker is new.
    for k, probability in enumerate(exponential_start(p, 6)):
        orders = list(product(range(p), repeat=k + 1))
        new = sum(order[-1] not in order[:-1] for order in orders)
        assert probability == pytest.approx(new / len(orders), abs=1e-15)


@pytest.mark.parametrize("call", [mean_value_analysis, throughput_by_erlang])
@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ((0, 1.0, 1.0), "needs customers ≥ 1, not 0"),
        ((1, -1.0, 1.0), "needs a mean time away ≥ 0, not -1.0"),
        ((1, 1.0, 0.0), "needs a mean service > 0, not 0.0"),
        ((1, math.inf, 1.0), "needs a finite mean time away, not inf"),
        ((1, 1.0, math.nan), "needs a finite mean service, not nan"),
    ],
)
def test_queue_arguments_out_of_range(call, wrong, text):
    with pytest.raises(ValueError, match=text):
        call(*wrong)


@pytest.mark.parametrize(
    ("call", "wrong", "text"),
    [
        (erlang_b, (-1, 1.0), "servers ≥ 0"),
        (erlang_b, (1, math.inf), "finite load"),
        (deterministic_throughput, (0, 1.0, 1.0), "customers ≥ 1"),
        (deterministic_throughput, (2, 0.0, 0.0), "mean cycle > 0"),
        (deterministic_throughput, (2, math.inf, 0.0), "finite mean"),
        (mean_staleness, (0,), "workers ≥ 1"),
        (mean_staleness, (1, 0), "gradients per update ≥ 1"),
        (exponential_staleness, ([], 3), "at least one rate"),
        (exponential_staleness, ([1.0, 0.0], 3), "rate > 0"),
        (exponential_start, (0, 3), "workers ≥ 1"),
        (deterministic_staleness, (1, -1), "updates ≥ 0"),
        (worker_means, ([1.0, math.inf],), "finite mean"),
    ],
)
def test_arguments_out_of_range(call, wrong, text):
    with pytest.raises(ValueError, match=text):
        call(*wrong)


def said(document, dimension=10):
    return expectations(from_document(document), dimension)


def test_what_law_says_of_a_scenario():
    exponential = {"law": "exponential", "mean": 0.1}
    queue = said(cluster(8, LAWS["lognormal"], exponential))
    assert queue == {"updates/s": pytest.approx(6.61682, abs=5e-6), "mean staleness": 7}
    constant = said(cluster(4, 1.0, 0.5, gradients_per_update=2))
    assert constant == {"updates/s": pytest.approx(2 / 2), "mean staleness": 1.5}
    unequal = cluster(2, LAWS["gamma"], 0.0)
    unequal["workers"]["speed"] = [1.0, 4.0]
    unequal["network"] = {"pull": 0.5, "push": 0.25, "bandwidth": 80.0, "message_bytes": 10}
    assert said(unequal)["updates/s"] == pytest.approx(1 / 2.0 + 1 / 1.25)
    assert "updates/s" not in said(cluster(3, LAWS["gamma"], 0.5)), "no exact law is known"
    assert said(cluster(3, 1.0, 0.5, staleness_bound=5)) == {}, "nor with a bound"


def test_what_law_says_if_nothing_takes_time():
    assert said(cluster(2, 0.0, 0.0)) == {}  # one worker does all, and the other waits
    assert said(cluster(2, 0.0, 0.0, name="asysg-incon") | {"server": None}) == {}


def test_what_law_says_of_lock_free_memory():
    document = {
        "problem": {"kind": "quadratic"},
        "algorithm": {"name": "asysg-incon", "step": 0.1, "write": "block", "blocks": 4},
        "workers": {"count": 5, "compute": LAWS["gamma"]},
        "memory": {"read": 0.5, "write": 2.0},
    }
    assert said(document) == {"updates/s": pytest.approx(5 / 2.0)}
    trace = recorded(document, updates=20_000, dimension=8)
    # Each worker's cycles are independent with sd 0.5 around 2: five standard errors are 0.9 %.
    assert trace.updates / trace.duration == pytest.approx(2.5, rel=0.009)
