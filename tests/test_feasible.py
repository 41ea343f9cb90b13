"""Traces are held against what is true of all: no valid one is refused, what is wrong is named."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asysim
from asysim.errors import InputError
from asysim.runs.replayable import check_replayable
from asysim.trace import Trace
from asysim.trace.feasible import Feasibility
from asysim.trace.gradient import Brackets, Sweeps
from asysim.trace.info import TraceInfo
from asysim.trace.reader import TraceReader
from asysim.trace.stream import Deadlock
from tests.cluster_strategies import cluster_documents
from tests.strategies import bounds, con_documents, incon_documents, recorded, with_algorithm
from tests.support import CON, DISCARD, INCON, SCENARIOS, faults, scenario

ANY = st.one_of(con_documents(), incon_documents())


def wrong_with(trace, cuts=()):
    """Return what is wrong with a trace that comes in pieces."""
    feasible = Feasibility(trace.info)
    edges = [0, *sorted(min(cut, len(trace)) for cut in cuts), len(trace)]
    return [fault for a, b in itertools.pairwise(edges) for fault in feasible.faults(trace[a:b])]


# No valid trace is refused


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
@pytest.mark.parametrize("path", SCENARIOS, ids=[path.stem for path in SCENARIOS])
def test_what_the_scenarios_come_to(path, engine):
    loaded = asysim.load(path, f"engine={engine}")
    trace = recorded(loaded, 400, dimension=20, seconds=loaded.run.seconds)
    assert not wrong_with(trace, (7, 300))


@settings(max_examples=60)
@given(document=ANY, bound=st.none() | bounds(), cuts=st.lists(st.integers(0, 80), max_size=4))
def test_any_schedule(document, bound, cuts):
    if bound is not None:
        document = with_algorithm(document, **bound)
    assert not wrong_with(recorded(document, 60), cuts)


@settings(max_examples=60)
@given(document=cluster_documents(), cuts=st.lists(st.integers(0, 80), max_size=4))
def test_any_cluster(document, cuts):
    try:
        trace = recorded(document, 60, dimension=12)
    except (Deadlock, InputError):
        return
    assert not wrong_with(trace, cuts)


@pytest.mark.real
@pytest.mark.parametrize("text", [CON, INCON], ids=["con", "incon"])
@pytest.mark.parametrize("change", [(), DISCARD], ids=["plain", "discard"])
def test_real_runs(tmp_path, text, change):
    long = "run.updates=3000"
    run = asysim.run(scenario(text, *change, long), on="threads", folder=tmp_path / "run")
    assert run.trace.updates == 3000  # it was read back, and so held against the rules


def test_a_killed_lock_free_worker_takes_one_number_along():
    real = lock_free()
    later = (2, 3, 4)
    fewer = [with_fact(real, "update", row, real.update[row] + 1) for row in later]
    gap = with_facts(real, {("update", row): int(real.update[row]) + 1 for row in later})
    assert not wrong_with(gap), "worker 0 or 1 had taken number 2"
    assert wrong_with(with_facts(real, {("update", row): real.update[row] + 3 for row in later}))
    assert all(wrong_with(trace) for trace in fewer[:-1]), "two rows with one number"


def lock_free():
    """Return the rows of a real lock-free run of two workers, five of one write each."""
    info = TraceInfo("asysg-incon", 2, 4, exact=False, clock="real")
    facts = np.array([[0, 1, 0, 1, 0], [0, 0, 1, 1, 2], [0, 0, 1, 1, 3], [0, 1, 2, 3, 4]])
    ticks = np.arange(5) + 10 * facts[1]
    ticks = np.stack([ticks] * 5) + np.arange(5)[:, None]
    lo, hi = np.zeros(5, dtype=np.int64), np.full(5, 4)
    begun, after = np.array([0, 0, 1, 2, 3]), np.array([0, 1, 2, 3, 4])
    offsets, partly = np.array([0, 0, 0, 0, 1, 1]), np.array([1])
    return Trace(facts, ticks, info, brackets=Brackets(lo, hi, begun, after, offsets, partly))


# What is wrong is named, with its column and row


def with_facts(trace, changes):
    facts, ticks = trace.facts.copy(), trace.ticks.copy()
    names = ("worker", "draw", "version", "update", "read", "ready", "done", "arrived", "applied")
    for (name, row), value in changes.items():
        i = names.index(name)
        (facts if i < 4 else ticks)[i if i < 4 else i - 4, row] = value
    return replace(trace, facts=facts, ticks=ticks)


def with_fact(trace, name, row, value):
    return with_facts(trace, {(name, row): value})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("worker", 3, "one of 0 … 2"),
        ("worker", 10**9, "one of 0 … 2"),
        ("worker", -1, "one of 0 … 2"),
        ("draw", -1, "a draw is"),
        ("draw", 2**60, "a draw is"),
        ("update", -2, "numbered from 0 without a gap"),
        ("update", 10**9, "numbered from 0 without a gap"),
        ("version", -1, "between 0 and the updates"),
        ("version", 10**9, "between 0 and the updates"),
        ("read", -(10**6), "nothing happens before the start"),
        ("ready", 0, "in the order read ≤ ready ≤ done ≤ arrived ≤ applied"),
        ("done", 0, "in the order"),
        ("arrived", 0, "in the order"),
        ("applied", 0, "in the order"),
    ],
)
@pytest.mark.parametrize("kind", ["discard", "incon"])
@pytest.mark.parametrize("row", [11, 50])
def test_a_wrong_number_is_named(traces, kind, row, name, value, said):
    trace = traces[kind]
    row = int(np.flatnonzero(trace.was_applied)[row])
    found = wrong_with(with_fact(trace, name, row, value), (30,))
    by_key = {fault.key: fault for fault in found}
    fault = by_key[f"{name} of row {row}"]
    assert said in fault.expected
    if not name.startswith(("ready", "done", "arrived", "applied", "read")):
        assert fault.found == str(value)


def test_the_file_is_named_too(tmp_path, traces):
    trace = with_fact(traces["discard"], "worker", 5, 10**9)
    trace.save(tmp_path / "t.parquet")
    (fault,) = faults(Trace.load, tmp_path / "t.parquet")
    assert (fault.source, fault.key) == (str(tmp_path / "t.parquet"), "worker of row 5")
    assert fault.found == "1000000000"
    # Traces made in memory are held against the same rules.
    made = scenario(CON, *DISCARD)
    assert faults(check_replayable, trace, made, made.problem.build())[0].key == "worker of row 5"


def test_a_draw_is_made_once(traces):
    trace = traces["discard"]
    one, other = np.flatnonzero(trace.worker == 1)[[4, 9]]
    again = with_fact(trace, "draw", other, trace.draw[one])
    for cuts in ((), (int(other),), (int(one) + 1, int(other))):
        keys = [fault.key for fault in wrong_with(again, cuts)]
        assert f"draw of row {other}" in keys


def test_a_draw_that_came_ahead_of_its_turn_is_made_once_too():
    """It waits in a buffer, say, while those before it come in order; and then is there again."""
    draws = [0, 1, 5, 2, 3, 4, 5]
    rows = [asysim.Gradient(0, draw, 0, -1, *[1.0] * 5) for draw in draws]
    trace = Trace.from_gradients(rows, TraceInfo("asysg-con", 1, 2))
    for cuts in ((), (3,), (1, 3), (3, 5)):
        assert [fault.key for fault in wrong_with(trace, cuts)] == ["draw of row 6"]
    assert not wrong_with(trace[:6], (3,))


def test_rows_that_change_places(traces):
    trace = traces["discard"]
    kept = np.flatnonzero(trace.was_applied)
    a, b = int(kept[20]), int(kept[30])
    order = np.arange(len(trace))
    order[[a, b]] = b, a
    swapped = replace(trace, facts=trace.facts[:, order], ticks=trace.ticks[:, order])
    assert any(fault.key.startswith("update of row") for fault in wrong_with(swapped))
    late = replace(trace, ticks=trace.ticks[:, order])
    assert {fault.key.split()[0] for fault in wrong_with(late)} & {"applied", "read", "ready"}


def test_a_read_before_its_worker_was_free(traces):
    trace = traces["discard"]
    row = int(np.flatnonzero(trace.draw == 7)[0])
    found = wrong_with(with_fact(trace, "read", row, 0))
    assert [fault.key for fault in found] == [f"read of row {row}"]
    assert "reads again" in found[0].expected


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("lo", -1, "the 10 coordinates"),
        ("hi", 11, "the 10 coordinates"),
        ("lo", 11, "the 10 coordinates"),
        ("first", -1, "a read saw parts"),
        ("last", 11, "a read saw parts"),
        ("last", 0, "a read saw parts"),
        ("update", 10**6, "a read saw parts"),
        ("update", -1, "a read saw parts"),
    ],
)
def test_sweeps_outside_of_x(traces, name, value, said):
    trace = traces["incon"]
    column = getattr(trace.sweeps, name).copy()
    slices = name in ("first", "last", "update")
    at = len(column) // 2
    column[at] = value
    names = ("lo", "hi", "offsets", "update", "first", "last")
    parts = {n: getattr(trace.sweeps, n) for n in names} | {name: column}
    found = wrong_with(replace(trace, sweeps=Sweeps(**parts)), (9,))
    row = int(np.searchsorted(trace.sweeps.offsets, at, "right")) - 1 if slices else at
    (fault,) = [fault for fault in found if said in fault.expected]
    assert fault.key == f"{'seen' if slices else name} of row {row}"


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [("lo", 2, 5), ("hi", 2, 5), ("begun", 2, 0), ("after", 2, 5), ("partly", 0, 3)],
)
def test_brackets_that_bound_nothing(name, at, value):
    trace = lock_free()
    assert not wrong_with(trace)
    names = ("lo", "hi", "begun", "after", "offsets", "partly")
    parts = {n: getattr(trace.brackets, n).copy() for n in names}
    parts[name][at] = value
    row = 3 if name == "partly" else at
    found = wrong_with(replace(trace, brackets=Brackets(**parts)))
    assert f"{name} of row {row}" in [fault.key for fault in found]


def test_pieces_of_a_file_are_read_one_by_one(tmp_path, monkeypatch, traces):
    monkeypatch.setattr("asysim.trace.reader.ROW_GROUP", 16)
    trace = traces["incon"]
    trace.save(tmp_path / "t.parquet")
    with TraceReader(tmp_path / "t.parquet") as reader:
        pieces = list(reader)
        assert (len(reader), reader.info) == (len(trace), trace.info)
    assert len(pieces) == -(-len(trace) // 16)
    assert Trace.joined(pieces, trace.info) == trace
    assert [row for piece in pieces for row in piece.updates_before] == list(trace.updates_before)


@pytest.mark.parametrize(
    "change",
    [
        {"workers": 0}, {"workers": 10**9}, {"workers": "3"}, {"workers": True}, {"workers": 2.5},
        {"dimension": -1}, {"dimension": None}, {"exact": 1}, {"clock": "sand"},
        {"arithmetic": "roman"}, {"algorithm": "sgd"}, {"scenario": []}, {"scenario": None},
    ],
    ids=str,
)  # fmt: skip
def test_information_of_other_types(change):
    trace = recorded(con_document(), 20)
    about = {name: getattr(trace.info, name) for name in TraceInfo.__dataclass_fields__}
    with pytest.raises(ValueError, match=next(iter(change))):
        TraceInfo.of_document(about | change)
    assert TraceInfo.of_document(about) == trace.info


def con_document():
    return {
        "problem": {"kind": "quadratic", "dimension": 3},
        "algorithm": {"name": "asysg-con", "step": 0.01},
        "workers": {"count": 2, "compute": 1e-3},
    }
