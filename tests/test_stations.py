"""Stations on their own: Lindley's recursion, processor sharing by fractions, Little's law."""

import math
from fractions import Fraction

import pytest
import simpy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asysim.scenario.load import from_document
from asysim.schedule import trace_info
from asysim.schedule.building import cluster, rule_of
from asysim.schedule.deadlock import Deadlock
from asysim.schedule.kinds import Kind
from asysim.schedule.reference.cluster import ClusterSchedule
from asysim.schedule.reference.events import Agenda
from asysim.schedule.reference.power import PowerClock, Segment
from asysim.schedule.reference.stations import Fair, Fifo, Job

# Arrivals (ticks since the one before, 0 often) and work (ticks).
SMALL = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 15)), min_size=1, max_size=25)
LARGE = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**7)), min_size=1, max_size=25)
JOBS = st.one_of(SMALL, LARGE)


def arrivals(jobs):
    """The (tick, work) of jobs given by gaps."""
    now, made = 0, []
    for gap, work in jobs:
        now += gap
        made.append((now, work))
    return made


class Play:
    """Jobs go through a station; `left` says when each is done, `order` who went after whom."""

    def __init__(self, make, jobs, urgent=()):
        env = simpy.Environment(initial_time=0)
        agenda = Agenda(env, len(jobs))
        self.station = make(env, agenda.priority(Kind.SERVED, 0))
        self.left, self.order = {}, []
        for place, (tick, work) in enumerate(jobs):
            agenda.at(
                tick,
                Kind.AT_SERVER,
                place,
                lambda p=place, w=work: self.station.submit(
                    Job(w, lambda: self._leave(env, p)), urgent=p in urgent
                ),
            )
        env.run()
        assert len(self.left) == len(jobs), "nobody is forgotten"

    def _leave(self, env, place):
        assert place not in self.left, "nobody is served twice"
        self.left[place] = int(env.now)
        self.order.append(place)

    @property
    def departures(self):
        return [tick for _, tick in sorted(self.left.items())]


@settings(max_examples=100)
@given(JOBS)
def test_first_come_first_served_is_lindleys_recursion(gaps):
    jobs = arrivals(gaps)
    expected, free = [], 0
    for tick, work in jobs:
        free = max(free, tick) + work
        expected.append(free)
    assert Play(Fifo, jobs).departures == expected


def by_rank(jobs, urgent):
    """When jobs leave a server that takes the first urgent one, or else the first, and finishes it.

    Who comes at the instant at which another leaves has not been seen yet by the server.
    """
    waiting, left, free = list(range(len(jobs))), {}, 0
    while waiting:
        here = [place for place in waiting if jobs[place][0] < free] or waiting[:1]
        chosen = next((place for place in here if place in urgent), here[0])
        waiting.remove(chosen)
        tick, work = jobs[chosen]
        left[chosen] = free = max(free, tick) + work
    return [tick for _, tick in sorted(left.items())]


@settings(max_examples=100)
@given(JOBS, st.sets(st.integers(0, 24)))
def test_urgent_jobs_go_first_and_interrupt_nobody(gaps, urgent):
    jobs = arrivals(gaps)
    assert Play(Fifo, jobs, urgent).departures == by_rank(jobs, urgent)


def test_urgent_jobs_by_hand():
    # In service 0–10 when two urgent ones come at 5 and 6, and one that waits since 1.
    jobs = [(0, 10), (1, 100), (5, 3), (6, 4)]
    assert Play(Fifo, jobs, {2, 3}).departures == [10, 117, 13, 17]


@settings(max_examples=50)
@given(JOBS, st.sets(st.integers(0, 24)))
def test_urgency_changes_who_waits_but_not_the_work(gaps, urgent):
    # A conservation law: which job goes first does not change when the server is busy.
    jobs = arrivals(gaps)
    plain, ranked = Play(Fifo, jobs), Play(Fifo, jobs, urgent)
    assert max(plain.departures) == max(ranked.departures)
    assert plain.station.meter.busy == ranked.station.meter.busy


def test_a_job_that_nobody_wants_any_more_is_passed_over():
    env = simpy.Environment(initial_time=0)
    station = Fifo(env, 0)
    done = []
    for name, wanted in (("a", True), ("b", False), ("c", True)):
        job = Job(10, lambda n=name: done.append((n, env.now)), lambda w=wanted: w)
        station.submit(job)
    env.run()
    assert done == [("a", 10), ("c", 20)]
    assert station.meter.entered == station.meter.left == 3
    assert station.meter.sojourn == station.meter.area == 10 + 10 + 20


def test_what_follows_a_job_comes_before_the_next_one_is_taken_up():
    # A gradient that is applied makes its worker read, and that read is urgent.
    env = simpy.Environment(initial_time=0)
    station = Fifo(env, 0)
    done = []
    read = Job(3, lambda: done.append(("read", env.now)))
    station.submit(Job(10, lambda: station.submit(read, urgent=True)))
    station.submit(Job(5, lambda: done.append(("gradient", env.now))))
    env.run()
    assert done == [("read", 13), ("gradient", 18)]


def test_work_goes_on_after_a_pause_where_it_stopped():
    env = simpy.Environment(initial_time=0)
    segments = iter([Segment(0, 4, 1.0), Segment(4, 10, 0.0), Segment(10, 10**9, 1.0)])
    station = Fifo(env, 0, PowerClock(segments))
    done = []
    for work in (1, 7, 0, 2):
        station.submit(Job(work, lambda: done.append(env.now)))
    env.run()
    assert done == [1, 14, 14, 16]


# Processor sharing ---------------------------------------------------------------------------


def shared(jobs):
    """When jobs leave if n that are present go on at 1/n each: from event to event, exactly."""
    coming = [(Fraction(tick), place, Fraction(work)) for place, (tick, work) in enumerate(jobs)]
    missing, left, now = {}, {}, Fraction(0)
    while coming or missing:
        come = coming[0][0] if coming else math.inf
        least = min(missing.values(), default=None)
        end = math.inf if least is None else now + least * len(missing)
        then = min(come, end)
        if missing:
            part = (then - now) / len(missing)
            missing = {place: work - part for place, work in missing.items()}
        now = then
        if come <= end:
            _, place, work = coming.pop(0)
            missing[place] = work
        for place in [place for place, work in missing.items() if work <= 0]:
            left[place] = now
            del missing[place]
    return [tick for _, tick in sorted(left.items())]


def test_sharing_by_hand():
    # Two of 10 from 0 on: at 6, when each has had 3, one of 1 comes; it is done at 9.
    assert shared([(0, 10), (0, 10), (6, 1)]) == [21, 21, 9]
    assert Play(Fair, [(0, 10), (0, 10), (6, 1)]).departures == [21, 21, 9]
    assert Play(Fair, [(5, 7)]).departures == [12]
    assert Play(Fair, [(0, 4)] * 5).departures == [20] * 5


@settings(max_examples=150)
@given(JOBS)
def test_sharing_against_fractions(gaps):
    # Never early; and each departure may delay those after it by a rounding to a tick.
    jobs = arrivals(gaps)
    for tick, exact in zip(Play(Fair, jobs).departures, shared(jobs), strict=True):
        assert 0 <= tick - exact <= len(jobs)


@settings(max_examples=100)
@example([(0, 1), (0, 3), (1, 1), (3, 2), (0, 2), (1, 1)])
@example([(0, 3)] + [(2, 3)] * 200)
@given(JOBS)
def test_no_job_is_more_than_a_tick_late(gaps):
    # What `Fair` says of itself. The second tick is for the shares' own rounding.
    jobs = arrivals(gaps)
    for tick, exact in zip(Play(Fair, jobs).departures, shared(jobs), strict=True):
        assert 0 <= tick - exact <= 2


@settings(max_examples=60)
@given(JOBS)
def test_sharing_conserves_work(gaps):
    # Whatever the discipline, a server that never idles with work to do is busy as long.
    jobs = arrivals(gaps)
    fifo, fair = Play(Fifo, jobs), Play(Fair, jobs)
    assert fifo.station.meter.busy == sum(work for _, work in jobs)
    assert 0 <= max(fair.departures) - max(fifo.departures) <= len(jobs)


def test_sharing_is_fair_to_short_jobs():
    # Overtaking is the point: with order of arrival the short one would be done at 1001.
    assert Play(Fair, [(0, 1000), (0, 1)]).departures == [1001, 2]


# Meters --------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(JOBS, st.sets(st.integers(0, 24)), st.sampled_from([Fifo, Fair]))
def test_littles_law_holds_exactly(gaps, urgent, kind):
    jobs = arrivals(gaps)
    play = Play(kind, jobs, urgent)
    meter = play.station.meter
    times = list(zip(jobs, play.departures, strict=True))
    assert meter.entered == meter.left == len(jobs)
    assert meter.area == meter.sojourn == sum(out - into for (into, _), out in times)
    union, until = 0, 0
    for (into, _), out in sorted(times):
        union += max(0, out - max(into, until))
        until = max(until, out)
    assert meter.busy == union


def drained(**tables):
    """A schedule whose workers all leave, so that everything under way comes to its end."""
    document = {
        "problem": {"kind": "quadratic", "dimension": 12},
        "algorithm": {"name": "asysg-con", "step": 0.1},
        "workers": {
            "compute": {"law": "gamma", "mean": 1e-3, "cv": 0.7},
            "groups": [{"count": 4, "leaves": 0.1}, {"count": 3, "speed": 2.0, "leaves": 0.15}],
        },
    } | tables
    scenario = from_document(document)
    schedule = ClusterSchedule(
        cluster(scenario, 12), trace_info(scenario, 12), rule_of(scenario), block_size=64
    )
    parts = []
    with pytest.raises(Deadlock, match="no worker is left"):
        parts.extend(block.rows for block in schedule)
    return schedule, [row for part in parts for row in part]


@pytest.mark.parametrize("sharing", ["fifo", "fair"])
@pytest.mark.parametrize("duplex", ["full", "half"])
@pytest.mark.parametrize("shards", [1, 3])
def test_littles_law_holds_in_every_queue_of_a_cluster_that_drains(sharing, duplex, shards):
    schedule, rows = drained(
        network={
            "server_bandwidth": 1e6, "sharing": sharing, "duplex": duplex,
            "push": {"law": "exponential", "mean": 1e-4},
        },
        server={
            "service": {"law": "exponential", "mean": 1e-4}, "read": 3e-5, "shards": shards,
            "pauses": [{"start": 0.01, "seconds": 0.002, "every": 0.02}],
        },
    )  # fmt: skip
    names = ["server", "interface"] if duplex == "half" else ["server", "send", "receive"]
    if shards > 1:
        names = [f"{name} {shard}" for name in names for shard in range(shards)]
    assert sorted(schedule.star.stations) == sorted(names)
    assert len(rows) > 300
    for name, station in schedule.star.stations.items():
        both_ways = name.startswith(("server", "interface"))
        assert station.meter.entered == len(rows) * (2 if both_ways else 1)
        assert station.meter.entered == station.meter.left
        assert station.meter.area == station.meter.sojourn > 0
        assert 0 < station.meter.busy <= station.meter.area


def test_time_in_the_servers_queue_is_what_the_rows_say():
    schedule, rows = drained(server={"service": {"law": "exponential", "mean": 2e-4}, "shards": 1})
    waited = sum(round((row.applied - row.arrived) * 1e9) for row in rows)
    assert schedule.star.stations["server"].meter.sojourn == waited
