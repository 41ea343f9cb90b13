"""The star network obeys queueing theory: interfaces, links, servers, pauses, unequal workers."""

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from asysim.random.streams import Purpose
from asysim.scenario.load import from_document, to_document, vary
from asysim.schedule import cluster_timing, simulate
from asysim.schedule.building import worker_speeds
from asysim.schedule.timing import Duration, ticks_one_by_one
from asysim.theory.network import closed_network, mean_value_analysis
from asysim.trace.gradient import NANOSECOND
from tests.strategies import exponential, recorded, star
from tests.support import only_fault

DIMENSION = 100  # 800 bytes in double precision
run = partial(recorded, dimension=DIMENSION)

# Statistical tests are seeded and allow five standard errors, which are estimated from 40 batches:
# for another seed each would fail by chance with a probability of about 1e-5 (Student's t).
BATCHES = 40


def document(count=1, compute=1e-3, **tables):
    return star(count, compute, dimension=DIMENSION, **tables)


def rate_and_error(trace, skip=2000):
    """Updates per second in the long run, and the standard error of that."""
    applied = trace.seconds("applied")[skip:]
    size = (len(applied) - 1) // BATCHES
    gaps = np.diff(applied[: size * BATCHES + 1 : size]) / size
    assert np.corrcoef(gaps[1:], gaps[:-1])[0, 1] < 0.5, "batches are long enough"
    mean = gaps.mean()
    return 1 / mean, gaps.std(ddof=1) / math.sqrt(BATCHES) / mean**2


def assert_rate(trace, expected, precision):
    """The rate is as expected, and is known precisely enough for this to mean something."""
    rate, error = rate_and_error(trace)
    assert error < precision / 5 * expected
    assert rate == pytest.approx(expected, abs=5 * error)


def stages(row):
    """How long a gradient took from each instant to the next, in ticks."""
    instants = (row.read, row.ready, row.done, row.arrived, row.applied)
    ticks = [round(seconds / NANOSECOND) for seconds in instants]
    return [b - a for a, b in pairwise(ticks)]


# Interfaces that are shared evenly: product form ---------------------------------------------

SHARED = {
    "sharing": "fair",
    "server_bandwidth": 8e6,
    "bandwidth": 4e7,
    "pull": 2e-5,
    "push": exponential(3e-5),
    "pull_compression": 2.0,
}
SEND, RECEIVE, SERVICE = 5e-5, 1e-4, 6e-5
COMPUTE = {"law": "gamma", "mean": 4e-4, "cv": 0.5}
AWAY = 2e-5 + 3e-5 + 4e-4 + (400 + 800) / 4e7


@pytest.mark.parametrize("count", [1, 4, 16])
@pytest.mark.parametrize("duplex", ["full", "half"])
def test_processor_sharing_does_not_care_for_the_law_of_sizes(count, duplex):
    # Messages all of one size, a law as far from exponential as any: exact mean value analysis
    # holds all the same. With half duplex a cycle comes twice to the one station.
    network = SHARED | {"duplex": duplex}
    text = document(count, COMPUTE, network=network, server={"service": exponential(SERVICE)})
    links = (SEND, RECEIVE) if duplex == "full" else (SEND + RECEIVE,)
    exact = closed_network(count, AWAY, (*links, SERVICE)).throughput
    updates, precision = (8000, 0.025) if count == 1 else (21_000, 0.015)
    assert_rate(run(text, updates), exact, precision)


def test_order_of_arrival_is_not_insensitive():
    # The control: constant sizes in order of arrival give more than the product form does.
    network = SHARED | {"sharing": "fifo"}
    text = document(8, COMPUTE, network=network, server={"service": exponential(SERVICE)})
    product_form = closed_network(8, AWAY, (SEND, RECEIVE, SERVICE)).throughput
    rate, error = rate_and_error(run(text, 14_000))
    assert rate > product_form + 10 * error


@pytest.mark.parametrize(("duplex", "demands"), [("full", (1e-4, 1e-4)), ("half", (2e-4,))])
def test_what_the_other_direction_takes_away(duplex, demands):
    # With half duplex, 16 workers use all of the interface and get half of what full gives.
    network = {"server_bandwidth": 8e6, "duplex": duplex, "sharing": "fair"}
    trace = run(document(16, exponential(2e-4), network=network), 14_000)
    assert_rate(trace, closed_network(16, 2e-4, demands).throughput, precision=0.03)


# First come, first served: to the nanosecond ------------------------------------------------


@pytest.mark.parametrize("sharing", ["fifo", "fair"])
@pytest.mark.parametrize("duplex", ["full", "half"])
def test_one_worker_never_waits(sharing, duplex):
    # Pull 11 μs, 400 bytes at 4 MB/s twice, compute 700 μs, push 13 μs, 200 bytes twice, 17 μs.
    network = {
        "pull": 11e-6, "push": 13e-6, "bandwidth": 4e6, "server_bandwidth": 8e6,
        "sharing": sharing, "duplex": duplex, "dtype": "float32", "push_compression": 2.0,
    }  # fmt: skip
    trace = run(document(1, 7e-4, network=network, server={"service": 17e-6, "read": 5e-6}), 50)
    there = 5_000 + 50_000 + 11_000 + 100_000
    back = 13_000 + 50_000 + 25_000
    assert {tuple(stages(row)) for row in trace} == {(there, 700_000, back, 17_000)}
    cycle = there + 700_000 + back + 17_000
    assert np.array_equal(trace.ticks[4], np.arange(1, 51) * cycle)
    assert np.array_equal(trace.ticks[0], np.arange(50) * cycle)


TICKS = st.integers(0, 40)


@settings(max_examples=40)
@given(
    count=st.integers(1, 7),
    away=st.tuples(TICKS, st.integers(1, 40), TICKS),
    size=st.integers(1, 30),
    at_server=st.tuples(TICKS, TICKS),
    sharing=st.sampled_from(["fifo", "fair"]),
)
def test_operational_bounds_bracket_every_run(count, away, size, at_server, sharing):
    # All constant: no cycle is shorter than Z + D, none longer than Z + pD, and no station does
    # more than one job at a time. So they hold for the number of updates at any instant.
    pull, compute, push = (tick * NANOSECOND for tick in away)
    read, service = at_server
    network = {
        "pull": pull, "push": push, "server_bandwidth": 1e9, "sharing": sharing,
        "message_bytes": size,
    }  # fmt: skip
    server = {"read": read * NANOSECOND, "service": service * NANOSECOND}
    text = document(count, compute, network=network, server=server)
    trace = run(text, 40 * count)
    demands = (size, size, read + service)
    total, most = sum(demands), max(demands)
    slack = 0 if sharing == "fifo" else 4 * count  # ends of fair shares are rounded to ticks
    done = np.arange(1, len(trace) + 1)
    instants = trace.ticks[4]
    assert np.all(done <= count * (instants // (sum(away) + total)))
    assert np.all(done * most <= instants)
    longest = sum(away) + count * total + slack
    assert np.all(done >= count * ((instants - 1) // longest))


@pytest.mark.parametrize(
    "bottleneck",
    [
        {"network": {"server_bandwidth": 8e6, "pull_compression": 4.0}},
        {"network": {"server_bandwidth": 8e6, "push_compression": 4.0, "sharing": "fair"}},
        {"network": {"server_bandwidth": 3.2e7, "pull_compression": 4, "push_compression": 4},
         "server": {"service": 1e-4}},
        {"network": {"server_bandwidth": 3.2e7, "dtype": "int8"},
         "server": {"service": 6e-5, "read": 4e-5}},
        {"network": {"server_bandwidth": 1.6e7, "duplex": "half", "sharing": "fair"}},
    ],
)  # fmt: skip
def test_the_slowest_station_decides_what_many_workers_get(bottleneck):
    # Each bottleneck has a demand of 100 μs per update.
    trace = run(document(40, exponential(5e-4), **bottleneck), 4000)
    gaps = np.diff(trace.ticks[4][2000:])
    # What the 40 messages in the queue have had of it at either end: at most 40 of 2000 gaps.
    assert gaps.mean() == pytest.approx(100_000, rel=1e-2)
    before = run(document(3, exponential(5e-4), **bottleneck), 1500)
    assert len(before) / before.duration < 0.75 / 1e-4


# Sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "pull", "push"),
    [
        ({}, 800, 800),
        ({"dtype": "float32"}, 400, 400),
        ({"dtype": "float16"}, 200, 200),
        ({"dtype": "bfloat16"}, 200, 200),
        ({"dtype": "int8"}, 100, 100),
        ({"dtype": "float32", "push_compression": 8.0}, 400, 50),
        ({"pull_compression": 2.5}, 320, 800),
        ({"message_bytes": 12_345}, 12_345, 12_345),
        ({"message_bytes": 1000, "pull_compression": 3.0, "dtype": "int8"}, 1000 / 3, 1000),
    ],
)
@pytest.mark.parametrize("where", ["bandwidth", "server_bandwidth"])
def test_sizes_of_messages(keys, pull, push, where):
    text = document(1, 1e-3, network=keys | {where: 1e6})
    assert from_document(text).network.message_sizes(DIMENSION) == (pull, push)
    trace = run(text, 3)
    expected = (round(pull * 1000), 1_000_000, round(push * 1000), 0)
    assert {tuple(stages(row)) for row in trace} == {expected}


# Several servers -----------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [1, 2, 5, 25])
def test_each_server_moves_its_part_of_x(shards):
    # Links and interfaces divide by the number of servers; latencies and services do not.
    network = {"pull": 1e-5, "push": 2e-5, "bandwidth": 1e7, "server_bandwidth": 4e6}
    server = {"service": 3e-5, "read": 7e-6, "shards": shards}
    trace = run(document(1, 1e-3, network=network, server=server), 20)
    part = 800 // shards
    there = 7_000 + 250 * part + 10_000 + 100 * part
    back = 20_000 + 100 * part + 250 * part
    assert {tuple(stages(row)) for row in trace} == {(there, 1_000_000, back, 30_000)}


@pytest.mark.parametrize("shards", [1, 4])
def test_a_message_is_there_when_its_last_part_is(shards):
    # The maximum of S exponential times is H_S means in the mean.
    network = {"pull": exponential(1e-4), "push": exponential(2e-4)}
    server = {"shards": shards, "service": exponential(5e-5), "read": 0.0}
    text = document(1, 1e-4, network=network, server=server)
    trace = run(text, 6000)
    ready, arrived = np.diff(trace.ticks, axis=0)[[0, 2]]
    parts = cluster_timing(from_document(text), DIMENSION).parts(0)
    named = [next(parts) for _ in range(len(trace))]
    assert np.array_equal(ready, [max(part.pull) for part in named])
    assert np.array_equal(arrived, [max(part.push) for part in named])
    # One worker: no queue, so it is applied when the last part has arrived and been served.
    last = [max(np.add(part.push, part.service)) for part in named]
    assert np.array_equal(trace.ticks[4] - trace.ticks[2], last)
    harmonic = sum(1 / k for k in range(1, shards + 1))
    for ticks, mean in ((ready, 1e5), (arrived, 2e5)):
        error = ticks.std() / math.sqrt(len(ticks))  # five of them: a false alarm in 2e6
        assert ticks.mean() == pytest.approx(harmonic * mean, abs=5 * error)


def test_shards_that_do_not_divide_x():
    text = from_document(document(2, server={"shards": 3}))
    fault = only_fault(lambda: next(simulate(text, DIMENSION)))
    assert fault.key == "server.shards"
    assert fault.found == "3"
    assert "divides 100" in fault.expected


def test_sharded_servers_share_the_load():
    # With the interface as the bottleneck four servers give four times as much.
    def rate(shards):
        network = {"server_bandwidth": 8e6}
        text = document(60, exponential(1e-4), network=network, server={"shards": shards})
        trace = run(text, 6000)
        return 1e9 / np.diff(trace.ticks[4][2000:]).mean()

    assert rate(1) == pytest.approx(1e4, rel=2e-3)
    assert rate(4) == pytest.approx(4e4, rel=0.02)  # parts of one message wait unequally


# Reads that take the server's time -----------------------------------------------------------


def test_reads_go_before_gradients_that_wait():
    # Reads and services of 10, four workers that compute for 1. By hand: all four read, 10 … 40;
    # then each gradient is served, and the read of the worker that it freed goes next.
    text = document(4, 1e-9, server={"read": 10e-9, "service": 10e-9})
    trace = run(text, 40)
    assert np.array_equal(trace.ticks[4], 50 + 20 * np.arange(40))
    assert np.array_equal(trace.worker, np.arange(40) % 4)
    first = trace.draw == 0
    assert np.array_equal(trace.ticks[1][first], [10, 20, 30, 40])
    assert np.array_equal(trace.ticks[1][~first], trace.ticks[0][~first] + 10)


def test_reads_and_services_share_one_server():
    # D = read + service, and nothing else is slow; the order in which they go is no matter.
    text = document(10, exponential(1e-3), server={"read": 2e-4, "service": 1e-4})
    trace = run(text, 6000)
    assert np.diff(trace.ticks[4][2000:]).mean() == pytest.approx(3e5, rel=1e-3)


def test_one_server_without_reads_is_the_closed_queue():
    # The same engine with nothing new in use: an interface that is never busy.
    text = document(
        8, exponential(1.0), server={"service": exponential(0.1)}, network={"server_bandwidth": 1e7}
    )
    expected = mean_value_analysis(8, 1.0, 0.1).throughput
    assert expected == pytest.approx(6.61682, rel=1e-5)
    assert_rate(run(text, 14_000), expected, precision=0.06)


# Pauses --------------------------------------------------------------------------------------


def open_time(tick, pauses):
    """How long a server has worked until `tick`, if it always had work: pauses (start, end)."""
    return tick - sum(max(0, min(tick, end) - start) for start, end in pauses if start < tick)


def test_a_saturated_server_loses_what_its_pauses_take():
    # Always busy from the first arrival on: gradient n is done when the server was open n · s.
    pauses = [{"start": 1e-3, "seconds": 3e-3, "every": 1e-2}]
    trace = run(document(6, 1e-6, server={"service": 7e-5, "pauses": pauses}), 3000)
    calendar = [(t, t + 3_000_000) for t in range(1_000_000, 10**9, 10_000_000)]
    opened = np.array([open_time(tick, calendar) for tick in trace.ticks[4].tolist()])
    assert np.array_equal(opened, 1000 + 70_000 * np.arange(1, 3001))
    assert len(trace) / trace.duration == pytest.approx(0.7 / 7e-5, rel=2e-3)


def test_pauses_that_overlap_count_once():
    pauses = [
        {"start": 2e-6, "seconds": 4e-6},
        {"start": 5e-6, "seconds": 3e-6},
        {"start": 6e-6, "seconds": 1e-6},
        {"start": 8e-6, "seconds": 1e-6, "every": 3e-6},
    ]
    trace = run(document(3, 1e-9, server={"service": 1e-6, "pauses": pauses}), 50)
    calendar = [(2000, 9000)] + [(t, t + 1000) for t in range(11_000, 10**6, 3000)]
    opened = [open_time(tick, calendar) for tick in trace.ticks[4].tolist()]
    assert opened == [1 + 1000 * n for n in range(1, 51)]


def test_what_is_served_when_a_pause_begins_goes_on_after_it():
    pauses = [{"start": 15e-9, "seconds": 100e-9}]
    trace = run(document(1, 10e-9, server={"service": 10e-9, "pauses": pauses}), 3)
    assert trace.ticks[4].tolist() == [120, 140, 160]
    assert trace.ticks[3].tolist() == [10, 130, 150]


def test_in_a_pause_what_takes_no_time_waits_too():
    pauses = [{"start": 15e-9, "seconds": 100e-9}]
    trace = run(document(1, 10e-9, server={"pauses": pauses}), 4)
    assert trace.ticks[4].tolist() == [10, 115, 125, 135]
    assert trace.ticks[3].tolist() == [10, 20, 125, 135]
    # A pause lasts from its first tick until just before its end.
    for start, applied in ((10e-9, 110), (11e-9, 10)):
        pause = {"start": start, "seconds": 100e-9}
        assert run(document(1, 10e-9, server={"pauses": [pause]}), 1).ticks[4] == [applied]


def test_reads_that_take_the_servers_time_wait_in_a_pause():
    pauses = [{"start": 0, "seconds": 100e-9}]
    trace = run(document(1, 10e-9, server={"read": 5e-9, "pauses": pauses}), 1)
    assert trace.ticks[:, 0].tolist() == [0, 105, 115, 115, 115]


def test_reads_that_take_no_time_wait_in_a_pause():
    # "A time in which the server does nothing; messages wait", and a gradient that takes no time
    # does wait. Nobody sends x off in a pause, such as at the start, after a join or a restart.
    pauses = [{"start": 0, "seconds": 100e-9}]
    trace = run(document(1, 10e-9, server={"pauses": pauses}), 1)
    assert trace.ticks[1, 0] == 100


def test_pauses_without_end_are_refused():
    pauses = [{"start": start, "seconds": 2e-3, "every": 3e-3} for start in (0, 1.5e-3)]
    text = document(2, 1e-3, server={"service": 1e-4, "pauses": pauses})
    fault = only_fault(run, text, 1000)
    assert fault.key.startswith("server.pauses")
    assert "run into one another" in fault.found


@pytest.mark.parametrize(
    "pause",
    [
        {"start": 0, "seconds": 1e-10, "every": 3e-10},
        {"start": 5e-3, "seconds": 1e-9, "every": 1.2e-9},
    ],
)
def test_pauses_shorter_than_the_clock_can_tell_are_refused(pause):
    pauses = [pause]
    fault = only_fault(run, document(2, 1e-3, server={"service": 1e-4, "pauses": pauses}), 10)
    assert fault.key.startswith("server.pauses")


def test_a_pause_that_never_ends_before_the_next():
    text = document(server={"pauses": [{"start": 0, "seconds": 2, "every": 2}]})
    fault = only_fault(from_document, text)
    assert fault.key == "server.pauses.0.every"


# Workers that differ -------------------------------------------------------------------------


def test_four_fast_and_twenty_eight_slow():
    # Constant times, no latency: worker i has made ⌊t/τ_i⌋ updates by t, exactly.
    groups = [{"count": 4, "speed": 10.0}, {"count": 28}]
    text = document(workers={"groups": groups, "compute": 1e-3})
    del text["workers"]["count"]
    trace = run(text, 10**6, seconds=0.25)
    counts = np.bincount(trace.worker, minlength=32)
    assert counts.tolist() == [2500] * 4 + [250] * 28
    assert counts[:4].sum() / counts.sum() == 40 / 68


@settings(max_examples=25)
@given(
    ticks=st.lists(st.tuples(st.integers(1, 3), st.integers(1, 40)), min_size=1, max_size=4),
    until=st.integers(40, 300),
)
def test_groups_count_floors(ticks, until):
    groups = [{"count": count, "compute": tick * NANOSECOND} for count, tick in ticks]
    text = document(workers={"groups": groups, "compute": 5.0})
    del text["workers"]["count"]
    trace = run(text, 10**6, seconds=until * NANOSECOND)
    per_worker = [until // tick for count, tick in ticks for _ in range(count)]
    assert np.bincount(trace.worker, minlength=len(per_worker)).tolist() == per_worker


def test_what_is_a_groups_own_and_what_is_shared():
    network = {"pull": 1e-5, "push": 2e-5, "bandwidth": 8e6, "server_bandwidth": 8e9}
    groups = [
        {"count": 1},
        {"count": 1, "pull": 3e-5, "push": 4e-5},
        {"count": 1, "bandwidth": 8e5, "speed": 4.0},
        {"count": 1, "compute": 5e-4, "speed": 2.0, "joins": 0.01, "leaves": 0.02},
    ]
    # They would meet at the interface, for 100 ns at most and rarely; each alone never does.
    for worker, expected in enumerate(
        [
            (110_100, 1_000_000, 120_100, 0),
            (130_100, 1_000_000, 140_100, 0),
            (1_010_100, 250_000, 1_020_100, 0),
            (110_100, 250_000, 120_100, 0),
        ]
    ):
        others = [group for place, group in enumerate(groups) if place != worker]
        far = [group | {"joins": 1e3 + n, "leaves": 1e4} for n, group in enumerate(others)]
        everybody = [*far[:worker], groups[worker], *far[worker:]]
        text = document(network=network, workers={"groups": everybody, "compute": 1e-3})
        del text["workers"]["count"]
        trace = run(text, 20)
        assert {row.worker for row in trace} == {worker}
        assert {tuple(stages(row)) for row in trace} == {expected}


def test_the_number_of_workers_follows_from_the_groups():
    text = document(workers={"groups": [{"count": 4, "speed": 10.0}, {"count": 28}]})
    del text["workers"]["count"]
    scenario = from_document(text)
    assert scenario.workers.count == 32
    more = vary(scenario, "workers.groups.0.count=8")
    assert more.workers.count == 36
    assert more.workers.speeds == [10.0] * 8 + [1.0] * 28
    assert from_document(text, "workers.groups.0.count=8") == more
    assert from_document(to_document(more)) == more
    wrong = only_fault(vary, scenario, "workers.count=8")
    assert wrong.key == "workers.count"
    assert "32" in wrong.expected


def test_speeds_that_are_drawn():
    law = {"law": "gamma", "mean": 2.0, "cv": 0.5}
    count = 4000
    text = document(count, workers={"speed_law": law})
    speeds = np.array(worker_speeds(from_document(text)))
    assert (speeds > 0).all()
    assert np.array_equal(speeds, worker_speeds(from_document(text))), "the seed names them"
    assert not np.array_equal(speeds, worker_speeds(from_document(text | {"seed": 2})))
    assert np.array_equal(speeds[:7], worker_speeds(from_document(text, "workers.count=7")))
    # Five standard errors of the mean: a false alarm in 2e6; the p-value: one in 1e4.
    assert speeds.mean() == pytest.approx(2.0, abs=5 / math.sqrt(count))
    assert stats.kstest(speeds, stats.gamma(4, scale=0.5).cdf).pvalue > 1e-4
    # And they are what the schedule goes by.
    trace = run(document(20, workers={"speed_law": law}), 10**6, seconds=0.1)
    expected = [int(0.1 // (1e-3 / speed)) for speed in speeds[:20]]
    assert np.abs(np.bincount(trace.worker, minlength=20) - expected).max() <= 1


def test_speeds_that_are_drawn_multiply_the_groups_own():
    groups = [{"count": 3, "speed": 10.0}, {"count": 2}]
    text = document(
        workers={"groups": groups, "speed_law": {"law": "uniform", "low": 1, "high": 2}}
    )
    del text["workers"]["count"]
    factors = worker_speeds(from_document(text))
    assert all(10 <= factor <= 20 for factor in factors[:3])
    assert all(1 <= factor <= 2 for factor in factors[3:])


def test_speed_law_that_gives_no_speed():
    text = from_document(document(3, workers={"speed_law": 0.0}))
    fault = only_fault(lambda: next(simulate(text, DIMENSION)))
    assert fault.key == "workers.speed_law"


def test_latencies_are_drawn_by_name():
    # The same draw has the same latency whether it goes through an interface or not.
    network = {"pull": exponential(1e-4), "push": exponential(1e-4)}
    plain = run(document(1, 1e-3, network=network), 50)
    wired = run(document(1, 1e-3, network=network | {"server_bandwidth": 8e6}), 50)
    ready = np.diff(wired.ticks, axis=0)[0] - np.diff(plain.ticks, axis=0)[0]
    assert set(ready.tolist()) == {100_000}
    source = cluster_timing(from_document(document(1)), DIMENSION).source
    law = from_document(document(1, network=network)).network.pull
    named = ticks_one_by_one(Duration(law, Purpose.PULL), source, 0)
    assert np.diff(plain.ticks, axis=0)[0].tolist() == [next(named) for _ in range(50)]
