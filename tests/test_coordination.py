"""Every coordination rule does what its paper says, and no schedule breaks the laws of counting."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.scenario.load import from_document
from asysim.schedule import trace_info
from asysim.schedule.building import cluster, rule_of
from asysim.schedule.reference.cluster import ClusterSchedule
from asysim.trace.gradient import LOST
from asysim.trace.stream import limited, trace_of
from tests.cluster_strategies import cluster_documents
from tests.strategies import bounds, con_documents, recorded, some_rows, with_algorithm
from tests.support import check_books


def document(rule=None, /, count=8, compute=None, **more):
    """A cluster on which only computing takes time, exponential with mean 1 unless said."""
    made = {
        "problem": {"kind": "quadratic", "dimension": 6},
        "algorithm": {"name": "asysg-con", "step": 0.01},
        "workers": {"count": count, "compute": compute or {"law": "exponential", "mean": 1.0}},
    }
    return made | ({"coordination": rule} if rule else {}) | more


def general(scenario, updates, dimension=7):
    """The schedule of the engine that can do everything, asked for by name."""
    schedule = ClusterSchedule(
        cluster(scenario, dimension), trace_info(scenario, dimension), rule_of(scenario),
        block_size=64,
    )  # fmt: skip
    return trace_of(limited(iter(schedule), updates=updates))


def round_times(trace):
    """The time between one update and the next, in seconds."""
    made = trace.was_applied
    _, first = np.unique(trace.update[made], return_index=True)
    return np.diff(trace.seconds("applied")[made][first], prepend=0.0)


# Laws of counting, whatever the rule, the network and the misfortunes ------------------------


@settings(max_examples=120)
@given(cluster_documents())
def test_every_schedule_keeps_the_books(text):
    scenario = from_document(text)
    trace, blocks = some_rows(scenario)
    facts = trace.facts.T.tolist()
    # Nothing is counted twice: a gradient is disposed of once, and an update made once.
    names = [(worker, draw) for worker, draw, _, _ in facts]
    assert len(set(names)) == len(names)
    applied = [update for *_, update in facts if update != LOST]
    assert applied == sorted(applied)
    assert set(applied) == set(range(trace.updates))
    # Time goes forward, along each row and from row to row.
    assert (np.diff(trace.ticks, axis=0) >= 0).all()
    assert (np.diff(trace.ticks[4]) >= 0).all()
    assert (trace.age >= 0).all()
    check_books(trace)
    # One gradient at a time for each worker, in the order of its draws. (A row can be late: it
    # waits until the other gradients of its update are there.)
    for worker in range(scenario.workers.count):
        mine = np.flatnonzero(trace.worker == worker)
        mine = mine[np.argsort(trace.draw[mine])]
        assert (trace.ticks[0][mine][1:] >= trace.ticks[3][mine][:-1]).all()
        assert (np.diff(trace.version[mine]) >= 0).all()
    check_blocks(blocks)
    check_rule(scenario, trace)


def check_blocks(blocks):
    """Versions that later rows name are held by the blocks before, so replay never lacks one."""
    for place, block in enumerate(blocks):
        later = {v for b in blocks[place + 1 :] for v in b.rows.version.tolist()}
        needed = {v for v in later if v < block.floor}
        assert needed <= set(block.held_versions.tolist())


def check_rule(scenario, trace):
    """What each rule promises."""
    algorithm, rule = scenario.algorithm, scenario.coordination
    sizes = Counter(trace.update[trace.was_applied].tolist())
    kind = rule.kind if rule is not None else "asynchronous"
    if kind == "asynchronous":
        assert set(sizes.values()) <= {algorithm.gradients_per_update}
        if algorithm.staleness_bound is not None:
            assert trace.staleness.max(initial=0) <= algorithm.staleness_bound
    elif kind in ("softsync", "rennala"):
        assert set(sizes.values()) <= {rule.gradients if kind == "softsync" else rule.batch}
    elif kind in ("ssp", "round-robin", "ringmaster"):
        assert set(sizes.values()) <= {1}
    if kind in ("synchronous", "backup", "rennala", "mindflayer"):
        assert trace.staleness.max(initial=0) == 0
    if kind in ("synchronous", "backup"):
        for update in sizes:
            workers = trace.worker[trace.update == update]
            assert len(set(workers.tolist())) == len(workers)
    if kind == "backup":
        assert set(sizes.values()) <= {rule.needed}
    if kind == "ringmaster":
        assert trace.staleness.max(initial=0) < rule.delay
    steady = scenario.faults is None and not scenario.workers.groups
    if steady and kind == "synchronous":
        assert set(sizes.values()) <= {scenario.workers.count}
    if steady and kind == "ssp":
        clocks = [0] * scenario.workers.count
        for worker in trace.worker.tolist():
            clocks[worker] += 1
            # It read when it was at most `slack` ahead, and computed one more.
            assert max(clocks) - min(clocks) <= rule.slack + 1
    if steady and kind == "round-robin":
        assert trace.worker.tolist() == [k % scenario.workers.count for k in range(len(trace))]
    if steady and kind == "mindflayer":
        trials = rule.trials
        trials = trials if isinstance(trials, list) else [trials] * scenario.workers.count
        rounds = defaultdict(Counter)
        for worker, version in zip(trace.worker.tolist(), trace.version.tolist(), strict=True):
            rounds[version][worker] += 1
        for version in range(trace.updates):
            # Every worker makes its trials; all of them again where none came to anything.
            times = {rounds[version][w] / b for w, b in enumerate(trials)}
            assert len(times) == 1
            assert times.pop().is_integer()


@settings(max_examples=80)
@given(cluster_documents(reliable=True))
def test_staleness_is_conserved(text):
    # Σ over disposed gradients of the updates between read and disposal, and over those in flight
    # of their age = Σ over updates of the gradients that were in flight and not in it.
    text = {k: v for k, v in text.items() if k != "coordination"}
    text["algorithm"] = {"name": "asysg-con", "step": 0.01}
    text["network"].pop("version", None)  # for "sent" the books are in tests/test_version_sent.py
    scenario = from_document(text)
    p, updates = scenario.workers.count, 120
    trace = general(scenario, updates, dimension=6)
    # A worker reads at the instant at which its gradient is applied, however it got there.
    latest = dict.fromkeys(range(p), 0)
    for worker, version, update in zip(*trace.facts[[0, 2, 3]].tolist(), strict=True):
        assert version == latest[worker]
        latest[worker] = update + 1
    age = sum(updates - version for version in latest.values())
    assert trace.staleness.sum() == updates * (p - 1) - age


@settings(max_examples=60)
@given(con_documents(), st.one_of(st.just({}), bounds()))
def test_both_engines_give_the_same_rows(text, bound):
    scenario = from_document(with_algorithm(text, **bound))
    assert recorded(scenario, 120) == general(scenario, 120)


@settings(max_examples=40)
@given(cluster_documents(), st.integers(1, 40))
def test_the_pieces_a_stream_comes_in_change_nothing(text, size):
    scenario = from_document(text)
    one, _ = some_rows(scenario)
    other, _ = some_rows(scenario, block_size=size)
    rows = min(len(one), len(other))
    assert one[:rows] == other[:rows]


# Laws of single rules ------------------------------------------------------------------------


def harmonic(p):
    return math.fsum(1 / i for i in range(1, p + 1))


@pytest.mark.parametrize(
    ("rule", "count", "mean"),
    [
        ({"kind": "synchronous"}, 8, harmonic(8)),
        ({"kind": "backup", "needed": 8}, 8, harmonic(8)),
        ({"kind": "backup", "needed": 6}, 8, harmonic(8) - harmonic(2)),
        ({"kind": "backup", "needed": 1}, 8, 1 / 8),
        ({"kind": "ssp", "slack": 0}, 8, harmonic(8) / 8),  # eight updates a round
        ({"kind": "softsync", "gradients": 4}, 8, 4 / 8),
        ({"kind": "softsync", "gradients": 12}, 8, 12 / 8),
        ({"kind": "ringmaster", "delay": 10**6, "late": "stop"}, 8, 1 / 8),
    ],
    ids=str,
)
def test_rounds_last_as_long_as_the_law_says(rule, count, mean):
    # Exponential computing of mean 1. Five standard errors: a false alarm in 2 million.
    times = round_times(recorded(document(rule, count), 6000))
    if rule["kind"] == "ssp":
        times = times.reshape(-1, count).sum(axis=1) / count
    assert abs(times.mean() - mean) < 5 * times.std() / math.sqrt(len(times))


def test_two_barriers_of_late_workers_that_finish():
    # Those that finish in vain come late to the next round too, which can only take longer.
    fast = recorded(document({"kind": "backup", "needed": 6}), 3000)
    slow = recorded(document({"kind": "backup", "needed": 6, "late": "finish"}), 3000)
    assert slow.duration > fast.duration
    assert (slow.age[~slow.was_applied] > 0).all()


@pytest.mark.parametrize("c", [1, 2, 3, 8, 20])
def test_softsync_staleness(c):
    trace = recorded(document({"kind": "softsync", "gradients": c}), 20_000 // c)
    # Σ τ = K(p − 1) / c to within what is in flight: p gradients, none of them older than the run.
    assert trace.staleness.mean() == pytest.approx(7 / c, abs=0.02)
    assert len(set(np.diff(np.flatnonzero(np.diff(trace.update))).tolist())) == 1


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 40))
def test_rennala_collects_in_the_time_that_counting_gives(times, batch):
    speeds = [1.0 / tau for tau in times]
    text = document({"kind": "rennala", "batch": batch}, len(times), 1e-6)
    text["workers"]["speed"] = speeds
    trace = recorded(text, 1)
    instant = next(t for t in range(10**6) if sum(t // tau for tau in times) >= batch)
    assert trace.ticks[4][-1] == instant * 1000
    assert (trace.update == 0).all()


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(1, 40))
def test_no_rennala_round_takes_longer_than_a_stale_start_explains(times, batch):
    # A worker is at most τ_i behind at the start of a round, with a gradient nobody wants.
    text = document({"kind": "rennala", "batch": batch}, len(times), 1e-6)
    text["workers"]["speed"] = [1.0 / tau for tau in times]
    trace = recorded(text, 12)
    longest = next(t for t in range(10**6) if sum(max(0, t - tau) // tau for tau in times) >= batch)
    assert round_times(trace).max() <= longest * 1e-6 + 1e-12


@pytest.mark.parametrize("delay", [1, 3, 8, 30])
def test_ringmaster_is_a_bound_that_drops(delay):
    one = recorded(document({"kind": "ringmaster", "delay": delay}), 500)
    bound = {"name": "asysg-con", "step": 0.01, "staleness_bound": delay - 1,
             "beyond_bound": "discard"}  # fmt: skip
    assert one == recorded(document(algorithm=bound), 500)
    assert one == general(from_document(document({"kind": "ringmaster", "delay": delay})), 500)


@pytest.mark.parametrize("delay", [1, 3, 8])
def test_ringmaster_stops_a_worker_as_soon_as_it_is_too_late(delay):
    trace = recorded(document({"kind": "ringmaster", "delay": delay, "late": "stop"}), 2000)
    lost = ~trace.was_applied
    assert lost.any()
    assert set(trace.age[lost].tolist()) == {delay}
    # At that instant an update was made.
    assert set(trace.ticks[4][lost].tolist()) <= set(trace.ticks[4][~lost].tolist())


def test_round_robin_makes_staleness_even():
    trace = recorded(document({"kind": "round-robin"}), 2000)
    np.testing.assert_array_equal(trace.staleness, np.minimum(np.arange(2000), 7))


def test_mindflayer_trials_are_bernoulli():
    # P(τ ≤ t) = 1 − e^{−t}; a trial takes E min(τ, t) = 1 − e^{−t}. Five standard errors each.
    limit = 0.7
    rule = {"kind": "mindflayer", "trials": 4, "seconds": limit}
    trace = recorded(document(rule, 1), 4000)
    chance = 1 - math.exp(-limit)
    error = math.sqrt(chance * (1 - chance) / len(trace))
    assert abs(trace.was_applied.mean() - chance) < 5 * error
    spent = trace.seconds("arrived") - trace.seconds("read")
    assert abs(spent.mean() - chance) < 5 * spent.std() / math.sqrt(len(trace))
    assert spent.max() == pytest.approx(limit)
    # All trials of a round, and only they, are at one x.
    assert (np.diff(trace.version) >= 0).all()


def test_mindflayer_rounds_last_as_long_as_their_slowest():
    rule = {"kind": "mindflayer", "trials": [1, 5, 2], "seconds": [9e-3, 9e-3, 1e-4]}
    text = document(rule, 3, 1e-3)
    trace = recorded(text, 20)
    assert Counter(trace.worker[trace.was_applied].tolist()) == {0: 20, 1: 100}
    assert set(trace.worker[~trace.was_applied].tolist()) == {2}  # it never makes it
    np.testing.assert_allclose(round_times(trace), 5e-3, atol=1e-12)


def test_ssp_lets_nobody_get_far_ahead():
    text = document({"kind": "ssp", "slack": 3}, 4, 1e-3)
    text["workers"]["speed"] = [1, 1, 1, 0.1]
    trace = recorded(text, 4000)
    counts = np.bincount(trace.worker)
    # In the long run all go at the pace of the slowest.
    assert counts.max() - counts.min() <= 4
    assert trace.duration == pytest.approx(1000 * 0.01, rel=0.01)


def test_a_bound_that_restarts_wastes_less_time_than_one_that_drops():
    def lost(beyond):
        algorithm = {"name": "asysg-con", "step": 0.01, "staleness_bound": 5,
                     "beyond_bound": beyond}  # fmt: skip
        trace = recorded(document(algorithm=algorithm), 3000)
        assert trace.staleness.max() <= 5
        rows = ~trace.was_applied
        return float((trace.seconds("applied") - trace.seconds("read"))[rows].sum())

    assert lost("restart") < lost("discard")
