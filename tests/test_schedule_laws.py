"""Every schedule obeys the exact laws of asynchronous work, whatever the compute law."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from asysim.errors import InputError
from asysim.scenario.load import from_document
from asysim.trace.gradient import NANOSECOND
from tests.strategies import (
    CONTINUOUS,
    bounds,
    con_documents,
    exponential,
    incon_documents,
    recorded,
    star,
    with_algorithm,
)

# Statistical tests are seeded; each would fail by chance, for another seed, with this probability.
FALSE_ALARM = 1e-4


EXPONENTIAL = exponential(1e-3)


def cut_where_all_return(trace):
    """Return an update after which every worker has another row, and the version of that row."""
    workers = trace.info.workers
    assume(len(np.unique(trace.worker)) == workers)  # if nothing takes time, one does it all
    last = [int(trace.updates_before[trace.worker == w][-1]) for w in range(workers)]
    cut = min(last)
    after = trace.updates_before >= cut
    held = [int(trace.version[after & (trace.worker == w)][0]) for w in range(workers)]
    return cut, held


@settings(max_examples=150)
@given(document=con_documents(), bound=st.none() | bounds())
def test_conservation_of_staleness_to_the_integer(document, bound):
    # Always busy: at each update p − 1 others hold a version, so Σ ages = K(p − 1) − A_K.
    if bound is not None:
        document = with_algorithm(document, **(bound | {"beyond_bound": "discard"}))
    p = document["workers"]["count"]
    trace = recorded(document, updates=40 * p)
    cut, held = cut_where_all_return(trace)
    in_flight = sum(cut - version for version in held)
    before = trace.updates_before < cut
    assert int(trace.age[before].sum()) == cut * (p - 1) - in_flight


@settings(max_examples=100)
@given(document=con_documents(laws=CONTINUOUS), bound=bounds())
def test_conservation_counted_from_the_clock(document, bound):
    # Who holds a version when update k is applied, told by times alone: Σ τ = Σ (c_k − 1) − A_K.
    document = with_algorithm(document, gradients_per_update=1, **bound)
    p = document["workers"]["count"]
    trace = recorded(document, updates=30 * p)
    cut, _ = cut_where_all_return(trace)
    read, applied = trace.seconds("read"), trace.seconds("applied")
    instants = trace.ticks[4][trace.was_applied]
    if len(np.unique(instants)) < len(instants):
        return  # a tie: the clock does not tell the order
    holders = in_flight = 0
    for k in np.flatnonzero(trace.was_applied & (trace.updates_before < cut)):
        holders += int(np.sum((read < applied[k]) & (applied[k] <= applied))) - 1
    late = trace.updates_before >= cut
    last = applied[trace.was_applied & (trace.updates_before < cut)].max(initial=0.0)
    for row in np.flatnonzero(late & (read < last)):
        in_flight += cut - int(trace.version[row])
    assert int(trace.age[~late].sum()) == holders - in_flight


@settings(max_examples=60)
@given(document=con_documents(), bound=st.none() | bounds())
def test_rows_are_a_possible_history(document, bound):
    if bound is not None:
        document = with_algorithm(document, **bound)
    trace = recorded(document, updates=60)
    c = document["algorithm"]["gradients_per_update"]
    assert np.array_equal(trace.update[trace.was_applied], np.repeat(np.arange(60), c)), (
        "updates are numbered without a gap, each of c gradients"
    )
    assert np.all(np.diff(trace.ticks, axis=0) >= 0), "a gradient's steps follow one another"
    assert np.all(np.diff(trace.ticks[4]) >= 0), "the server disposes of one after another"
    assert np.all(trace.age >= 0)
    for worker in range(trace.info.workers):
        mine = trace.worker == worker
        assert np.array_equal(trace.draw[mine], np.arange(mine.sum())), "no draw twice or left out"
        read, applied = trace.ticks[0][mine], trace.ticks[4][mine]
        assert np.all(read[1:] >= applied[:-1]) or c > 1, "one gradient at a time"


@pytest.mark.parametrize("p", [1, 2, 3, 8, 33])
def test_equal_deterministic_workers_take_turns(p):
    trace = recorded(star(p, 1e-3), updates=10 * p)
    k = np.arange(10 * p)
    assert np.array_equal(trace.staleness, np.minimum(k, p - 1))
    assert np.array_equal(trace.worker, k % p)
    assert np.array_equal(trace.ticks[4], (k // p + 1) * 1_000_000)


@settings(max_examples=50)
@given(
    ticks=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    until=st.integers(40, 400),
)
def test_fixed_times_without_latency_count_floors(ticks, until):
    # Updates by t are Σ floor(t / τ_i), to the tick.
    slowest = max(ticks)
    document = star(
        len(ticks), slowest * 1e-9, workers={"speed": [slowest / tick for tick in ticks]}
    )
    trace = recorded(document, updates=10**6, seconds=until * 1e-9)
    assert trace.updates == sum(until // tick for tick in ticks)


@pytest.mark.parametrize("p", [1, 2, 5, 12])
@pytest.mark.parametrize("compute_ticks", [10, 100])
def test_deterministic_server_saturates(p, compute_ticks):
    # Throughput is min(p / (Z + s), 1 / s); here s = 10 ticks.
    document = star(p, compute_ticks * 1e-9, server={"service": 10e-9})
    trace = recorded(document, updates=200 * p)
    gaps = np.diff(trace.ticks[4][-100 * p :])
    assert gaps.mean() == pytest.approx(max((compute_ticks + 10) / p, 10), rel=1e-2)


def geometric_pvalue(staleness, p):
    """Chi-square test of i.i.d. P(τ = t) = q (1 − q)^t with q = 1/p, cells of at least 20."""
    top = int(np.log(20 * p / len(staleness)) / np.log1p(-1 / p))
    probability = np.append((1 / p) * (1 - 1 / p) ** np.arange(top), (1 - 1 / p) ** top)
    observed = np.bincount(np.minimum(staleness, top), minlength=top + 1)
    return stats.chisquare(observed, probability * len(staleness)).pvalue


@pytest.mark.parametrize("p", [2, 4, 16])
def test_exponential_workers_have_geometric_staleness(p):
    # One worker's gradients: their staleness is independent from one to the next.
    trace = recorded(star(p, EXPONENTIAL), updates=4000 * p)
    mine = trace.staleness[(trace.worker == 0)][1:]
    assert geometric_pvalue(mine, p) > FALSE_ALARM
    shares = np.bincount(trace.worker, minlength=p)
    assert stats.chisquare(shares).pvalue > FALSE_ALARM
    pairs = np.bincount(trace.worker[:-1] * p + trace.worker[1:], minlength=p * p)
    assert stats.chisquare(pairs, ddof=p - 1).pvalue > FALSE_ALARM, "who is next is memoryless"


def test_exponential_workers_start_up():
    # P(τ_k = k) = (1 − 1/p)^k: nobody who delivered before delivers at k.
    p, k, runs = 4, 3, 1500
    hits = sum(
        int(recorded(star(p, EXPONENTIAL) | {"seed": seed}, updates=k + 1).staleness[k]) == k
        for seed in range(runs)
    )
    assert stats.binomtest(hits, runs, (1 - 1 / p) ** k).pvalue > FALSE_ALARM


def test_unequal_exponential_workers():
    # q_i = μ_i / Σμ is worker i's share, and P(τ = t) = Σ q_i² (1 − q_i)^t.
    speeds = [1.0, 2.0, 5.0]
    trace = recorded(star(3, EXPONENTIAL, workers={"speed": speeds}), updates=60_000)
    q = np.array(speeds) / sum(speeds)
    assert stats.chisquare(np.bincount(trace.worker), q * len(trace)).pvalue > FALSE_ALARM
    for worker in range(3):
        mine = trace.staleness[trace.worker == worker][1:]
        assert geometric_pvalue(mine, 1 / q[worker]) > FALSE_ALARM


@pytest.mark.parametrize(
    "law", [{"law": "gamma", "mean": 1e-3, "cv": 0.3}, {"law": "lognormal", "mean": 1e-3, "cv": 1}]
)
def test_mean_staleness_of_unequal_renewal_workers(law):
    # E[τ | i] = ΛE[S_i] − 1 and share 1/(ΛE[S_i]), with Λ = Σ 1/E[S_i]. The tolerance is five
    # standard errors of a mean over independent cycles: a false alarm has probability 1e-6 each.
    speeds = np.array([0.25, 1.0, 1.0, 4.0])
    trace = recorded(star(4, law, workers={"speed": speeds.tolist()}), updates=120_000)
    rate = speeds.sum()
    for worker, speed in enumerate(speeds):
        mine = trace.staleness[trace.worker == worker][1:]
        error = 5 * mine.std() / np.sqrt(len(mine))
        assert mine.mean() == pytest.approx(rate / speed - 1, abs=error)


@settings(max_examples=200)
@given(document=st.one_of(con_documents(), incon_documents()), bound=bounds())
def test_bound_is_never_exceeded_and_work_goes_on(document, bound):
    # `recorded` would never return if nothing could go on.
    trace = recorded(with_algorithm(document, **bound), updates=80)
    assert trace.updates == 80
    assert trace.staleness.max() <= bound["staleness_bound"]
    if bound["beyond_bound"] == "wait":
        assert trace.was_applied.all(), "who waits discards nothing"
    else:
        assert np.all(trace.age[~trace.was_applied] > bound["staleness_bound"])


@settings(max_examples=60)
@given(document=con_documents(laws=CONTINUOUS), bound=st.integers(0, 6))
def test_waiting_leaves_as_many_workers_idle_as_it_says(document, bound):
    # Under way at an instant: read, not yet applied. Never more than T + 1, which is reached.
    document = with_algorithm(document, staleness_bound=bound, gradients_per_update=1)
    scenario = from_document(document)
    trace = recorded(scenario, updates=40)
    read, applied = trace.ticks[0], trace.ticks[4]
    most = max(int(np.sum((read <= instant) & (applied > instant))) for instant in read)
    assert most <= scenario.workers.count - scenario.idle_workers
    if scenario.idle_workers:
        assert int(np.sum(read == 0)) == bound + 1, "at the start all the room there is is taken"


@settings(max_examples=60)
@given(document=st.one_of(con_documents(), incon_documents()))
def test_bound_that_cannot_bite_changes_nothing(document):
    free = recorded(document, updates=80)
    loose = 80 + document["workers"]["count"]  # nothing can be older within 80 updates
    for beyond in ("wait", "discard"):
        bounded = with_algorithm(document, staleness_bound=loose, beyond_bound=beyond)
        assert np.array_equal(recorded(bounded, updates=80).facts, free.facts)


@settings(max_examples=60)
@given(
    document=st.one_of(con_documents(), incon_documents()),
    bound=st.none() | bounds(),
    sizes=st.tuples(st.integers(1, 50), st.integers(1, 50)),
)
def test_same_schedule_in_pieces_of_any_size(document, bound, sizes):
    if bound is not None:
        document = with_algorithm(document, **bound)
    one, other = (recorded(document, updates=100, block_size=size) for size in sizes)
    assert one == other


@settings(max_examples=60)
@given(document=con_documents(), bound=st.none() | bounds())
def test_instant_sweeps_are_consistent_reads(document, bound):
    # AsySG-incon on a memory that takes no time is AsySG-con on a cluster that takes no time.
    document = {k: v for k, v in document.items() if k not in ("network", "server")}
    document = with_algorithm(document, gradients_per_update=1, **(bound or {}))
    a = recorded(document, updates=100)
    b = recorded(with_algorithm(document, name="asysg-incon"), updates=100)
    assert np.array_equal(a.facts, b.facts)
    never_parked = [0, 1, 2, 4]  # a gradient that waits for leave has arrived; its write has not
    assert np.array_equal(a.ticks[never_parked], b.ticks[never_parked])
    assert b.sweeps is not None
    assert len(b.sweeps.update) == 0, "nothing is seen in part"


def test_more_blocks_than_coordinates_are_refused():
    document = {
        "problem": {"kind": "quadratic"},
        "algorithm": {"name": "asysg-incon", "step": 0.1, "write": "block", "blocks": 8},
        "workers": {"count": 2, "compute": 1e-3},
    }
    with pytest.raises(InputError, match=r"algorithm.blocks: found 8; should be at most 7"):
        recorded(document, updates=1, dimension=7)


def test_seconds_cut_at_the_instant():
    whole = recorded(star(3, EXPONENTIAL), updates=500)
    for seconds in (0.01, 0.05, whole.ticks[4][100] * NANOSECOND):
        cut = recorded(star(3, EXPONENTIAL), updates=10**6, seconds=seconds)
        assert len(cut) == np.sum(whole.ticks[4] <= round(seconds / NANOSECOND))
        assert cut == whole[: len(cut)]
