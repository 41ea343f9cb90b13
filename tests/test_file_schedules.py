"""Schedules from files: a recorded trace, or measured delays, drive the mathematics."""

import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asysim
from asysim.replay.compiled import executor
from asysim.runs.rederive import differences
from asysim.runs.resuming import Interrupted
from asysim.scenario import parse, to_toml
from asysim.scenario.load import from_document
from asysim.scenario.schedules import DelaySchedule
from asysim.schedule import simulate
from asysim.schedule.engine import engine_of
from asysim.show.escape_table import table
from asysim.studies.returns import without_part
from asysim.theory.stability import oscillation_growth
from asysim.trace.delay_file import DelayFile
from asysim.trace.delay_rows import rows_of_delays
from asysim.trace.feasible import Feasibility
from asysim.trace.info import TraceInfo
from asysim.trace.known import Known
from asysim.trace.stream import limited, trace_of
from asysim.trace.trace import Trace
from tests.strategies import con_documents, incon_documents
from tests.support import (
    CON,
    INCON,
    checkpoints_at_each_block,
    command,
    contents,
    faults,
    interrupting_at,
    only_fault,
)

PLAIN = """
name = "given"
[problem]
kind = "quadratic"
dimension = 3
[algorithm]
name = "asysg-con"
step = 0.02
"""
INFO = TraceInfo("asysg-con", 1, 1)


def write(path, delays):
    """Write a file of delays, a line for each update."""
    np.savetxt(path, np.asarray(delays), fmt="%d", delimiter=",")
    return path


def given_delays(folder, delays, *changes, text=PLAIN):
    """Return a scenario with a file of delays for its schedule."""
    path = write(folder / "delays.csv", delays)
    return parse(text, 'schedule.kind="delays"', f'schedule.path="{path}"', *changes)


def assert_same_mathematics(one, other):
    assert differences(one, other) == []
    assert np.array_equal(one.trace.facts, other.trace.facts)
    assert np.array_equal(one.trace.ticks, other.trace.ticks)


# A recorded trace ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        (CON, []),
        (CON, ["run.updates=", "run.seconds=0.02"]),
        (CON, ["algorithm.gradients_per_update=2", "update.momentum=0.5"]),
        (CON, ["algorithm.staleness_bound=1", 'algorithm.beyond_bound="discard"']),
        (CON, ['coordination={kind="backup", needed=2}', "update.average=true"]),
        (CON, ['update.weight={kind="mishchenko"}', 'replay.arithmetic="numpy"']),
        (INCON, []),
        (INCON, ['algorithm.write="coordinate"', 'replay.arithmetic="numpy"']),
    ],
)
def test_a_run_on_its_own_trace_is_that_run(tmp_path, text, changes):
    original = asysim.run(parse(text, *changes), folder=tmp_path / "run")
    again = asysim.run(original.scenario, schedule=tmp_path / "run")
    assert_same_mathematics(original, again)


@settings(max_examples=25)
@given(document=st.one_of(con_documents(), incon_documents()), size=st.integers(1, 40),
       group=st.integers(1, 9))  # fmt: skip
def test_pieces_of_a_trace_change_nothing(document, size, group):
    """Whatever a file is read and cut in, later blocks name only what was said to be kept."""
    scenario = from_document(document | {"run": {"updates": 60}})
    n = scenario.problem.dimension
    trace = trace_of(limited(simulate(scenario, n), updates=60))

    def pieces():
        return (trace[at : at + group] for at in range(0, len(trace), group))

    known = Known.of(pieces(), trace.info, source="")
    blocks = list(known.blocks(pieces, trace.info, block_size=size))
    assert trace_of(blocks) == trace
    assert (known.updates, known.rows) == (trace.updates, len(trace))
    assert known.largest == trace.staleness.max()
    for number, block in enumerate(blocks):
        made = block.rows.updates
        assert block.floor == made
        later = [one.rows for one in blocks[number + 1 :]]
        named = {v for rows in later for v in rows.version.tolist() if v < made}
        assert named == set(block.held_versions.tolist())
        seen = {u for rows in later if rows.sweeps for u in rows.sweeps.update.tolist() if u < made}
        assert seen == set(block.held_updates.tolist())
        assert all(rows.update[rows.was_applied].min(initial=made) >= made for rows in later)


def test_a_file_is_read_as_far_as_it_is_used():
    rows = trace_of(known_delays(np.minimum(np.arange(1000), 3)))
    read = []

    def pieces():
        for at in range(0, 1000, 10):
            read.append(at)
            yield rows[at : at + 10]

    known = Known.of(pieces(), rows.info, source="")
    read.clear()
    next(known.blocks(pieces, rows.info, block_size=10))
    assert len(read) <= 2  # the next piece says whether it goes on with the same update


def test_instants_of_several_real_clocks_are_put_in_the_order_of_the_rows(tmp_path):
    """Else no simulated trace could have them; versions and updates are as they were."""
    rows = trace_of(known_delays([0, 1, 1, 1, 1, 1], tick=1000))
    ticks = rows.ticks.copy()
    ticks[2:, 3] = ticks[0, 3] + 1  # applied, by its own clock, before the one before it was
    real = Trace(rows.facts, ticks, TraceInfo("asysg-con", 2, 3, clock="real"))
    real.save(tmp_path / "real.parquet")
    run = asysim.run(parse(CON, "run.updates=6"), schedule=tmp_path / "real.parquet")
    assert np.array_equal(run.trace.facts, rows.facts)
    assert Feasibility(run.info).faults(run.trace) == []


# Delays ----------------------------------------------------------------------------------------


def known_delays(delays, *, tick=1, info=INFO):
    """Return the blocks of what a file of delays tells."""
    with tempfile.TemporaryDirectory() as made:
        file = DelayFile(write(f"{made}/delays.csv", delays))
        pieces = list(rows_of_delays(file, info, tick))
    known = Known.of(pieces, info, source="")
    return list(known.blocks(lambda: pieces, info, block_size=10**6))


def in_flight(version, update):
    """Return the most gradients under way at once: gradient (v, k) is, from v to k."""
    return max(((version <= t) & (t <= update)).sum() for t in range(len(update)))


@st.composite
def one_column(draw):
    length = draw(st.integers(1, 40))
    return [draw(st.integers(0, min(k, 12))) for k in range(length)]


@st.composite
def a_column_each(draw):
    """Ages as a server has them that keeps a gradient of each worker: who comes is any set."""
    workers, length = draw(st.integers(2, 5)), draw(st.integers(1, 20))
    came, lines = [0] * workers, []
    for k in range(length):
        new = draw(st.sets(st.integers(0, workers - 1), min_size=1)) if k else range(workers)
        read = [0] * workers if not lines else list(lines[-1])
        for worker in new:
            read[worker], came[worker] = came[worker], k + 1
        lines.append(read)
    return [[k - v for v in line] for k, line in enumerate(lines)]


@settings(max_examples=60)
@given(delays=st.one_of(one_column(), a_column_each()))
def test_rows_have_the_delays_and_could_have_happened(delays):
    rows = trace_of(known_delays(delays, tick=7))
    info = TraceInfo("asysg-con", int(rows.worker.max()) + 1, 1)
    assert Feasibility(info).faults(rows) == []
    delays = np.array(delays)
    if delays.ndim == 1:
        assert rows.staleness.tolist() == delays.tolist()
        assert info.workers == in_flight(rows.version, rows.update)  # the fewest that could
        return
    # What an age says of the version in hand, line by line, is what its worker was last heard of.
    assert np.array_equal(np.unique(rows.update), np.arange(len(delays)))
    for k, ages in enumerate(delays):
        heard = rows.update <= k
        for worker, age in enumerate(ages):
            assert k - age == rows.version[heard & (rows.worker == worker)].max()


@settings(max_examples=20)
@given(document=con_documents())
def test_delays_of_workers_that_are_always_busy_name_the_workers(document):
    """Then version v was read by the worker of update v − 1, so nothing else is possible."""
    document["algorithm"]["gradients_per_update"] = 1
    scenario = from_document(document | {"run": {"updates": 60}})
    trace = trace_of(limited(simulate(scenario, 3), updates=60))
    rows = trace_of(known_delays(trace.staleness))
    names = dict(zip(rows.worker.tolist(), trace.worker.tolist(), strict=True))
    assert len(set(names.values())) == len(names)
    assert [names[worker] for worker in rows.worker.tolist()] == trace.worker.tolist()
    assert np.array_equal(rows.draw, trace.draw)


@pytest.mark.parametrize("arithmetic", ["numpy", "compiled"])
def test_delays_of_equal_workers_are_the_simulation_of_them(tmp_path, arithmetic):
    """τ_k = min(k, p − 1): the same workers, draws, versions, and so the same x, with noise."""
    text = CON.replace('{law = "gamma", mean = 1e-3, cv = 0.3}', "1e-3")
    text = text.replace("service = 2e-5", "service = 0")
    simulated = asysim.run(parse(text, f'replay.arithmetic="{arithmetic}"'))
    path = write(tmp_path / "delays.csv.gz", np.minimum(np.arange(60), 2))
    again = asysim.run(simulated.scenario, schedule=path)
    assert np.array_equal(again.trace.facts, simulated.trace.facts)
    assert again.x.tobytes() == simulated.x.tobytes()
    assert again.curve["loss"].tolist() == simulated.curve["loss"].tolist()
    assert again.scenario.workers.count == 3


def test_compiled_loops_and_one_update_after_the_other_have_the_same_bits(tmp_path, monkeypatch):
    scenario = given_delays(tmp_path, [[0, 0], [0, 0], [1, 0], [0, 1], [1, 0]])
    monkeypatch.setattr(executor, "LARGEST", 0)
    slow = asysim.run(scenario)
    monkeypatch.undo()
    assert_same_mathematics(asysim.run(scenario), slow)


def test_a_constant_delay_has_the_rate_of_its_characteristic_root(tmp_path):
    """x_{k+1} = x_k − a x_{k−τ} goes as the largest root of z^{τ+1} − z^τ + a, here real."""
    delay, a = 4, 0.05
    scenario = given_delays(
        tmp_path, np.minimum(np.arange(600), delay), f"algorithm.step={a}",
        'problem={kind="quadratic", eigenvalues=[1.0], noise=0.0}',
        "run.evaluate_every=1",
    )  # fmt: skip
    loss = asysim.run(scenario).curve["loss"].to_numpy()
    growth = np.sqrt(loss[301:] / loss[300:-1])
    assert growth == pytest.approx(oscillation_growth(a, delay), rel=1e-9)


# Length ----------------------------------------------------------------------------------------


def test_the_run_ends_with_the_file_and_says_so(tmp_path):
    scenario = given_delays(tmp_path, [0, 1, 1, 2])
    assert scenario.run.updates == 4
    run = asysim.run(scenario)
    assert (run.status, run.outcome.updates) == ("complete", 4)
    said = "the run ends where its schedule does: delays.csv has 4 updates"
    assert run.outcome.notes == (said,)
    assert asysim.run(asysim.vary(scenario, "run.updates=3")).outcome.notes == ()
    fault = only_fault(asysim.vary, scenario, "run.updates=5")
    assert (fault.key, fault.found) == ("run.updates", "5")
    assert "at most 4, which is where delays.csv ends" in fault.expected
    late = asysim.run(asysim.vary(scenario, "run.updates=", "run.seconds=100"))
    assert late.outcome.updates == 4


@settings(max_examples=20)
@given(delays=st.one_of(one_column(), a_column_each()), times=st.integers(2, 4))
def test_repeated_it_begins_anew_with_other_draws(delays, times):
    info = TraceInfo("asysg-con", 40, 1)
    first = trace_of(known_delays(delays, tick=5, info=info))
    known = Known.of([first], info, source="")
    blocks = known.blocks(lambda: [first], info, block_size=7, repeat=True)
    rows = []
    while sum(map(len, rows)) < times * len(first):
        rows.append(next(blocks).rows)
    whole = Trace.joined(rows, info)
    assert Feasibility(info).faults(whole) == []
    assert whole.staleness.tolist() == times * first.staleness.tolist()
    assert whole.worker.tolist() == times * first.worker.tolist()


def test_resumed_it_is_what_nothing_interrupted(tmp_path):
    scenario = given_delays(
        tmp_path, np.minimum(np.arange(40), 3), "schedule.repeat=true", "run.updates=100",
        "run.evaluate_every=1",
    )  # fmt: skip
    with checkpoints_at_each_block():
        whole = contents(asysim.run(scenario, folder=tmp_path / "whole").folder)
        left = asysim.run(scenario, folder=tmp_path / "run", progress=interrupting_at(70))
        assert left.status == "interrupted"
        assert Interrupted.find(left.folder).begun.state.updates > 0
        assert contents(asysim.resume(left.folder).folder) == whole


# What is asked of the rest ---------------------------------------------------------------------


def test_the_largest_delay_is_a_proven_bound(tmp_path):
    scenario = given_delays(tmp_path, np.minimum(np.arange(300), 3))
    found = asysim.assess(scenario)
    assert found.staleness.bound == 3
    assert found.staleness.is_proven
    assert found.verdict.word == "met"
    # Theorem 1 is of one gradient in an update.
    ages = np.zeros((300, 2), dtype=int)
    path = write(tmp_path / "ages.csv", ages)
    several = asysim.assess(asysim.vary(scenario, f'schedule.path="{path}"'))
    assert "no update of several gradients" in several.sentence


def test_escape_is_studied_with_the_workers_of_the_file_alone(tmp_path):
    saddle = PLAIN.replace("dimension = 3", "eigenvalues = [0.1, -1]\nstart = 0")
    delays = np.minimum(np.arange(400), 2)
    given = given_delays(tmp_path, delays, "escape.seeds=20", text=saddle)
    (row,) = asysim.escape(given, processes=1).rows
    changes = "schedule=", "workers={count=3, compute=1}", "run.updates=400", "escape.workers=[3]"
    (simulated,) = asysim.escape(asysim.vary(given, *changes), processes=1).rows
    assert row.workers == 3
    assert row.all_escaped
    assert np.array_equal(row.updates, simulated.updates)
    fault = only_fault(asysim.escape, asysim.vary(given, "escape.workers=[1, 3]"))
    assert (fault.key, fault.found) == ("escape.workers", "[1, 3]")
    assert fault.expected == "should be left out, or [3]: so many workers are in delays.csv"
    assert without_part(given) == ["schedule"]
    short = given_delays(tmp_path, delays[:9], "escape.seeds=2", text=saddle)
    said = table(asysim.escape(short, processes=1)).sentence
    assert said.endswith("over: delays.csv ends there; schedule.repeat = true begins it anew.")


def test_a_kept_run_is_looked_at_and_computed_again_without_its_file(tmp_path):
    scenario = given_delays(tmp_path, [0, 1, 1, 2])
    asysim.run(scenario, folder=tmp_path / "run")
    (tmp_path / "delays.csv").unlink()
    for words in (["show", tmp_path / "run"], ["replay", tmp_path / "run", "--check"]):
        said = command(*words)
        assert said.code == 0, said
    assert "not simulated: it is that of delays.csv" in command("show", tmp_path / "run").out
    assert asysim.load_run(tmp_path / "run").scenario == scenario


def test_a_scenario_with_a_schedule_is_one_as_any(tmp_path):
    scenario = given_delays(tmp_path, [0, 1, 1, 2])
    assert parse(to_toml(scenario)) == scenario
    other = write(tmp_path / "other.csv", [0, 0, 0])
    for changed in (
        asysim.vary(scenario, f'schedule.path="{other}"'),
        asysim.vary(scenario, schedule=DelaySchedule(kind="delays", path=other)),
    ):
        assert (changed.workers.count, changed.run.updates) == (1, 3)
    assert engine_of(scenario, 3) == ("file", None)
    assert only_fault(asysim.vary, scenario, "schedule=").key == "workers"


CLASHING = [
    ("network.pull=1e-3", "network"),
    ("workers.speed=2.0", "workers.speed"),
    ("workers={count=2, compute=1e-3}", "workers.compute"),
    ("algorithm.staleness_bound=4", "algorithm.staleness_bound"),
    ("faults.loss=0.1", "faults"),
    ('engine="simpy"', "engine"),
    ('coordination={kind="synchronous"}', "coordination"),
]


@pytest.mark.parametrize(("change", "named"), CLASHING)
def test_a_schedule_is_alone_in_saying_when(tmp_path, change, named):
    scenario = given_delays(tmp_path, [0, 1, 1, 2])
    found = faults(asysim.vary, scenario, change)
    clash = next(fault for fault in found if fault.key == "schedule")
    assert f"leave out {named} " in clash.expected


BAD = {
    "0\n1\n3\n": "line 3, column 1: found 3; should be at most 2",
    "0\n-1\n": "line 2, column 1: found -1",
    "0\n0.5\n": "line 2, column 1: found 0.5",
    "0,0\n0\n": "line 2: found 1 column; should be 2 columns",
    "0,0\n1,1\n": "update 1: found no gradient that is new",
    "0,0\n0,1\n0,1\n0,1\n": "update 3, column 2: found a gradient of version 2 after one",
}


@pytest.mark.parametrize(("text", "said"), BAD.items())
def test_bad_delays_are_one_error_with_file_and_place(tmp_path, text, said):
    (tmp_path / "d.csv").write_text(text)
    fault = only_fault(parse, PLAIN, 'schedule={kind="delays", path="d.csv"}', folder=tmp_path)
    assert fault.key == "schedule.path"
    assert f"{tmp_path}/d.csv: {said}" in fault.expected


def test_what_can_not_be_a_schedule(tmp_path):
    def told(*changes, text=PLAIN):
        return only_fault(parse, text, *changes, folder=tmp_path)

    write(tmp_path / "d.csv", [0, 0])
    trace = asysim.run(parse(INCON)).trace
    trace.save(tmp_path / "t.parquet")
    there = 'schedule={kind="delays", path="d.csv"}'
    incon = "algorithm.name='asysg-incon'"
    assert told('schedule={kind="delays", path="no.csv"}').key == "schedule.path"
    for kind in ("delays", "trace"):
        assert told(f'schedule={{kind="{kind}", path="{"x" * 5000}"}}').key == "schedule.path"
        assert told(f'schedule={{kind="{kind}", path="."}}').key == "schedule.path"
    assert told('schedule={kind="delays", path="d.csv", column="tau"}').key == "schedule.column"
    assert told('schedule={kind="trace", path="d.csv"}').key == "schedule.path"
    assert told('schedule={kind="delays", path="t.parquet"}').key == "schedule.kind"
    assert told(there, incon).key == "algorithm.name"
    assert told(there, "workers.count=2").expected.startswith("should be left out, or 1, as d.csv")
    assert told('schedule={kind="trace", path="t.parquet"}').key == "algorithm.name"
    free = parse(PLAIN, 'schedule={kind="trace", path="t.parquet"}', incon, folder=tmp_path)
    short = only_fault(asysim.run, free)
    assert (short.key, short.found) == ("problem", "3 coordinates")
    given = parse(PLAIN, there, "run.target_loss=0.1", folder=tmp_path)
    assert only_fault(asysim.speedup, given).key == "schedule"
    assert only_fault(asysim.run, given, on="threads").key == "schedule"
