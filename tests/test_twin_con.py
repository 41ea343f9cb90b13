"""AsySG-con's plain schedule and its compiled twin: the same blocks, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.coordination import bound as deadlines
from asysim.coordination.bound import Deadlines
from asysim.laws import Constant, Exponential
from asysim.random.streams import Purpose, WordSource
from asysim.scenario.load import from_document
from asysim.schedule import cluster_timing, trace_info
from asysim.schedule.compiled import heap
from asysim.schedule.compiled.consistent import CompiledConsistent
from asysim.schedule.compiled.draws import Draws
from asysim.schedule.engine import plain_rule
from asysim.schedule.reference.consistent import ConsistentSchedule
from asysim.schedule.timing import Duration
from tests.strategies import bounds, con_documents, with_algorithm
from tests.twins import assert_same_blocks


def both(document, block_size=64):
    scenario = from_document(document)
    rule, info = plain_rule(scenario), trace_info(scenario, 7)
    return [
        engine(cluster_timing(scenario, 7), info, block_size=block_size, **rule)
        for engine in (ConsistentSchedule, CompiledConsistent)
    ]


@settings(max_examples=200)
@given(
    document=con_documents(), bound=st.none() | bounds(), block_size=st.sampled_from([1, 64, 333])
)
def test_the_same_blocks(document, bound, block_size):
    if bound is not None:
        document = with_algorithm(document, **bound)
    assert_same_blocks(*both(document, block_size), 12)


@pytest.mark.parametrize("count", [1, 2, 100, 1500])
@pytest.mark.parametrize(
    "algorithm",
    [
        {},
        {"gradients_per_update": 7},
        {"staleness_bound": 5},
        {"staleness_bound": 60, "beyond_bound": "discard"},
        {"staleness_bound": 3, "gradients_per_update": 10},
    ],
)
def test_more_draws_than_are_kept(count, algorithm):
    # One fast worker takes many more draws than all the others.
    speed = [50.0] + [1.0] * (count - 1)
    document = {
        "problem": {"kind": "quadratic", "dimension": 7},
        "algorithm": {"name": "asysg-con", "step": 0.01} | algorithm,
        "workers": {
            "count": count,
            "compute": {"law": "gamma", "mean": 1e-3, "cv": 0.5},
            "speed": speed,
        },
        "network": {"pull": 2e-5, "push": {"law": "exponential", "mean": 1e-5}, "bandwidth": 1e9},
        "server": {"service": {"law": "uniform", "low": 0.0, "high": 1e-5}},
    }
    waits = "staleness_bound" in algorithm and "beyond_bound" not in algorithm
    assert_same_blocks(*both(document, 2000), 1 if waits else 4)


@given(
    used=st.lists(st.integers(0, 5000), min_size=3, max_size=3),
    steps=st.integers(1, 6),
    parts=st.sampled_from([1, 3]),
)
@settings(max_examples=50)
def test_draws_are_those_of_their_names(used, steps, parts):
    laws = [
        Duration(Exponential(law="exponential", mean=mean), Purpose.PUSH, extra=1e-6, factor=2.0)
        for mean in (1e-3, 1e-3, 4e-3)
    ]
    speeds = [1.0, 3.0, 0.3]
    draws = Draws(9, 3, parts=parts)
    table, kept = draws.ticks(laws, speeds), None
    lost = draws.losses(Purpose.LOST_PUSH, 0.3)
    named = draws.indices(Purpose.BLOCK, 5)
    source, next_ = WordSource(9), np.zeros(3, np.int64)
    for step in range(1, steps + 1):
        draws.refill(next_)
        assert (draws.made > next_).all()
        for worker in range(3):
            begin, kept = int(next_[worker]), table.shape[1]
            count = int(draws.made[worker]) - begin
            expected = laws[worker].ticks(
                source, worker, begin * parts, count * parts, speeds[worker]
            )
            places = np.arange(begin, begin + count) % kept
            assert np.array_equal(table[worker, places].ravel(), expected)
            words = source.words(Purpose.LOST_PUSH, worker, begin * parts, count * parts)
            assert np.array_equal(
                lost[worker, places].ravel(), (words >> np.uint64(12)) + 0.5 < 0.3 * 2.0**52
            )
            assert set(named[worker, places].ravel()) <= set(range(5))
        next_ = np.minimum(np.array(used) * step // steps, draws.made)


def test_constant_draws_take_one_place_each():
    draws = Draws(1, 4)
    laws = [Constant(value=1e-6)] * 3 + [Constant(value=2e-6)]
    table = draws.ticks([Duration(law, Purpose.PULL) for law in laws])
    draws.refill(np.zeros(4, np.int64))
    assert table.ravel().tolist() == [1000, 1000, 1000, 2000]
    assert (draws.made > 2**62).all()


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), min_size=1, max_size=60))
def test_the_heap_sorts(places):
    places = [(instant, 64 * rank + i) for i, (instant, rank) in enumerate(places)]
    instants, ranks = np.zeros((2, len(places)), np.int64)
    size = 0
    for instant, rank in places:
        size = heap.push(instants, ranks, size, instant, rank)
    out = []
    for extra in range(30):  # as a schedule does: the first one comes back later
        out.append((int(instants[0]), int(ranks[0])))
        heap.replace(instants, ranks, size, out[-1][0] + 7, 10_000 + extra)
    while size:
        out.append((int(instants[0]), int(ranks[0])))
        size = heap.pop(instants, ranks, size)
    again, model = sorted(places), []
    for extra in range(30):
        model.append(again.pop(0))
        again = sorted([*again, (model[-1][0] + 7, 10_000 + extra)])
    assert out == model + again


@given(
    versions=st.lists(st.integers(0, 12), max_size=12),
    bound=st.integers(0, 9),
    per_update=st.integers(1, 4),
    gathered=st.integers(0, 3),
    update=st.integers(0, 15),
    version=st.integers(0, 15),
)
def test_deadlines(versions, bound, per_update, gathered, update, version):
    reference = Deadlines(bound, per_update)
    twin, count = np.zeros(20, np.int64), 0
    for each in versions:
        reference.add(each)
        count = deadlines.add(twin, count, each)
    now = (update, gathered % per_update)
    assert twin[:count].tolist() == sorted(versions)
    assert deadlines.admits_read(
        twin, count, version, *now, bound, per_update
    ) == reference.admits_read(version, *now)
    for each in versions:
        assert deadlines.admits_update(
            twin, count, each, *now, bound, per_update
        ) == reference.admits_update(each, *now)
    if versions:
        assert deadlines.remove(twin, count, versions[0]) == count - 1
        assert twin[: count - 1].tolist() == sorted(versions[1:])
