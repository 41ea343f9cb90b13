"""The schedule with everything and its compiled twin: the same blocks, bit for bit."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.errors import InputError
from asysim.scenario.load import from_document
from asysim.schedule import trace_info
from asysim.schedule.building import cluster, rule_of
from asysim.schedule.compiled.cluster import CompiledCluster, covers
from asysim.schedule.reference.cluster import ClusterSchedule
from asysim.trace.stream import Deadlock
from tests.cluster_strategies import cluster_documents, rules, star_tables
from tests.twins import assert_same_blocks

NS = 1e-9
TICKS = st.integers(0, 5).map(lambda ticks: ticks * NS)
SOME_TICKS = st.integers(1, 5).map(lambda ticks: ticks * NS)
RANDOM = st.builds(
    lambda law, mean: {"law": law, "mean": mean * NS},
    st.just("exponential"),
    st.sampled_from([1, 3, 8]),
)
TIMES = st.one_of(TICKS, TICKS, RANDOM)
SOME_TIME = st.one_of(SOME_TICKS, SOME_TICKS, RANDOM)
POWERS = st.one_of(
    st.builds(
        lambda normal, slow, power: {
            "kind": "spells", "normal": normal * NS, "slow": slow * NS, "power": power,
        },
        st.sampled_from([3, 40]), st.sampled_from([3, 40]), st.sampled_from([0.0, 0.1, 2.0]),
    ),
    st.just({"kind": "trend", "power": 0.3, "seconds": 50 * NS, "start": 3 * NS}),
    st.just({"kind": "profile", "times": [0, 2 * NS, 5 * NS], "powers": [1, 0, 0.5],
             "period": 9 * NS}),
    st.just({"kind": "profile", "times": [0, 7 * NS], "powers": [1, 0.25]}),
)  # fmt: skip


def schedules(document, block_size=8):
    scenario = from_document(document)
    info = trace_info(scenario, 6)
    reference = ClusterSchedule(
        cluster(scenario, 6), info, rule_of(scenario), block_size=block_size
    )
    hardware = cluster(scenario, 6)
    assert covers(scenario, hardware) is None
    return reference, CompiledCluster(hardware, info, scenario, block_size=block_size)


class Ended:
    """A stream that says at its end why there is no more, instead of raising it."""

    def __init__(self, schedule):
        self.schedule, self.reason = schedule, None

    def __iter__(self):
        try:
            yield from self.schedule
        except Deadlock as deadlock:
            self.reason = deadlock.tick, deadlock.reason
        except InputError as error:
            self.reason = error.faults


def same(document, blocks=20, block_size=8):
    """Compare so many blocks of both, and how they end; return that."""
    reference, twin = (Ended(s) for s in schedules(document, block_size))
    assert_same_blocks(reference, twin, blocks)
    assert twin.reason == reference.reason
    return twin.reason


@st.composite
def tied(draw: st.DrawFn) -> dict:
    """Any rule, network and misfortune in times of a few nanoseconds, so that much coincides."""
    count = draw(st.integers(1, 6))
    network, server = star_tables(
        draw, TIMES, bandwidths=[48 / NS, 24 / NS, 16 / NS], links=[48 / NS, 16 / NS],
        compressions=[1.0, 2.0, 1000.0],
    )  # fmt: skip
    if draw(st.booleans()):
        pause = {"start": draw(TICKS), "seconds": draw(SOME_TICKS)}
        server["pauses"] = [pause | draw(st.sampled_from([{}, {"every": 11 * NS}]))]
    workers = {"compute": draw(SOME_TIME), "groups": draw(crowds(count))}
    if draw(st.booleans()):
        workers["power"] = draw(POWERS)
    document = {
        "seed": draw(st.integers(0, 2**40)),
        "problem": {"kind": "quadratic", "dimension": 6},
        "algorithm": {"name": "asysg-con", "step": 0.01},
        "workers": workers,
        "network": network,
        "server": server,
    }
    rule = draw(rules(count))
    if rule.get("coordination", {}).get("kind") == "mindflayer":
        rule["coordination"]["seconds"] = draw(SOME_TICKS)
    document["algorithm"] |= rule.pop("algorithm", {})
    document |= rule
    if draw(st.booleans()):
        document["faults"] = draw(misfortunes(count))
    return document


@st.composite
def crowds(draw: st.DrawFn, count: int) -> list[dict]:
    """Groups of so many workers together, some of which come late or leave."""
    table, eventful = [], draw(st.booleans())
    while count:
        size = draw(st.integers(1, count))
        count -= size
        group = {"count": size, "speed": draw(st.sampled_from([0.5, 1.0, 3.0]))}
        if eventful:
            joins = draw(st.sampled_from([0, 0, 3, 20]))
            group["joins"] = joins * NS
            if draw(st.booleans()):
                group["leaves"] = (joins + draw(st.sampled_from([1, 7, 40]))) * NS
            if draw(st.booleans()):
                group["power"] = draw(POWERS)
        table.append(group)
    return table


@st.composite
def misfortunes(draw: st.DrawFn, count: int) -> dict:
    """Crashes, restarts, lost messages."""
    table = {}
    if draw(st.booleans()):
        table["uptime"] = draw(RANDOM | st.just(6 * NS))
        if draw(st.booleans()):
            table["downtime"] = draw(TIMES)
    table["crashes"] = draw(
        st.lists(
            st.builds(
                lambda worker, at, down: {"worker": worker, "at": at} | down,
                st.integers(0, count - 1), TICKS, st.sampled_from([{}, {"downtime": 4 * NS}]),
            ),
            max_size=3,
        )
    )  # fmt: skip
    if draw(st.booleans()):
        table |= {"loss": draw(st.sampled_from([0.0, 0.2, 0.6])), "timeout": draw(SOME_TICKS)}
        table |= draw(st.sampled_from([{}, {"retries": 0}, {"retries": 2}]))
    return table


@settings(max_examples=250)
@given(tied(), st.sampled_from([1, 8, 50]))
def test_the_same_blocks_where_much_coincides(document, block_size):
    same(document, 20, block_size)


@settings(max_examples=80)
@given(cluster_documents(), st.sampled_from([1, 64]))
def test_the_same_blocks(document, block_size):
    same(document, 6, block_size)


PLAIN = {
    "problem": {"kind": "quadratic", "dimension": 6},
    "algorithm": {"name": "asysg-con", "step": 0.01},
    "workers": {"count": 5, "compute": {"law": "exponential", "mean": 1e-3}},
    "network": {"pull": 1e-4, "push": {"law": "exponential", "mean": 1e-4}},
    "server": {"service": 2e-5},
}

RULES = {
    "asynchronous": {},
    "discard": {"algorithm": {"staleness_bound": 3, "beyond_bound": "discard"}},
    "restart": {"algorithm": {"staleness_bound": 3, "beyond_bound": "restart"}},
    "wait": {"algorithm": {"staleness_bound": 2, "gradients_per_update": 2}},
    "ssp": {"coordination": {"kind": "ssp", "slack": 2}},
    "synchronous": {"coordination": {"kind": "synchronous"}},
    "backup": {"coordination": {"kind": "backup", "needed": 3}},
    "finish": {"coordination": {"kind": "backup", "needed": 3, "late": "finish"}},
    "softsync": {"coordination": {"kind": "softsync", "gradients": 700}},
    "round-robin": {"coordination": {"kind": "round-robin"}},
    "rennala": {"coordination": {"kind": "rennala", "batch": 9}},
    "ringmaster": {"coordination": {"kind": "ringmaster", "delay": 3, "late": "stop"}},
    "mindflayer": {"coordination": {"kind": "mindflayer", "trials": 3, "seconds": 1.5e-3}},
}
EVERYTHING = {
    "network": {
        "pull": 1e-5, "push": {"law": "exponential", "mean": 1e-5}, "server_bandwidth": 4e7,
        "sharing": "fair", "duplex": "half",
    },
    "server": {
        "service": 1e-6, "read": 1e-6, "shards": 3,
        "pauses": [{"start": 1e-3, "seconds": 1e-4, "every": 7e-4}],
    },
    "faults": {
        "loss": 0.05, "timeout": 1e-3, "retries": 1, "downtime": 1e-3,
        "uptime": {"law": "exponential", "mean": 0.01},
        "crashes": [{"worker": 0, "at": 0.002, "downtime": 5e-3}],
    },
}  # fmt: skip


def document(rule=(), count=5, **more):
    made = PLAIN | more
    rule = dict(rule)
    made["workers"] = PLAIN["workers"] | {"count": count} | more.get("workers", {})
    made["algorithm"] = PLAIN["algorithm"] | rule.pop("algorithm", {})
    return made | rule


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("more", [{}, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("count", [1, 5, 40])
def test_many_blocks(rule, more, count):
    if rule.get("coordination", {}).get("needed", 0) > count:
        return
    # One fast worker takes many more draws than the others, and power many segments.
    workers = {
        "speed": [30.0] + [1.0] * (count - 1),
        "power": {"kind": "spells", "normal": 2e-4, "slow": 1e-4, "power": 0.3},
    }
    same(document(rule, count, **more, workers=workers if more else {}), 2, 1200)


def lost_for_good(worker, at=5e-3):
    return {"faults": {"crashes": [{"worker": worker, "at": at}]}}


@pytest.mark.parametrize("rule", ["wait", "ssp", "synchronous", "backup", "round-robin",
                                  "mindflayer", "asynchronous"])  # fmt: skip
def test_deadlocks_in_the_same_words(rule):
    crashes = [{"worker": w, "at": 1e-3 * (w + 1)} for w in (3, 1, 4)]
    chosen = RULES[rule]
    if rule == "backup":
        chosen = {"coordination": {"kind": "backup", "needed": 4}}
    reason = same(document(chosen, faults={"crashes": crashes}), 100)
    if rule not in ("asynchronous", "wait"):  # there two can go on
        assert "crashed at" in reason[1]
    everybody = [{"worker": w, "at": 1e-3 + w * NS} for w in (3, 1, 4, 0, 2)]
    tick, _ = same(document(chosen, faults={"crashes": everybody}), 100)
    assert tick >= 1_000_000


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_comings_and_goings(rule):
    # They leave while they compute, and while they wait for others.
    lives = [(0, None), (0, 2e-3), (0, 3.5e-3), (2e-3, 3e-3), (0, 9e-3), (5e-3, 8e-3)]
    groups = [
        {"count": 1, "joins": joins} | ({} if leaves is None else {"leaves": leaves})
        for joins, leaves in lives
    ]
    crashes = [{"worker": 4, "at": 2.5e-3, "downtime": 1e-3}, {"worker": 0, "at": 6e-3}]
    for seed in range(12):
        text = document(rule, seed=seed, faults={"crashes": crashes[: seed % 3]})
        text["workers"] = {"compute": PLAIN["workers"]["compute"], "groups": groups}
        same(text, 40, 1 + seed)


def test_restarts_do_not_hide_a_deadlock():
    # Worker 0 has asked in vain; that it is down, and will be up again, is no hope.
    crashes = [{"worker": 0, "at": 3e-3, "downtime": 20e-3}, {"worker": 1, "at": 5e-3}]
    text = document(RULES["synchronous"], 2, faults={"crashes": crashes})
    text["workers"] |= {"compute": 1e-3, "speed": [1.0, 0.1]}
    tick, _ = same(text, 10)
    assert tick == 5_000_000


def test_those_who_left_are_named():
    groups = [{"count": 2, "leaves": 2e-3}, {"count": 1, "leaves": 1e-3}, {"count": 1}]
    text = document(**lost_for_good(3))
    text["workers"] = {"compute": 1e-3, "groups": groups}
    _, words = same(text, 100)
    assert "worker 2 left at" in words
    assert "worker 3 crashed at" in words


def test_all_in_vain():
    # Every gradient takes longer than its worker stays up.
    text = document(workers={"compute": 1e-3}, count=2)
    text["faults"] = {"uptime": 5e-4, "downtime": 1e-6}
    _, words = same(text, 60, 4096)
    assert "none of the last" in words


@pytest.mark.parametrize("sharing", ["fifo", "fair"])
def test_long_transfers_are_shared_exactly(sharing):
    # Shares in 2⁻³² of a tick take more than 64 bits after some seconds.
    text = document(count=7, network={"server_bandwidth": 0.37, "sharing": sharing, "pull": 1.0})
    same(text, 20, 30)


def test_the_clock_ends():
    text = document(count=9, server={"service": 1e9}, workers={"compute": 1e-9})
    with pytest.raises(InputError):
        list(islice(schedules(text)[0], 10))
    assert same(text, 10)[0].key == "run.seconds"


def test_what_never_ends_in_time_is_not_waited_for():
    text = document(count=2, workers={"compute": 1e9})
    assert same(text, 10) is not None


@pytest.mark.parametrize(
    "power",
    [
        {"kind": "trend", "power": 0.5, "seconds": 1e12, "start": 1e12},
        {"kind": "spells", "normal": 1e13, "slow": 1e13, "power": 1e-12},
        {"kind": "profile", "times": [0, 1e12], "powers": [1e-9, 1.0]},
        {"kind": "profile", "times": [0, 1e-3, 2e-3], "powers": [0, 3.0, 1.0]},
    ],
    ids=lambda power: power["kind"],
)
def test_power_beyond_the_clock(power):
    same(document(workers={"power": power}), 5, 40)


def test_pauses_without_end():
    text = document()
    text["server"] = {
        "service": 1e-6,
        "pauses": [
            {"start": 1e-3, "seconds": 2e-9, "every": 4e-9},
            {"start": 1e-3 + 2e-9, "seconds": 2e-9, "every": 4e-9},
        ],
    }
    assert same(text, 10)[0].key == "server.pauses"


@pytest.mark.parametrize(
    ("key", "more"),
    [
        ("workers.groups", {"workers": {"count": 1, "groups": [{"count": 1, "joins": 1e10}]}}),
        ("faults.timeout", {"faults": {"timeout": 1e10}}),
        ("faults.crashes", {"faults": {"crashes": [{"worker": 0, "at": 1e10}]}}),
        ("server.pauses", {"server": {"pauses": [{"start": 0, "seconds": 1e10}]}}),
        ("network.server_bandwidth", {"network": {"server_bandwidth": 1e-9}}),
        (
            "coordination.seconds",
            {"coordination": {"kind": "mindflayer", "trials": 1, "seconds": 1e10}},
        ),
    ],
)
def test_numbers_that_are_too_large_are_named(key, more):
    scenario = from_document(document(count=1, **more))
    assert covers(scenario, cluster(scenario, 6)) == key


def test_a_stream_can_be_asked_to_go_on_after_its_block():
    for schedule in schedules(document()):
        stream = iter(schedule)
        first, second = next(stream), next(stream)
        assert second.rows.updates_at_start == first.floor
        assert np.shares_memory(first.rows.facts, second.rows.facts) is False
