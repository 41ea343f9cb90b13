"""Workers that come, crash, come back and go; messages that get lost; runs that can't go on."""

import math
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from asysim.random.streams import Purpose
from asysim.scenario.load import from_document
from asysim.schedule import cluster_timing, trace_info
from asysim.schedule.building import cluster, rule_of
from asysim.schedule.deadlock import Deadlock
from asysim.schedule.reference.cluster import ClusterSchedule
from asysim.schedule.timing import Duration, ticks_one_by_one
from asysim.trace import Trace
from asysim.trace.gradient import LOST
from tests.strategies import exponential, recorded, star
from tests.support import only_fault

SECOND = 10**9
DIMENSION = 6
run = partial(recorded, dimension=DIMENSION)


def grouped(*groups, compute=1.0, **tables):
    text = star(compute=compute, workers={"groups": list(groups)}, **tables)
    del text["workers"]["count"]
    return text


def to_the_end(text, *, steps=20_000, block_size=7):
    """All rows of a schedule that can't go on for ever, and why it ended.

    Whoever goes on for ever is found out by the number of steps, also if he makes no rows.
    """
    scenario = from_document(text)
    schedule = ClusterSchedule(
        cluster(scenario, DIMENSION), trace_info(scenario, DIMENSION), rule_of(scenario),
        block_size=block_size,
    )  # fmt: skip
    step, taken = schedule.env.step, [0]

    def counted():
        taken[0] += 1
        assert taken[0] <= steps, "it goes on and on"
        step()

    schedule.env.step = counted
    parts = []
    with pytest.raises(Deadlock) as caught:
        parts.extend(block.rows for block in schedule)
    return Trace.joined(parts, trace_info(scenario, DIMENSION)), caught.value


def names_are_unique(trace):
    names = list(zip(trace.worker.tolist(), trace.draw.tolist(), strict=True))
    return len(set(names)) == len(names)


# Crashes at random: a renewal process --------------------------------------------------------

UP, DOWN, COMPUTE = 3.0, 2.0, 1.0


def mortal(count, **faults):
    return star(count, COMPUTE, faults={"uptime": exponential(UP), "downtime": DOWN} | faults)


def test_each_life_gives_as_many_gradients_as_fit_into_it():
    # ⌊life / c⌋, to the tick; the one in hand at the crash is lost there and then.
    text = mortal(3)
    trace = run(text, 3000)
    source = cluster_timing(from_document(text), DIMENSION).source
    law = from_document(text).faults.uptime
    for worker in range(3):
        mine = trace.worker == worker
        rows = list(zip(trace.update[mine] != LOST, *trace.ticks[[0, 4]][:, mine], strict=True))
        expected, begin = [], 0
        for life in ticks_one_by_one(Duration(law, Purpose.UPTIME), source, worker):
            whole = life // SECOND
            starts = [begin + n * SECOND for n in range(whole + 1)]
            expected += [(True, a, b) for a, b in pairwise(starts)]
            expected.append((False, starts[-1], begin + life))
            begin += life + 2 * SECOND
            if len(expected) > len(rows):
                break
        assert rows == expected[: len(rows)]


def test_throughput_of_workers_that_crash_and_restart():
    # E⌊life/c⌋ / (U + D), with E⌊life/c⌋ = 1/(e^{c/U} − 1) for an exponential life.
    per_life = 1 / math.expm1(COMPUTE / UP)
    trace = run(mortal(4), 30_000)
    lost = trace.update == LOST
    counts, lengths = [], []
    for worker in range(4):
        mine = trace.worker == worker
        crashes = np.flatnonzero(lost[mine])
        counts += np.diff(crashes, prepend=-1).tolist()
        lengths += np.diff(trace.seconds("applied")[mine][crashes], prepend=-DOWN).tolist()
    counts, lengths = np.array(counts) - 1, np.array(lengths)
    # Five standard errors: each a false alarm in 2e6 seeds. A geometric number has variance
    # m(m + 1); the rate's error is that of a renewal-reward process.
    error = math.sqrt(per_life * (per_life + 1) / len(counts))
    assert counts.mean() == pytest.approx(per_life, abs=5 * error)
    rate = per_life / (UP + DOWN)
    error = (counts - rate * lengths).std() / math.sqrt(len(counts)) / (UP + DOWN)
    assert error < 0.01 * rate
    assert trace.was_applied.sum() / trace.duration / 4 == pytest.approx(rate, abs=5 * error)


def test_lost_gradients_are_rows_like_others_but_never_applied():
    trace = run(mortal(5), 2000)
    lost = trace.update == LOST
    assert lost.any()
    assert np.array_equal(trace.update[~lost], np.arange(2000))
    assert names_are_unique(trace), "no draw is used twice"
    for worker in range(5):
        mine = trace.worker == worker
        assert np.array_equal(trace.draw[mine], np.arange(mine.sum())), "nor left out"
        ends, begins = trace.ticks[4][mine][:-1], trace.ticks[0][mine][1:]
        assert set(np.unique(begins - ends)[[0, -1]]) == {0, 2 * SECOND}
        assert np.array_equal(begins - ends == 2 * SECOND, lost[mine][:-1]), "then it is down"
    # A stage that it had not reached is the instant of the crash.
    assert np.array_equal(trace.ticks[2][lost], trace.ticks[4][lost])
    assert np.array_equal(trace.ticks[3][lost], trace.ticks[4][lost])


def test_without_a_downtime_nobody_comes_back():
    text = star(20, 1.0, faults={"uptime": exponential(10.0)})
    trace, deadlock = to_the_end(text)
    assert (trace.update == LOST).sum() == 20, "all die busy"
    source = cluster_timing(from_document(text), DIMENSION).source
    law = from_document(text).faults.uptime
    lives = [next(ticks_one_by_one(Duration(law, Purpose.UPTIME), source, w)) for w in range(20)]
    assert trace.updates == sum(life // SECOND for life in lives)
    assert "no worker is left" in str(deadlock)
    assert deadlock.seconds == pytest.approx(max(lives) / SECOND)


# Crashes at given times ----------------------------------------------------------------------


def test_a_crash_for_good_ends_the_rows_of_that_worker_alone():
    text = star(3, 1.0, faults={"crashes": [{"worker": 1, "at": 4.25}]})
    trace = run(text, 60)
    mine = trace.worker == 1
    assert trace.ticks[4][mine].tolist() == [SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND, 4250000000]
    assert trace.update[mine][-1] == LOST
    assert (trace.update[mine][:-1] != LOST).all()
    assert np.array_equal(np.bincount(trace.worker), [28, 5, 28])
    late = trace.staleness[-20:]
    assert (late == 1).all(), "two that are left"


def test_a_crash_with_a_downtime():
    crash = {"worker": 0, "at": 2.5, "downtime": 1.25}
    trace = run(star(1, 1.0, faults={"crashes": [crash]}), 5)
    assert trace.ticks[0].tolist() == [0, SECOND, 2 * SECOND, 3750000000, 4750000000, 5750000000]
    assert trace.update.tolist() == [0, 1, LOST, 2, 3, 4]


def test_what_is_at_the_server_is_safe():
    # Done and at the server at 5, served until 15; the crash comes at 10.
    server = {"service": 10.0}
    text = star(1, 5.0, server=server, faults={"crashes": [{"worker": 0, "at": 10.0}]})
    trace, deadlock = to_the_end(text)
    assert trace.update.tolist() == [0]
    assert trace.ticks[4].tolist() == [15 * SECOND]
    assert deadlock.seconds == pytest.approx(15)
    assert str(deadlock).endswith("no worker is left: worker 0 crashed at 10 s")


@pytest.mark.parametrize(("downtime", "read"), [(2.0, 15), (10.0, 20)])
def test_who_is_back_before_its_gradient_is_applied_waits_for_it(downtime, read):
    crash = {"worker": 0, "at": 10.0, "downtime": downtime}
    trace = run(star(1, 5.0, server={"service": 10.0}, faults={"crashes": [crash]}), 2)
    assert trace.update.tolist() == [0, 1]
    assert trace.ticks[0].tolist() == [0, read * SECOND]


@pytest.mark.parametrize(
    ("at", "stages"),
    [
        (1.0, [0, 1, 1, 1, 1]),  # x on its way
        (5.0, [0, 3, 5, 5, 5]),  # computing
        (11.0, [0, 3, 10, 11, 11]),  # the gradient on its way
        (14.5, None),  # in the queue
    ],
)
def test_what_is_under_way_is_lost(at, stages):
    network = {"pull": 3.0, "push": 4.0}
    crash = {"worker": 0, "at": at, "downtime": 100.0}
    text = star(1, 7.0, network=network, server={"service": 1.0}, faults={"crashes": [crash]})
    trace = run(text, 2)
    if stages is None:
        assert trace.update.tolist() == [0, 1]
    else:
        assert trace.update.tolist() == [LOST, 0, 1]
        assert trace.ticks[:, 0].tolist() == [stage * SECOND for stage in stages]
        assert trace.ticks[0, 1] == round((at + 100) * SECOND)


def test_a_gradient_is_safe_once_all_its_parts_are_there():
    network, server = {"push": exponential(1.0)}, {"shards": 3, "service": 100.0}
    text = star(1, 5.0, network=network, server=server)
    parts = next(cluster_timing(from_document(text), DIMENSION).parts(0))
    for at, applied in ((sorted(parts.push)[1] + 1, False), (max(parts.push) + 1, True)):
        crash = {"worker": 0, "at": 5.0 + at / SECOND}
        trace, _ = to_the_end(text | {"faults": {"crashes": [crash]}})
        assert trace.was_applied.tolist() == [applied]


def test_a_worker_that_is_down_or_not_yet_there_does_not_crash():
    crashes = [
        {"worker": 0, "at": 1.5, "downtime": 4.0},
        {"worker": 0, "at": 2.0, "downtime": 1.0},
        {"worker": 1, "at": 2.0},
    ]
    trace = run(grouped({"count": 1}, {"count": 1, "joins": 3.0}, faults={"crashes": crashes}), 20)
    assert (trace.update == LOST).sum() == 1
    assert trace.ticks[0][trace.worker == 0][:3].tolist() == [0, SECOND, 5500000000]
    assert trace.ticks[0][trace.worker == 1][0] == 3 * SECOND


def test_a_crash_for_good_is_for_good_also_if_the_worker_was_down():
    # "seconds until it begins again; absent: never"
    crashes = [{"worker": 0, "at": 1.5, "downtime": 4.0}, {"worker": 0, "at": 2.0}]
    trace = run(star(2, 1.0, faults={"crashes": crashes}), 20)
    assert trace.seconds("read")[trace.worker == 0].max() <= 2.0


# Workers that come and go --------------------------------------------------------------------


def test_no_rows_before_a_worker_joins():
    trace = run(grouped({"count": 2}, {"count": 1, "joins": 3.3}), 40)
    mine = trace.worker == 2
    assert trace.ticks[0][mine][0] == 3_300_000_000
    assert np.all(np.diff(trace.ticks[4][mine]) == SECOND)
    assert trace.draw[mine][0] == 0
    assert trace.version[mine][0] == 6, "it reads x as it is then"


def test_who_leaves_finishes_the_gradient_in_hand_and_reads_no_more():
    groups = {"count": 2}, {"count": 1, "leaves": 2.5}
    trace = run(grouped(*groups, network={"pull": 0.25, "push": 0.25}), 40)
    mine = trace.worker == 2
    assert trace.ticks[0][mine].tolist() == [0, 1_500_000_000]
    assert trace.ticks[4][mine].tolist() == [1_500_000_000, 3_000_000_000]
    assert trace.was_applied.all()


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(0, 50), st.none() | st.integers(1, 60)),
        min_size=1,
        max_size=5,
    )
)
def test_counting_with_workers_that_come_and_go(table):
    # Worker i is busy from its join a to its leave b: ⌊(t − a)/τ⌋ updates by t, never more than
    # ⌈(b − a)/τ⌉; one that leaves as it reads (an exact multiple) still finishes that gradient.
    until = 100
    groups = [
        {"count": 1, "compute": tick * 1e-9, "joins": joins * 1e-9}
        | ({} if stays is None else {"leaves": (joins + stays) * 1e-9})
        for tick, joins, stays in table
    ]
    groups.append({"count": 1, "compute": 1e-9})
    trace = run(grouped(*groups), 10**6, seconds=until * 1e-9)
    expected = []
    for tick, joins, stays in table:
        whole = max(0, until - joins) // tick
        expected.append(whole if stays is None else min(whole, stays // tick + 1))
    counts = np.bincount(trace.worker, minlength=len(groups)).tolist()
    assert counts == [*expected, until]


def test_a_barrier_does_not_wait_for_who_has_left():
    groups = {"count": 2}, {"count": 1, "compute": 2.0, "leaves": 5.0}
    trace = run(grouped(*groups, coordination={"kind": "synchronous"}), 10)
    sizes = np.bincount(trace.update)
    assert sizes.tolist() == [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]
    updates = np.unique(trace.ticks[4])
    assert updates.tolist() == [n * SECOND for n in (2, 4, 6, 7, 8, 9, 10, 11, 12, 13)]


@pytest.mark.parametrize("rule", ["synchronous", "round-robin", "ssp"])
def test_to_leave_releases_those_who_wait_for_a_worker_that_crashed(rule):
    groups = {"count": 2}, {"count": 1, "leaves": 10.0}
    faults = {"crashes": [{"worker": 2, "at": 2.5}]}
    coordination = {"kind": rule} | ({"slack": 0} if rule == "ssp" else {})
    trace = run(grouped(*groups, coordination=coordination, faults=faults), 40)
    reads = trace.ticks[0][(trace.worker == 0) & (trace.ticks[0] > 3 * SECOND)]
    assert reads[:3].tolist() == [10 * SECOND, 11 * SECOND, 12 * SECOND]


def test_everybody_leaves():
    trace, deadlock = to_the_end(grouped({"count": 2, "leaves": 3.5}, {"count": 1, "leaves": 1.5}))
    assert np.bincount(trace.worker).tolist() == [4, 4, 2]
    message = "deadlock at 4 s: no worker is left: "
    assert str(deadlock).startswith(message)
    for worker, second in enumerate((4, 4, 2)):
        assert f"worker {worker} left at {second} s" in str(deadlock)


# Messages that get lost ----------------------------------------------------------------------


@pytest.mark.parametrize("loss", [0.05, 0.4])
@pytest.mark.parametrize("wired", [False, True])
def test_a_lost_message_costs_a_timeout(loss, wired):
    # Sent until it arrives: q/(1 − q) times in vain in the mean, with variance q/(1 − q)², in each
    # direction. Five standard errors: a false alarm in 2e6 seeds.
    timeout, count = 5.0, 4000
    network = {"pull": 0.25, "push": 0.5} | ({"server_bandwidth": 192.0} if wired else {})
    trace = run(star(1, 1.0, network=network, faults={"loss": loss, "timeout": timeout}), count)
    ready, _, arrived = np.diff(trace.ticks, axis=0)[:3] / SECOND
    # What the server sends goes through its interface each time, and only then does time run; what
    # is lost on its way to the server never gets that far.
    size = 0.25 if wired else 0.0
    odds, error = loss / (1 - loss), math.sqrt(loss / count) / (1 - loss)
    for seconds, alone, again in ((ready, 0.25 + size, timeout + size), (arrived, 0.5 + size, 5.0)):
        vain = (seconds - alone) / again
        assert vain == pytest.approx(vain.round(), abs=1e-6)
        assert vain.mean() == pytest.approx(odds, abs=5 * error)
        # Independent of one another: the number of sends is geometric.
        several = stats.binomtest(int((vain.round() >= 2).sum()), count, loss**2)
        assert several.pvalue > 1e-5
    assert trace.was_applied.all()
    assert trace.duration / count == pytest.approx(
        1.75 + 2 * size + (2 * timeout + size) * odds, abs=5 * error * (2 * timeout + size)
    )


@pytest.mark.parametrize("retries", [0, 1, 3])
@pytest.mark.parametrize("shards", [1, 2])
def test_gradients_are_given_up_after_so_many_retries(retries, shards):
    # All r + 1 messages are lost with probability q^{r+1}; one such part is enough.
    loss, timeout = 0.5, 3.0
    faults = {"loss": loss, "timeout": timeout, "retries": retries}
    text = star(1, 1.0, network={"push": 0.5}, faults=faults, server={"shards": shards})
    trace = run(text, 1500)
    lost = trace.update == LOST
    share = 1 - (1 - loss ** (retries + 1)) ** shards
    assert stats.binomtest(int(lost.sum()), len(lost), share).pvalue > 1e-5
    # Given up when the last has not arrived; its worker goes on at once, with a new draw.
    assert np.all((trace.ticks[4] - trace.ticks[2])[lost] == (retries + 1) * 3 * SECOND)
    assert np.array_equal(trace.draw, np.arange(len(trace)))
    assert np.array_equal(trace.ticks[0][1:], trace.ticks[4][:-1])


def test_the_server_sends_x_until_it_arrives():
    # Retries are for gradients: without x a worker can't do anything.
    faults = {"loss": 0.6, "timeout": 2.0, "retries": 0}
    trace = run(star(1, 1.0, network={"pull": 0.5}, faults=faults), 500)
    waits = (np.diff(trace.ticks, axis=0)[0] - SECOND // 2) // (2 * SECOND)
    assert waits.max() >= 5


GAMMA = {"law": "gamma", "mean": 1.0, "cv": 0.5}


@pytest.mark.parametrize("compute", [GAMMA, 1.0])
@pytest.mark.parametrize(
    "rule", [None, {"kind": "synchronous"}, {"kind": "rennala", "batch": 3},
             {"kind": "backup", "needed": 3}]
)  # fmt: skip
def test_what_arrives_twice_counts_once(compute, rule):
    # An impatient sender fills the air with copies, and changes nothing: there is no interface.
    network = {"pull": 0.3, "push": 0.4}
    text = star(5, compute, network=network, server={"service": 0.05, "shards": 2})
    text |= {"coordination": rule} if rule else {}
    plain = run(text, 150)
    for timeout in (0.39, 0.05, 1.7):
        copied = run(text | {"faults": {"timeout": timeout}}, 150)
        assert copied == plain


def test_copies_take_up_the_interface():
    # Not free where messages queue: each pull of 0.2 s is sent twice, so only half gets through.
    network = {"pull": 0.3, "server_bandwidth": 240.0}
    text = star(20, 0.5, network=network)
    patient, impatient = (
        run(text | {"faults": {"timeout": timeout}}, 800) for timeout in (1e3, 0.29)
    )
    assert np.diff(patient.ticks[4][-400:]).mean() == pytest.approx(0.2 * SECOND, rel=0.01)
    assert np.diff(impatient.ticks[4][-400:]).mean() > 0.35 * SECOND
    assert names_are_unique(impatient)


def test_no_gradient_is_counted_twice_with_everything_going_wrong():
    faults = {
        "loss": 0.3, "timeout": 0.35, "retries": 3, "uptime": exponential(8.0), "downtime": 1.0,
    }  # fmt: skip
    network = {"pull": exponential(0.2), "push": exponential(0.2), "server_bandwidth": 4800.0,
               "sharing": "fair"}  # fmt: skip
    server = {"service": exponential(0.05), "read": 0.01, "shards": 3}
    trace = run(star(6, GAMMA, network=network, server=server, faults=faults), 1000)
    assert names_are_unique(trace)
    assert np.array_equal(trace.update[trace.was_applied], np.arange(1000))
    assert 0.05 < (trace.update == LOST).mean() < 0.95


# Deadlocks -----------------------------------------------------------------------------------


def one_dead(rule, count=3, worker=1, at=2.5, **faults):
    crash = {"worker": worker, "at": at}
    return star(count, 1.0, coordination=rule, faults={"crashes": [crash]} | faults)


def test_a_barrier_that_can_never_be_full():
    trace, deadlock = to_the_end(one_dead({"kind": "synchronous"}))
    assert trace.update.tolist() == [0, 0, 0, 1, 1, 1, LOST]
    assert deadlock.seconds == pytest.approx(3)
    assert str(deadlock) == (
        "deadlock at 3 s: workers 0, 2 wait for worker 1 (worker 1 crashed at 2.5 s for good)"
    )


@pytest.mark.parametrize("late", ["stop", "finish"])
def test_backup_workers_help_until_there_are_too_few(late):
    rule = {"kind": "backup", "needed": 3, "late": late}
    crashes = [{"worker": 0, "at": 2.5}, {"worker": 3, "at": 6.25}]
    trace, deadlock = to_the_end(
        star(4, 1.0, coordination=rule, faults={"crashes": crashes}), steps=1000
    )
    assert trace.updates == 6
    assert (np.bincount(trace.update[trace.was_applied]) == 3).all()
    assert deadlock.seconds == pytest.approx(7)
    for part in ("wait for worker", "worker 0 crashed at 2.5 s", "worker 3 crashed at 6.25 s"):
        assert part in str(deadlock)


def test_round_robin_waits_for_whose_turn_it_is():
    trace, deadlock = to_the_end(one_dead({"kind": "round-robin"}))
    assert trace.worker[trace.was_applied].tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert "worker 1 crashed at 2.5 s for good" in str(deadlock)
    assert "workers 0, 2 wait for worker 1" in str(deadlock)


@pytest.mark.parametrize("slack", [0, 1, 4])
def test_ssp_waits_for_the_slowest(slack):
    trace, deadlock = to_the_end(one_dead({"kind": "ssp", "slack": slack}))
    counts = np.bincount(trace.worker[trace.was_applied])
    assert counts.tolist() == [2 + slack + 1, 2, 2 + slack + 1]
    assert deadlock.seconds == pytest.approx(3 + slack)
    assert "workers 0, 2 wait for worker 1 (worker 1 crashed at 2.5 s for good)" in str(deadlock)


def test_mindflayer_waits_for_all_trials():
    rule = {"kind": "mindflayer", "trials": 2, "seconds": 5.0}
    trace, deadlock = to_the_end(one_dead(rule))
    assert trace.updates == 1
    assert "workers 0, 2 wait for worker 1 (worker 1 crashed at 2.5 s for good)" in str(deadlock)


RULES = [
    None,
    {"kind": "rennala", "batch": 2},
    {"kind": "softsync", "gradients": 2},
    {"kind": "ringmaster", "delay": 2},
    {"kind": "ringmaster", "delay": 2, "late": "stop"},
    {"kind": "synchronous"},
    {"kind": "backup", "needed": 1},
    {"kind": "round-robin"},
    {"kind": "ssp", "slack": 2},
    {"kind": "mindflayer", "trials": 2, "seconds": 1.5},
]


@pytest.mark.parametrize("rule", RULES)
def test_nobody_is_left(rule):
    crashes = [{"worker": worker, "at": 5.25} for worker in range(3)]
    text = star(3, 1.0, faults={"crashes": crashes})
    trace, deadlock = to_the_end(text | ({"coordination": rule} if rule else {}))
    assert str(deadlock).startswith("deadlock at 5.25 s: no worker is left: ")
    for worker in range(3):
        assert f"worker {worker} crashed at 5.25 s" in str(deadlock)
    assert trace.updates > 0
    assert names_are_unique(trace)


@pytest.mark.parametrize("rule", RULES[:5])
def test_some_rules_go_on_with_whoever_is_left(rule):
    text = star(3, 1.0, faults={"crashes": [{"worker": 1, "at": 2.5}]})
    trace = run(text | ({"coordination": rule} if rule else {}), 50)
    assert trace.updates == 50


WAITING = [
    {"kind": "synchronous"},
    {"kind": "backup", "needed": 4},
    {"kind": "backup", "needed": 4, "late": "finish"},
    {"kind": "round-robin"},
    {"kind": "ssp", "slack": 1},
    {"kind": "mindflayer", "trials": 2, "seconds": 1.5},
]


@pytest.mark.parametrize("rule", WAITING)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_deadlock_is_found_though_others_crash_and_restart_for_ever(rule, seed):
    # Worker 2 is dead from the start; the others go on dying and coming back without end.
    faults = {"uptime": exponential(3.0), "downtime": exponential(2.0)}
    text = one_dead(rule, count=4, worker=2, at=0.0, **faults) | {"seed": seed}
    _, deadlock = to_the_end(text, steps=5000)
    assert "worker 2 crashed at 0 s for good" in str(deadlock)


@pytest.mark.parametrize("rule", [*RULES, *WAITING])
def test_to_be_down_for_a_while_is_no_deadlock(rule):
    # Everybody at once, and everybody at random.
    crashes = [{"worker": worker, "at": 5.25, "downtime": 2.0} for worker in range(4)]
    faults = {"uptime": exponential(6.0), "downtime": 0.5, "crashes": crashes}
    text = star(4, 1.0, faults=faults)
    assert run(text | ({"coordination": rule} if rule else {}), 40).updates == 40


def test_a_barrier_waits_for_who_will_be_back():
    crash = {"worker": 1, "at": 2.5, "downtime": 4.0}
    text = star(3, 1.0, coordination={"kind": "synchronous"}, faults={"crashes": [crash]})
    trace = run(text, 5)
    instants = np.unique(trace.seconds("applied")[trace.was_applied])
    assert instants == pytest.approx([1.0, 2.0, 7.5, 8.5, 9.5])


def test_who_has_yet_to_join_is_waited_for():
    faults = {"crashes": [{"worker": 0, "at": 1.5}]}
    trace = run(grouped({"count": 1}, {"count": 1, "joins": 100.0}, faults=faults), 5)
    assert trace.ticks[0][trace.was_applied].tolist() == [
        n * SECOND for n in (0, 100, 101, 102, 103)
    ]


# What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("faults", "key"),
    [
        ({"loss": 0.1}, "faults.timeout"),
        ({"retries": 2}, "faults.retries"),
        ({"loss": 1.0, "timeout": 1.0}, "faults.loss"),
        ({"loss": 0.1, "timeout": 0.0}, "faults.timeout"),
        ({"loss": 0.1, "timeout": 1.0, "retries": -1}, "faults.retries"),
        ({"downtime": 1.0}, "faults.downtime"),
        ({"uptime": 0.0, "downtime": 1.0}, "faults.uptime"),
        ({"crashes": [{"worker": 3, "at": 1.0}]}, "faults.crashes.0.worker"),
        ({"crashes": [{"worker": 0, "at": -1.0}]}, "faults.crashes.0.at"),
        ({"crashes": [{"worker": 0, "at": 1.0, "downtime": 0.0}]}, "faults.crashes.0.downtime"),
    ],
)
def test_faults_that_make_no_sense(faults, key):
    assert only_fault(from_document, star(3, faults=faults)).key == key


def test_leaving_before_joining():
    text = grouped({"count": 1}, {"count": 1, "joins": 2.0, "leaves": 2.0})
    assert only_fault(from_document, text).key == "workers.groups.1.leaves"


def test_a_crash_of_a_worker_that_the_groups_do_not_have():
    text = grouped({"count": 2}, faults={"crashes": [{"worker": 2, "at": 1.0}]})
    assert only_fault(from_document, text).key == "faults.crashes.0.worker"
