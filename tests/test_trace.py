"""The trace: facts in, everything else derived from them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.trace import Trace
from asysim.trace.gradient import Gradient, Seen
from asysim.trace.info import TraceInfo
from asysim.trace.stream import limited, trace_of
from tests.strategies import bounds, con_documents, incon_documents, recorded, with_algorithm

ANY = st.one_of(con_documents(), incon_documents())
CON = TraceInfo("asysg-con", 3, 5)
INCON = TraceInfo("asysg-incon", 2, 5)


def any_trace(document, bound, updates=60):
    if bound is not None:
        document = with_algorithm(document, **bound)
    return recorded(document, updates=updates)


def test_what_follows_from_three_rows():
    rows = [
        Gradient(0, 0, 0, 0, applied=1.0),
        Gradient(1, 0, 0, -1, applied=1.5),
        Gradient(2, 0, 0, 1, applied=2.0),
    ]
    trace = Trace.from_gradients(rows, CON)
    assert list(trace) == rows
    assert trace.updates == 2
    assert trace.updates_before.tolist() == [0, 1, 1]
    assert [trace.count_before(updates) for updates in range(4)] == [0, 1, 3, 3]
    assert trace.age.tolist() == [0, 1, 1]
    assert trace.staleness.tolist() == [0, 1]
    assert trace.staleness_counts().tolist() == [1, 1]
    assert trace.duration == 2.0
    assert trace.unseen(2) == {0: ((0, 5),)}
    assert trace.frame["staleness"].tolist() == [0, 1, 1]


def test_what_a_lock_free_read_missed():
    rows = [
        Gradient(0, 0, 0, 0, hi=5),
        Gradient(1, 0, 0, 1, lo=1, hi=4),
        Gradient(0, 1, 0, 2, hi=5, seen=(Seen(0, 0, 3), Seen(1, 1, 4))),
    ]
    trace = Trace.from_gradients(rows, INCON)
    assert list(trace) == rows
    assert trace.unseen(1) == {0: ((0, 5),)}
    assert trace.unseen(2) == {0: ((3, 5),)}, "update 1 was seen whole, though 0 was not"


@settings(max_examples=60)
@given(document=ANY, bound=st.none() | bounds(), cuts=st.lists(st.integers(0, 60), max_size=4))
def test_pieces_know_what_the_whole_knows(document, bound, cuts):
    trace = any_trace(document, bound)
    edges = [0, *sorted(min(cut, len(trace)) for cut in cuts), len(trace)]
    pieces = [trace[a:b] for a, b in itertools.pairwise(edges)]
    assert Trace.joined(pieces, trace.info) == trace
    ages = np.concatenate([piece.age for piece in pieces])
    assert np.array_equal(ages, trace.age)
    assert [row for piece in pieces for row in piece] == list(trace)


@settings(max_examples=40)
@given(document=ANY, bound=st.none() | bounds())
def test_rows_and_columns_are_the_same(document, bound):
    trace = any_trace(document, bound)
    assert Trace.from_gradients(trace, trace.info) == trace


@settings(max_examples=40)
@given(document=incon_documents(), bound=st.none() | bounds())
def test_unseen_lies_within_the_staleness(document, bound):
    # J(k) ⊂ {k − 1, …, k − τ_k}, and the oldest of it is the version.
    trace = any_trace(document, bound)
    for row in np.flatnonzero(trace.was_applied):
        missed = trace.unseen(int(row))
        version, update = int(trace.version[row]), int(trace.update[row])
        assert all(version <= j < update for j in missed)
        assert (version in missed) == (version < update)


def test_stride_is_refused():
    trace = Trace.from_gradients([Gradient(0, 0, 0, 0)] * 3, CON)
    with pytest.raises(ValueError, match="order"):
        trace[::2]


def test_empty_trace():
    for info in (CON, INCON):
        trace = Trace.from_gradients([], info)
        assert (len(trace), trace.updates, trace.duration) == (0, 0, 0.0)
        assert trace.staleness_counts().tolist() == [0]
        assert list(trace) == []
        assert trace[0:0] == trace


def test_text_is_short():
    trace = Trace.from_gradients([Gradient(0, 0, 0, 0)], CON)
    assert repr(trace) == "Trace(asysg-con, 3 workers, 1 gradients, 1 updates, complete)"


@settings(max_examples=40)
@given(document=ANY, bound=st.none() | bounds(), updates=st.integers(1, 50))
def test_limit_by_updates(document, bound, updates):
    from asysim.scenario.load import from_document
    from asysim.schedule import simulate

    if bound is not None:
        document = with_algorithm(document, **bound)
    stream = limited(simulate(from_document(document), 7, block_size=9), updates=updates)
    trace = trace_of(stream)
    assert trace.updates == updates
    assert trace.was_applied[-1], "what comes after the last update is not part of the run"
