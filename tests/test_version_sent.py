"""Reads that are taken when x is sent: what changes, what does not, and what staleness becomes."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from asysim.problems import Quadratic
from asysim.scenario.load import from_document
from asysim.schedule import simulate
from asysim.schedule.deadlock import Deadlock
from asysim.theory.expectations import expectations
from asysim.theory.network import closed_network
from asysim.trace.stream import limited
from tests.cluster_strategies import cluster_documents
from tests.oracle import consistent_iterates, iterates, same
from tests.strategies import recorded, some_rows
from tests.support import check_books, only_fault
from tests.test_expectations import document
from tests.test_random_sizes import DIMENSION, EXPONENTIAL, SIZE

ENGINES = pytest.mark.parametrize("engine", ["simpy", "compiled"])


def with_version(text, version):
    return text | {"network": text["network"] | {"version": version}}


def rows_of(text, version, rows=150):
    return some_rows(from_document(with_version(text, version)), rows, dimension=DIMENSION)[0]


@ENGINES
def test_three_workers_and_a_slow_interface(engine):
    # Sending takes 12 ns, computing 10: transfers begin at 0, 12, 24, … whoever waits, and the
    # gradient of the one from 12 k is applied at 12 k + 22. Granted, a read has the version of the
    # update before it in the queue, so τ = 2; by the time it is sent one more was made: τ = 1.
    network = {"server_bandwidth": 4e9, "push_compression": 1000.0, "message_bytes": 48}
    text = document(1e-8, 3, network=network | {"version": "sent"}) | {"engine": engine}
    trace = recorded(text, updates=20, dimension=DIMENSION)
    k = np.arange(20)
    assert np.array_equal(trace.ticks[0], 12 * k)
    assert np.array_equal(trace.ticks[1], 12 * k + 12)
    assert np.array_equal(trace.ticks[4], 12 * k + 22)
    assert np.array_equal(trace.staleness, np.minimum(k, 1))
    granted = recorded(with_version(text, "granted"), updates=20, dimension=DIMENSION)
    assert np.array_equal(granted.ticks[1:], trace.ticks[1:])
    assert np.array_equal(granted.staleness, np.minimum(k, 2))


@settings(max_examples=80)
@given(cluster_documents())
def test_only_the_read_moves(text):
    # Where nobody looks at versions, all else happens to whom and when it did before.
    kind = text.get("coordination", {}).get("kind", "asynchronous")
    assume(kind in ("asynchronous", "softsync", "ssp", "round-robin", "synchronous"))
    assume("staleness_bound" not in text["algorithm"])
    text["server"]["shards"] = 1
    granted, sent = (rows_of(text, v) for v in ("granted", "sent"))
    assert np.array_equal(granted.facts[[0, 1, 3]], sent.facts[[0, 1, 3]])
    assert np.array_equal(granted.ticks[1:], sent.ticks[1:])
    assert np.all(sent.version >= granted.version)
    assert np.all(sent.ticks[0] >= granted.ticks[0])
    network, server = text["network"], text["server"]
    queues = network.get("server_bandwidth") and network["sharing"] == "fifo"
    if not queues and "read" not in server and "pauses" not in server:
        assert np.array_equal(granted.facts, sent.facts)
        assert np.array_equal(granted.ticks, sent.ticks)


@settings(max_examples=80)
@given(cluster_documents())
def test_ages_are_conserved_and_bounds_are_kept(text):
    # As ever: Σ ages = Σ over updates of those that have read and were not disposed of.
    text["server"]["shards"] = 1
    trace = rows_of(text, "sent")
    check_books(trace)
    bound = text["algorithm"].get("staleness_bound")
    if text.get("coordination", {}).get("kind") == "ringmaster":
        bound = text["coordination"]["delay"] - 1
    if bound is not None:
        assert trace.staleness.max(initial=0) <= bound


def test_whoever_waits_to_be_sent_x_grows_no_older():
    # Always busy: Σ τ = K(p − 1) − Σ over updates of the reads in the interface's queue − A_K.
    text = document(EXPONENTIAL, 8, network={"server_bandwidth": 600.0, "message_bytes": SIZE})
    granted, sent = (recorded(with_version(text, v), 400) for v in ("granted", "sent"))
    applied = sent.ticks[4]
    waiting = sum(
        int(np.sum((granted.ticks[0] <= tick) & (sent.ticks[0] > tick) & (applied > tick)))
        for tick in applied
    )
    # A worker's read is granted at its own update, which has no part in its age.
    waiting -= int(np.sum(sent.ticks[0][8:] > granted.ticks[0][8:]))
    assert waiting > 100
    assert granted.age.sum() - sent.age.sum() == waiting


@pytest.mark.parametrize(("workers", "c"), [(1, 1), (2, 1), (8, 1), (24, 1), (24, 3)])
@pytest.mark.parametrize("duplex", ["full", "half"])
def test_the_mean_is_less_by_the_reads_that_wait(workers, c, duplex):
    # What an update finds is the network without its own worker (Lavenberg & Reiser 1980, as
    # recalled): p − 1 less those in the interface's queue but not in service; of a half-duplex
    # one, half of these. Five standard errors of 40 batches: a false alarm in 10,000 for all ten.
    network = {"server_bandwidth": 2000.0, "message_bytes": SIZE, "duplex": duplex}
    server = {"service": {"law": "exponential", "mean": 0.04}}
    text = document(EXPONENTIAL, workers, network=network | {"version": "sent"}, server=server)
    text["algorithm"]["gradients_per_update"] = c
    trace = recorded(text, updates=82_000 // c, dimension=DIMENSION)
    batches = trace.staleness[-80_000:].reshape(40, -1).mean(axis=1)
    expected = 0.0
    if workers > 1:
        full = duplex == "full"
        demands = (0.05, 0.05, 0.04) if full else (0.1, 0.04)
        others = closed_network(workers - 1, 1.0, demands)
        waiting = others.in_queue[0] - others.utilisation[0]
        expected = (workers - 1 - waiting * (1.0 if full else 0.5)) / c
        assert trace.staleness.mean() < (workers - 1) / c
    said = expectations(from_document(text), DIMENSION)["mean staleness"]
    assert said == pytest.approx(expected)
    error = batches.std(ddof=1) / math.sqrt(40)
    assert error <= 0.01 * expected, "which says something"
    assert abs(batches.mean() - expected) <= 5 * error


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"network": {"sharing": "fair"}}, 7),  # begins at once
        ({"network": {"server_bandwidth": 6e2, "message_bytes": 100}}, None),
        ({"network": {"sharing": "fair"}, "server": {"read": 0.1}}, None),
        ({"network": {}, "coordination": {"kind": "round-robin"}}, None),
        ({"network": {"sharing": "fair"}, "coordination": {"kind": "round-robin"}}, 7),
        ({"network": {}, "coordination": {"kind": "backup", "needed": 3, "late": "finish"}}, 0),
    ],
)
def test_a_mean_is_told_where_it_is_known(tables, said):
    network = {"server_bandwidth": 600.0, "message_bytes": SIZE, "version": "sent"}
    text = document(EXPONENTIAL, 8, **tables | {"network": network | tables["network"]})
    assert expectations(from_document(text), DIMENSION).get("mean staleness") == said
    trace = recorded(text, updates=2000, dimension=DIMENSION)
    most = trace.staleness.max()
    assert trace.staleness.mean() <= 7 + 8 * most / len(trace)
    if said is not None:
        assert trace.staleness.mean() == pytest.approx(said, abs=8 * most / len(trace))


@ENGINES
def test_a_message_that_is_sent_again_is_of_its_first_version(engine):
    # Sending takes 10 ns, a copy leaves 100 ns after the one before: alone, a worker reads at once.
    network = {"server_bandwidth": 4.8e9, "message_bytes": 48, "version": "sent", "pull": 3e-9,
               "push_compression": 1000.0}  # fmt: skip
    text = document(1e-6, 1, network=network, faults={"loss": 0.5, "timeout": 1e-7})
    trace = recorded(text | {"engine": engine}, updates=100, dimension=DIMENSION)
    assert np.array_equal(trace.ticks[0][1:], trace.ticks[4][:-1])
    times, rest = np.divmod(trace.ticks[1] - trace.ticks[0], 110)
    assert np.all(rest == 13)
    assert times.max() >= 3


@settings(max_examples=25)
@given(cluster_documents(), st.sampled_from([1, 7, 64]))
def test_a_stream_is_replayed_as_its_trace_is(text, block_size):
    # So a block of it holds all that is wanted later, and nothing needs what it does not hold.
    text["server"]["shards"] = 1
    scenario = from_document(with_version(text, "sent"))
    trace = rows_of(text, "sent", 60)
    problem = Quadratic([1.0, 0.5, -0.1, 0.2, 0.7, 2.0], noise=0.4)
    arguments = {"step": 0.05, "batch_size": 2, "seed": 3}
    assume(trace.updates > 0)
    stream, blocks = simulate(scenario, DIMENSION, block_size=block_size), []
    with suppress(Deadlock):
        blocks.extend(limited(stream, updates=trace.updates))
    slow = consistent_iterates(trace, problem, **arguments)
    assert same(iterates(iter(blocks), problem, **arguments), slow)


def test_parts_of_different_versions_are_refused():
    text = document(network={"version": "sent"}, server={"shards": 2})
    fault = only_fault(from_document, text)
    assert fault.key == "network.version"
    assert "server.shards" in fault.expected
