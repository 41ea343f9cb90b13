"""Files that nobody would write on purpose: refused in short words, or run; never a traceback."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import asysim
from asysim.replay import room
from asysim.runs.outcome import CUT_SHORT, DEADLOCK
from asysim.runs.replayed import compute
from asysim.scenario import parse
from tests import vocabulary
from tests.judges import GOOD
from tests.mutated_scenarios import judged
from tests.mutations import PLAIN
from tests.support import CON, INCON, faults, only_fault


def test_mutated_scenarios_run_or_are_refused():
    # `python -m tests.mutated_scenarios` does the same with more of them.
    found = judged(12, range(40), processes=1, limit=math.inf)
    bad = [(case, verdict) for case, verdict in found if verdict.kind not in GOOD]
    assert not bad, bad[0]


BEYOND = [
    ("server.read=1e300", "server.read", "should be ≤ 1e+13"),
    ("workers.compute=1e300", "workers.compute", "should be ≤ 1e+13"),
    ("server.pauses=[{start = 1e300, seconds = 1}]", "server.pauses.0.start", "≤ 1e+13"),
    ('workers.power={kind="trend", power=1, seconds=1e300}', "workers.power.seconds", "≤ 1e+13"),
    ("network.bandwidth=1e-300", "network.bandwidth", "should be ≥ 1e-30"),
    ("faults.crashes=[{worker=0, at=1, downtime=1e300}]", "faults.crashes.0.downtime", "≤ 1e+13"),
    ('network.pull={law="gamma", mean=1, cv=1e-200}', "network.pull.cv", "should be ≥ 1e-12"),
    ("workers.count=2_000_000_000", "workers.count", "should be ≤ 2000000"),
    ("algorithm.gradients_per_update=10_000_000", "algorithm.gradients_per_update", "≤ 1000000"),
]


@pytest.mark.parametrize(("change", "key", "expected"), BEYOND)
def test_a_number_beyond_its_range(change, key, expected):
    fault = only_fault(parse, CON, change)
    assert fault.key == key
    assert expected in fault.expected


def test_every_number_of_the_schema_has_a_range():
    free = {"target_loss"}  # any number can be a loss
    for way, node in vocabulary.places():
        for choice in vocabulary.choices(node):
            if choice.get("type") in ("number", "integer") and way[-1][0] not in free:
                lower = {"minimum", "exclusiveMinimum"} & choice.keys()
                upper = {"maximum", "exclusiveMaximum"} & choice.keys()
                assert len(lower) == len(upper) == 1, [part for part, _ in way]


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 5000,
        "x = " + "[" * 100 + "]" * 100 + PLAIN,
        "x = " + "9" * 5000,
        "seed = 1" + "0" * 400 + PLAIN,
        f'"{"k" * 5000}" = 1{PLAIN}',
        f'name = "{"x" * 5000}"{PLAIN}',
        PLAIN.replace("compute = 1e-3", f"compute = {{{'k' * 5000} = 1}}"),
    ],
    ids=["deep", "too deep", "digits", "no float", "key", "name", "table"],
)
def test_what_a_program_writes_is_refused_in_short_words(text):
    for fault in faults(parse, text):
        assert len(str(fault)) < 700


def test_a_list_where_a_name_or_a_number_belongs():
    law = "workers.compute={law='empirical', file='a.csv', column=[1]}"
    assert only_fault(parse, PLAIN, law).key == "workers.compute.column"


def test_a_hundred_mistakes_are_not_all_shown():
    found = faults(parse, PLAIN, f"server.pauses=[{'1, ' * 100}]")
    assert len(found) == 21
    assert found[-1].found == "80 more mistakes"
    found = faults(parse, PLAIN, f"server.pauses=[{f'{10**301}, ' * 100}]")
    assert len(found) == 21
    assert found[-1].found == "80 more mistakes"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ("problem.dimension=1_000_000_000_000", "problem.dimension"),
        ("workers.count=2_000_000", "workers.count"),
        ("server.shards=1_000_000_000_000", "server.shards"),
        ("algorithm.batch_size=1_000_000_000_000", "algorithm.batch_size"),
        ("problem={kind='mlp', layers=[64, 1_000_000_000, 10]}", "problem.layers"),
        (
            "problem={kind='least_squares', data={kind='regression', samples=10_000_000_000}}",
            "problem.data",
        ),
        ("problem={kind='matrix_factorization', rows=10_000_000_000}", "problem.rows"),
    ],
)
def test_memory_is_asked_for_before_it_is_taken(change, key, monkeypatch):
    monkeypatch.setattr(room, "free_memory", lambda: 1e8)
    fault = only_fault(asysim.run, parse(PLAIN, change))
    assert fault.key == key
    assert "GB of memory" in fault.found
    assert "0.1 GB are free" in fault.expected


def test_memory_is_that_of_the_engine_that_will_play(monkeypatch):
    """Of so many workers of a whole cluster SimPy, as its twin does not number them."""
    monkeypatch.setattr(room, "free_memory", lambda: 5e9)
    many = parse(PLAIN, "workers.count=1_000_000", "server={read=0.5}")
    assert only_fault(asysim.run, many).key == "workers.count"
    room.check_room(asysim.vary(many, "workers.count=500_000"))
    room.check_room(asysim.vary(many, "server="))


def test_what_runs_needs_less_than_there_is():
    for text in (CON, INCON):
        assert sum(need.size for need in room.needs_of(parse(text))) < 1e6
    assert room.free_memory() > 1e6


def test_free_memory_heeds_the_limits_of_a_process(monkeypatch):
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 5_000_000
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert 0 < room.free_memory() <= 6_000_000


ENDLESS = {
    "workers.power": 'workers.power={kind="spells", normal=1e-9, slow=1e-9, power=0.1}',
    "server.pauses": "server={service=1e3, pauses=[{start=0, seconds=1e-9, every=2e-9}]}",
}


@pytest.mark.parametrize("key", ENDLESS)
def test_what_would_never_be_played_is_refused_by_both_engines_alike(key):
    said = [
        only_fault(compute, parse(PLAIN, "workers.compute=10", ENDLESS[key], f"engine={engine}"))
        for engine in ("compiled", "simpy")
    ]
    assert said[0].key == key
    assert said[0] == said[1]


def test_gradients_that_are_discarded_without_end_are_a_deadlock(monkeypatch):
    monkeypatch.setattr("asysim.schedule._IN_VAIN", 20_000)
    text = PLAIN.replace("con", "incon").replace("step = 0.01", "step = 0.01, staleness_bound = 0")
    changes = "algorithm.beyond_bound=discard", "workers.compute=1e-9", "memory={write=1e6}"
    ends = [
        asysim.run(parse(text, *changes, f"engine={engine}")).outcome
        for engine in ("compiled", "simpy")
    ]
    assert ends[0].status == DEADLOCK
    assert "none of the last" in ends[0].message
    assert ends[0].message == ends[1].message


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
def test_workers_that_live_for_no_step_at_all_are_refused(engine):
    faults = "faults={uptime=0.5, downtime=0.1}"
    scenario = parse(PLAIN, "server.service=1e6", faults, f"engine={engine}")
    assert only_fault(compute, scenario).key == "faults.uptime"


def test_power_next_to_nothing_is_none():
    power = 'workers.power={kind="trend", power=1e-30, seconds=1, start=1}'
    scenario = parse(PLAIN, "workers.compute=1e10", power, "engine=simpy")
    assert compute(scenario).status == DEADLOCK


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
@pytest.mark.parametrize(
    "network",
    [
        "{pull=1}",
        "{bandwidth=48.0}",
        "{bandwidth=48.0, message_bytes={law='exponential', mean=48.0}}",
        "{pull={law='pareto', least=1e-9, alpha=1.0}, push=1}",  # one has no mean
    ],
)
def test_a_timeout_that_sends_without_end_is_refused(engine, network):
    changes = f"network={network}", "faults.timeout=1e-9", f"engine={engine}"
    assert only_fault(compute, parse(PLAIN, *changes)).key == "faults.timeout"


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
def test_pauses_of_an_idle_server_need_not_be_counted(engine):
    pauses = "server={service=1e-3, pauses=[{start=0, seconds=1e-3, every=2e-3}]}"
    scenario = parse(PLAIN, "workers.compute=1e6", pauses, f"engine={engine}")
    assert compute(scenario).updates == 100


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
def test_rows_before_the_clock_runs_out_are_kept(engine):
    # A block of rows is 130 years; the clock holds 292, of which a twin leaves half for safety.
    changes = "workers.count=1", "workers.compute=1e6", f"engine={engine}", "run.updates=20_000"
    run = asysim.run(parse(PLAIN, *changes))
    assert run.status == CUT_SHORT
    assert "292 years" in run.outcome.message
    assert run.outcome.updates == run.trace.updates > 0


def test_a_short_run_plays_no_more_than_it_needs():
    assert compute(parse(PLAIN, "workers.compute=1e9", "run.updates=3")).updates == 3
