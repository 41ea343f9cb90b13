"""AsySG-incon's schedule and its compiled twin: the same blocks, bit for bit."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.scenario.load import from_document
from asysim.schedule import memory_timing, power_clocks, trace_info
from asysim.schedule.compiled import inconsistent_sweeps
from asysim.schedule.compiled.inconsistent import CompiledInconsistent, covers
from asysim.schedule.reference.inconsistent import InconsistentSchedule
from asysim.schedule.sweeps import Write, seen_slice, span, write_time
from tests.strategies import bounds, incon_documents, with_algorithm
from tests.support import only_fault
from tests.twins import assert_same_blocks

HUGE = 10**15  # coordinates: products of coordinates and ticks then need more than 64 bits


def schedule(engine, document, block_size=64, dimension=7):
    scenario = from_document(document)
    algorithm, memory = scenario.algorithm, scenario.memory
    return engine(
        memory_timing(scenario, dimension),
        trace_info(scenario, dimension),
        bound=algorithm.staleness_bound,
        beyond="discard" if algorithm.beyond_bound == "discard" else "wait",
        contention=0.0 if memory is None else memory.contention,
        block_size=block_size,
    )


def both(document, block_size=64, dimension=7):
    return [
        schedule(engine, document, block_size, dimension)
        for engine in (InconsistentSchedule, CompiledInconsistent)
    ]


def incon(compute, read, written, count=4, contention=0.0, speed=1.0, **algorithm):
    return {
        "problem": {"kind": "quadratic", "dimension": 7},
        "algorithm": {"name": "asysg-incon", "step": 0.01} | algorithm,
        "workers": {"count": count, "compute": compute, "speed": speed},
        "memory": {"read": read, "write": written, "contention": contention},
    }


@st.composite
def machines(draw):
    """All that a lock-free scenario can say, but for power."""
    document = draw(incon_documents())
    bound = draw(st.none() | bounds())
    if bound is not None:
        document = with_algorithm(document, **bound)
    speeds = st.sampled_from([0.25, 0.5, 1.0, 3.0])
    count = document["workers"]["count"]
    document["workers"]["speed"] = draw(st.lists(speeds, min_size=count, max_size=count))
    document["memory"]["contention"] = draw(st.sampled_from([0.0, 0.0, 0.3, 1.0, 2.5]))
    document["memory"]["per_coordinate"] = draw(st.booleans())
    return document


@settings(max_examples=300)
@given(
    document=machines(),
    block_size=st.sampled_from([1, 64, 200]),
    dimension=st.sampled_from([7, 7, 7, 1000, HUGE]),
)
def test_the_same_blocks(document, block_size, dimension):
    if dimension == HUGE:
        document["memory"]["per_coordinate"] = False  # a sweep of 3000 years
    assert_same_blocks(*both(document, block_size, dimension), 8)


TICK = 1e-9


@pytest.mark.parametrize("count", [1, 4, 9])
@pytest.mark.parametrize(
    "algorithm",
    [
        {},
        {"write": "coordinate"},
        {"write": "block", "blocks": 3},
        {"staleness_bound": 0},
        {"staleness_bound": 5},
        {"staleness_bound": 5, "write": "coordinate"},
        {"staleness_bound": 2, "beyond_bound": "discard"},
    ],
)
def test_ties(count, algorithm):
    for compute, read, write in [(1, 0, 0), (1, 1, 1), (2, 0, 3), (1, 3, 0), (3, 2, 7), (1, 9, 4)]:
        for contention, speed in [(0.0, 1.0), (0.5, [1.0] + [0.5] * (count - 1))]:
            document = incon(
                compute * TICK, read * TICK, write * TICK, count, contention, speed, **algorithm
            )
            assert_same_blocks(*both(document, 40), 4)


@pytest.mark.parametrize("bound", [None, 3, 40])
def test_computing_that_takes_no_time(bound):
    # Every gradient is done at the instant at which its read ends.
    bounded = {} if bound is None else {"staleness_bound": bound}
    for read, write in [(3, 0), (0, 2), (2, 5)]:
        document = incon(0.0, read * TICK, write * TICK, 5, **bounded)
        assert_same_blocks(*both(document, 40), 4)


SELDOM_LONG = {"law": "mixture", "weights": [200, 1], "laws": [1e-6, 3e-3]}


@pytest.mark.parametrize(
    ("steps", "algorithm"),
    [
        ((1e-5, SELDOM_LONG, 2e-6), {}),
        ((1e-5, 2e-6, SELDOM_LONG), {}),
        ((1e-5, SELDOM_LONG, SELDOM_LONG), {"write": "block", "blocks": 3}),
        ((SELDOM_LONG, 1e-5, SELDOM_LONG), {"staleness_bound": 100}),
        ((SELDOM_LONG, SELDOM_LONG, 1e-6), {"staleness_bound": 60, "beyond_bound": "discard"}),
    ],
)
def test_room_is_made_as_it_is_needed(steps, algorithm):
    # While one sweep takes 3 ms the others make hundreds of updates.
    document = incon(*steps, 5, **algorithm)
    reference, twin = both(document, 300)
    places = len(twin._writes), len(twin._pieces), twin._out.seen.shape[1]
    assert_same_blocks(reference, twin, 9)
    found = len(twin._writes), len(twin._pieces), twin._out.seen.shape[1]
    assert all(b > a for a, b in zip(places, found, strict=True))


@pytest.mark.parametrize(
    ("count", "algorithm"),
    [(2, {}), (100, {}), (100, {"staleness_bound": 200}), (3000, {"write": "coordinate"})],
)
def test_more_draws_than_are_kept(count, algorithm):
    # One fast worker takes many more draws than all the others.
    document = incon(
        {"law": "gamma", "mean": 1e-3, "cv": 0.5},
        {"law": "exponential", "mean": 1e-7},
        {"law": "uniform", "low": 0.0, "high": 1e-7},
        count,
        speed=[50.0] + [1.0] * (count - 1),
        **algorithm,
    )
    assert_same_blocks(*both(document, 2000), 4)


def test_a_crowd_that_waits_for_one():
    # Writes that take no time are over at once, and let others go on, one within the other.
    document = incon(1e-6, 1e-7, 0.0, count=250, speed=[0.01] + [1.0] * 249, staleness_bound=250)
    assert_same_blocks(*both(document, 1000), 2)


def test_arrays_are_of_int64():
    block = next(iter(schedule(CompiledInconsistent, incon(1e-6, 2e-6, 3e-6))))
    sweeps = block.rows.sweeps
    for array in (sweeps.lo, sweeps.hi, sweeps.offsets, sweeps.update, sweeps.first, sweeps.last):
        assert array.dtype == np.int64
    assert block.held_updates.dtype == block.held_versions.dtype == np.int64
    assert type(block.floor) is int


def test_blocks_do_not_change_when_the_next_one_is_made():
    document = incon({"law": "exponential", "mean": 2e-6}, 2e-6, 3e-6)
    twin = iter(schedule(CompiledInconsistent, document))
    early = list(islice(twin, 3))
    again = iter(schedule(CompiledInconsistent, document))
    assert all(block.rows == next(again).rows for block in early)


BELOW = st.one_of(*(st.integers(0, 2**bits) for bits in (3, 10, 40, 60)))


@given(
    dimension=st.one_of(*(st.integers(1, 2**bits) for bits in (2, 5, 20, 40, 60))),
    write_pace=BELOW, read_pace=BELOW, data=st.data(),
)  # fmt: skip
@settings(max_examples=500)
def test_sweeps_of_any_length(dimension, write_pace, read_pace, data):
    blocks = data.draw(st.integers(1, dimension))
    block = data.draw(st.integers(0, blocks - 1))
    lo, hi = span(block, blocks, dimension)
    assert inconsistent_sweeps.quotient(block, dimension, blocks) == lo
    assert inconsistent_sweeps.quotient(block + 1, dimension, blocks) == hi
    lasts = write_time(lo, hi, write_pace, dimension)
    assert inconsistent_sweeps.write_time(hi - lo, write_pace, dimension) == lasts
    lead = data.draw(st.integers(-read_pace, lasts))
    write = Write(0, lo, hi, -lead, write_pace, lasts - lead)
    assert inconsistent_sweeps.seen_slice(
        lo, hi, write_pace, lead, read_pace, dimension
    ) == seen_slice(write, 0, read_pace, dimension)


@pytest.mark.parametrize(
    ("steps", "contention"),
    [((3e9, 1e-6, 1e-6), 0.0), ((1e-6, 3e9, 3e9), 0.0), ((1e-6, 1e-6, 1e-5), 1e30)],
)
def test_past_the_clock(steps, contention):
    twin = iter(schedule(CompiledInconsistent, incon(*steps, contention=contention)))
    assert only_fault(list, twin).key == "run.seconds"


SPELLS = {"kind": "spells", "normal": 1e-3, "slow": 1e-3, "power": 0.1}


def test_power_is_not_covered():
    plain = incon(1e-3, 1e-6, 1e-6)
    assert covers(from_document(plain)) is None
    everybody = plain | {"workers": {"count": 2, "compute": 1e-3, "power": SPELLS}}
    assert covers(from_document(everybody)) == "workers.power"
    groups = [{"count": 2}, {"count": 1, "power": SPELLS}]
    scenario = from_document(plain | {"workers": {"compute": 1e-3, "groups": groups}})
    assert covers(scenario) == "workers.groups.1.power"
    timing, info = memory_timing(scenario, 7), trace_info(scenario, 7)
    with pytest.raises(ValueError, match="InconsistentSchedule"):
        CompiledInconsistent(timing, info, powers=power_clocks(scenario))
    CompiledInconsistent(timing, info, powers=[None] * 3)


def test_workers_of_a_group_share_a_law():
    batch = {
        "law": "batch",
        "fixed": 0.0,
        "per_sample": 1e-4,
        "noise": {"law": "exponential", "mean": 1.0},
    }
    groups = [{"count": 2, "compute": batch}, {"count": 3}, {"count": 2, "compute": batch}]
    scenario = from_document(
        incon(1e-3, 1e-6, 1e-6) | {"workers": {"compute": batch, "groups": groups}}
    )
    computing = [worker.compute for worker in memory_timing(scenario, 7).workers]
    assert len({id(each) for each in computing}) == 3
    assert computing[0] is computing[1]
    assert computing[0] == computing[5] == computing[2]
