"""The conservation of staleness, told by the clock of simulated and hand-written traces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.theory.conservation import conservation, in_flight, version_bounds
from asysim.trace import Trace
from asysim.trace.gradient import LOST, Gradient
from asysim.trace.info import TraceInfo
from tests.strategies import (
    CONTINUOUS,
    bounds,
    con_documents,
    incon_documents,
    recorded,
    with_algorithm,
)
from tests.support import check_books


def ambiguous(trace):
    """Whether a read coincides with an update that other rows alone went into."""
    before, last = {}, {update: row for row, update in enumerate(trace.update)}
    instants = {int(trace.ticks[4][row]): row for update, row in last.items() if update != LOST}
    if len(instants) < trace.updates:
        return True
    for row, worker in enumerate(trace.worker):
        maker = instants.get(int(trace.ticks[0][row]))
        if maker is not None and maker != before.get(worker):
            return True
        before[worker] = row
    return False


@settings(max_examples=150)
@given(document=con_documents(), bound=st.none() | bounds())
def test_clock_and_versions_agree(document, bound):
    if bound is not None:
        document = with_algorithm(document, **bound)
    trace = recorded(document, updates=60)
    check_books(trace)


@settings(max_examples=100)
@given(document=con_documents(laws=CONTINUOUS), bound=st.none() | bounds())
def test_clock_tells_the_versions_if_nothing_coincides(document, bound):
    if bound is not None:
        document = with_algorithm(document, **(bound | {"beyond_bound": "discard"}))
    trace = recorded(document, updates=60)
    if ambiguous(trace):
        return
    low, high = version_bounds(trace)
    assert np.array_equal(low, trace.version)
    assert np.array_equal(high, trace.version)
    ages, least, most = conservation(trace)
    assert least == ages == most


def test_most_random_clusters_are_unambiguous():
    # So the test above is not about nothing.
    document = {
        "problem": {"kind": "quadratic"},
        "algorithm": {"name": "asysg-con", "step": 0.1, "gradients_per_update": 3},
        "workers": {"count": 6, "compute": {"law": "exponential", "mean": 1e-3}},
        "network": {"pull": 1e-4},
        "server": {"service": {"law": "exponential", "mean": 1e-4}},
    }
    for c in (1, 3):
        trace = recorded(with_algorithm(document, gradients_per_update=c), updates=300)
        assert not ambiguous(trace)
        assert conservation(trace).least == conservation(trace).most == trace.age.sum()


@settings(max_examples=60)
@given(document=con_documents(), bound=st.none() | bounds())
def test_in_flight_counted_update_by_update(document, bound):
    if bound is not None:
        document = with_algorithm(document, **bound)
    trace = recorded(document, updates=40)
    found, (first, last) = in_flight(trace), version_bounds(trace)
    for k in range(trace.updates):
        later = trace.updates_before > k  # disposed of after update k was made
        assert found.low[k] == np.sum(later & (last <= k))
        assert found.high[k] == np.sum(later & (first <= k))


@pytest.mark.parametrize("p", [1, 2, 5])
def test_others_are_under_way_at_every_update(p):
    document = {
        "problem": {"kind": "quadratic"},
        "algorithm": {"name": "asysg-con", "step": 0.1},
        "workers": {"count": p, "compute": {"law": "exponential", "mean": 1e-3}},
    }
    trace = recorded(document, updates=400)
    low, high = in_flight(trace)
    assert np.array_equal(low, high)
    settled = int(min(trace.update[trace.worker == w][-1] for w in range(p)))
    assert np.all(low[:settled] == p - 1), "always busy; later ones are not yet recorded"


RULES = [
    {"kind": "ssp", "slack": 1},
    {"kind": "synchronous"},
    {"kind": "backup", "needed": 2, "late": "stop"},
    {"kind": "backup", "needed": 2, "late": "finish"},
    {"kind": "softsync", "gradients": 3},
    {"kind": "round-robin"},
    {"kind": "rennala", "batch": 3},
    {"kind": "ringmaster", "delay": 2, "late": "ignore"},
    {"kind": "ringmaster", "delay": 2, "late": "stop"},
    {"kind": "mindflayer", "trials": 2, "seconds": 4e-9},
]
FAULTS = {
    "none": {},
    "losses": {"faults": {"loss": 0.1, "timeout": 7e-9}},
    "crashes": {"faults": {"uptime": {"law": "exponential", "mean": 50e-9}, "downtime": 5e-9}},
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: "-".join(map(str, rule.values())))
@pytest.mark.parametrize("faults", FAULTS)
def test_under_every_rule_and_fault(rule, faults):
    # Nanoseconds, so that much coincides.
    for seed in range(5):
        document = {
            "seed": seed,
            "problem": {"kind": "quadratic"},
            "algorithm": {"name": "asysg-con", "step": 0.1},
            "coordination": rule,
            "workers": {"count": 4, "compute": {"law": "exponential", "mean": 4e-9}},
            "network": {"pull": 1e-9, "push": 1e-9},
        }
        trace = recorded(document | FAULTS[faults], updates=40)
        check_books(trace)


def by_hand(*rows):
    """Build a trace from rows (worker, draw, version, update, read, applied)."""
    gradients = [
        Gradient(w, d, v, u, read, read, applied, applied, applied)
        for w, d, v, u, read, applied in rows
    ]
    return Trace.from_gradients(gradients, TraceInfo("asysg-con", 2, 1))


def test_a_read_before_ones_own_update_is_caught():
    good = by_hand((0, 0, 0, 0, 0.0, 1.0), (0, 1, 1, 1, 1.0, 2.0))
    assert conservation(good) == (0, 0, 0)
    trap = by_hand((0, 0, 0, 0, 0.0, 1.0), (0, 1, 0, 1, 1.0, 2.0))
    low, high = version_bounds(trap)
    assert low.tolist() == high.tolist() == [0, 1] != trap.version.tolist()
    assert conservation(trap) == (1, 0, 0)


def test_a_tie_between_workers_is_left_open():
    # Worker 1 reads at 1 s, when worker 0's update is made. If its lost row follows that update in
    # the order of the rows, it contains it; if not, it may contain it or not.
    trace = by_hand((0, 0, 0, 0, 0.0, 1.0), (1, 0, 0, LOST, 0.0, 1.0), (1, 1, 1, 1, 1.0, 3.0))
    assert [b.tolist() for b in version_bounds(trace)] == [[0, 0, 1], [0, 0, 1]]
    trace = by_hand((1, 0, 0, LOST, 0.0, 1.0), (0, 0, 0, 0, 0.0, 1.0), (1, 1, 0, 1, 1.0, 3.0))
    assert [b.tolist() for b in version_bounds(trace)] == [[0, 0, 0], [0, 0, 1]]
    assert conservation(trace) == (1, 0, 1)
    assert [b.tolist() for b in in_flight(trace)] == [[0, 0], [1, 0]]


def test_a_tick_makes_the_difference():
    instant = 1.0 - 1e-9
    for read, contained in ((instant, 0), (1.0 + 1e-9, 1)):
        trace = by_hand((0, 0, 0, 0, 0.0, 1.0), (1, 0, contained, 1, read, 2.0))
        low, high = version_bounds(trace)
        assert low[1] == high[1] == contained


def test_no_time_at_all_is_told_by_the_order_of_rows():
    rows = [(0, draw, draw, draw, 1.0, 1.0) for draw in range(4)]
    assert [b.tolist() for b in version_bounds(by_hand(*rows))] == [[0, 1, 2, 3]] * 2


def test_only_the_last_gradient_makes_an_update():
    # Worker 0 gives its gradient and reads at 1 s; worker 1 completes the update at that instant.
    rows = [(0, 0, 0, 0, 0.0, 1.0), (1, 0, 0, 0, 0.0, 1.0)]
    low, high = version_bounds(by_hand(*rows, (0, 1, 0, 1, 1.0, 2.0), (1, 1, 1, 1, 1.0, 2.0)))
    assert low.tolist() == [0, 0, 0, 1]
    assert high.tolist() == [0, 0, 1, 1]


def test_reading_ahead_of_ones_own_update_is_told_from_the_trap():
    # A worker that reads ahead of its own update is told by its read, not by its last disposal.
    trace = by_hand((0, 0, 0, 0, 0.0, 2.0), (0, 1, 0, 1, 1.0, 3.0))
    assert [b.tolist() for b in version_bounds(trace)] == [[0, 0], [0, 0]]
    assert conservation(trace) == (1, 1, 1)


@given(document=incon_documents())
@settings(max_examples=100)
def test_of_sweeps_too(document):
    trace = recorded(document, updates=60)
    check_books(trace)


def swept(*rows):
    """Build a lock-free trace from rows (worker, draw, version, update, five times)."""
    gradients = [Gradient(*row, 0, 1) for row in rows]
    return Trace.from_gradients(gradients, TraceInfo("asysg-incon", 2, 1, exact=False))


def test_a_sweep_that_misses_what_was_there_is_caught():
    first = (0, 0, 0, 0, 0.0, 1.0, 5.0, 5.0, 6.0)
    other = (1, 0, 0, 1, 0.0, 1.0, 7.0, 7.0, 9.0)
    # It begins when update 0 is there, and while update 1 is being written: it has 1 or 2 of them.
    for version, agrees in ((0, False), (1, True), (2, True), (3, False)):
        trace = swept(first, other, (0, 1, version, 2, 6.5, 8.0, 10.0, 10.0, 11.0))
        low, high = version_bounds(trace)
        assert (low[2] <= version <= high[2]) == agrees
    # The second row's read begins after its worker's write, the third one's with it.
    second = (0, 1, 1, 1, 6.0, 7.0, 8.0, 9.0, 10.0)
    trace = swept(first, second, (0, 2, 1, 2, 9.0, 10.0, 11.0, 12.0, 13.0))
    assert [b.tolist() for b in version_bounds(trace)] == [[0, 1, 1], [0, 1, 2]]


def test_pieces_are_refused_and_nothing_is_conserved_in_nothing():
    whole = by_hand((0, 0, 0, 0, 0.0, 1.0), (0, 1, 1, 1, 1.0, 2.0))
    with pytest.raises(ValueError, match="a piece from update 1 on"):
        conservation(whole[1:])
    assert conservation(whole[:0]) == (0, 0, 0)
