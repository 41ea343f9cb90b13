"""How many gradients, and when, against lists of all instants."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asysim.theory.counts import (
    collection_time,
    optimal_time,
    renewal_shares,
    renewal_throughput,
    updates_by,
)
from asysim.theory.staleness import mean_staleness, worker_means
from asysim.trace.gradient import NANOSECOND

TICKS = st.lists(st.integers(1, 50), min_size=1, max_size=6)


def seconds(ticks):
    return [tick * NANOSECOND for tick in ticks]


@given(ticks=TICKS, until=st.integers(0, 300))
def test_updates_by_are_the_instants_so_far(ticks, until):
    instants = [k * tick for tick in ticks for k in range(1, 301) if k * tick <= until]
    assert updates_by(seconds(ticks), until * NANOSECOND) == len(instants)


@given(ticks=TICKS, needed=st.integers(1, 80))
def test_collection_time_is_the_so_manyth_instant(ticks, needed):
    instants = sorted(k * tick for tick in ticks for k in range(1, needed + 1))
    found = collection_time(seconds(ticks), needed)
    assert round(found / NANOSECOND) == instants[needed - 1]
    assert updates_by(seconds(ticks), found) >= needed
    assert updates_by(seconds(ticks), found - NANOSECOND) < needed


def test_counts_to_the_tick_where_floats_would_not():
    assert 3 * 0.1 != 0.3
    assert math.floor(0.3 / 0.1) == 2
    assert updates_by([0.1], 0.3) == 3
    assert collection_time([0.1, 0.3], 4) == pytest.approx(0.3, rel=1e-15)
    assert updates_by([1e-9], 1e6) == 10**15, "and to 64 bits"


POSITIVE = st.floats(0.01, 100)


@given(
    times=st.lists(POSITIVE, min_size=1, max_size=6),
    smoothness=POSITIVE,
    gap=POSITIVE,
    variance=st.just(0.0) | POSITIVE,
    accuracy=POSITIVE,
)
def test_optimal_time_is_the_best_of_all_sets_of_workers(
    times, smoothness, gap, variance, accuracy
):
    def time_with(some):
        rate = sum(1 / time for time in some) / len(some)
        steps = smoothness * gap / accuracy
        noise = variance * smoothness * gap / (len(some) * accuracy**2)
        return (steps + noise) / rate

    every = [some for m in range(1, len(times) + 1) for some in combinations(times, m)]
    found = optimal_time(
        times, smoothness=smoothness, gap=gap, variance=variance, accuracy=accuracy
    )
    assert found.seconds == pytest.approx(min(map(time_with, every)))
    assert found.seconds == pytest.approx(time_with(sorted(times)[: found.workers]))


def test_optimal_time_at_its_ends():
    scale = {"smoothness": 2.0, "gap": 3.0, "accuracy": 0.5}
    assert optimal_time([4.0, 1.0, 2.0], variance=0.0, **scale) == (12.0, 1), "no noise: fastest"
    assert optimal_time([4.0, 1.0, 2.0], variance=1e6, **scale).workers == 3, "all noise: all"


@given(means=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=8))
def test_shares_and_worker_means_give_the_mean_staleness(means):
    shares = renewal_shares(means)
    assert shares.sum() == pytest.approx(1)
    assert shares * renewal_throughput(means) * means == pytest.approx(np.ones(len(means)))
    assert shares @ worker_means(means) == pytest.approx(mean_staleness(len(means)), abs=1e-9)


GOOD = {"smoothness": 1.0, "gap": 1.0, "variance": 1.0, "accuracy": 1.0}


@pytest.mark.parametrize(
    ("call", "wrong", "text"),
    [
        (updates_by, ([1.0], -1.0), "time ≥ 0"),
        (updates_by, ([1.0], math.inf), "finite time"),
        (updates_by, ([], 1.0), "at least one time"),
        (updates_by, ([4e-10], 1.0), "nanosecond or more, not 4e-10"),
        (collection_time, ([1.0, 0.0], 1), "time > 0"),
        (collection_time, ([1.0], 0), "needed ≥ 1"),
        (renewal_throughput, ([math.inf],), "finite mean"),
        (renewal_shares, ([],), "at least one mean"),
    ],
)
def test_arguments_out_of_range(call, wrong, text):
    with pytest.raises(ValueError, match=text):
        call(*wrong)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("smoothness", 0.0, "smoothness > 0"),
        ("gap", math.nan, "finite gap"),
        ("variance", -1.0, "variance ≥ 0"),
        ("accuracy", 0.0, "accuracy > 0"),
    ],
)
def test_optimal_time_arguments_out_of_range(name, value, text):
    with pytest.raises(ValueError, match=text):
        optimal_time([1.0], **(GOOD | {name: value}))
