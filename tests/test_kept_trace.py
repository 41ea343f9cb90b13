"""Runs in a folder: their traces are read a piece at a time, and come to the same as whole ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import asysim
from asysim.show import notebook
from asysim.show.plots import save_all
from asysim.show.rows_seen import between, windows
from asysim.show.summary import Summary
from asysim.trace.counts import TraceCounts
from asysim.trace.gradient import TIMES
from asysim.trace.info import TraceInfo
from asysim.trace.kept_trace import KeptTrace
from tests.processes import PYTHON, finish, linux
from tests.support import CON, DISCARD, KINDS, command, only_fault, scenario


class InPieces:
    """A trace that is never seen whole."""

    def __init__(self, trace, size):
        self._trace, self._size, self.info = trace, size, trace.info

    def pieces(self):
        for start in range(0, len(self._trace), self._size):
            yield self._trace[start : start + self._size]

    @property
    def counts(self):
        return TraceCounts.of(self.pieces(), self.info)


@given(kind=st.sampled_from(list(KINDS)), size=st.integers(1, 40), window=st.integers(1, 30))
def test_pieces_come_to_the_same_as_the_whole(traces, kind, size, window):
    trace, pieces = traces[kind], InPieces(traces[kind], size)
    assert Summary.of(pieces) == Summary.of(trace)
    tau = trace.staleness
    count = len(tau) // window
    whole = tau[: count * window].reshape(count, window)
    least, total, most = windows(pieces, window, count)
    np.testing.assert_array_equal(least, whole.min(axis=1))
    np.testing.assert_array_equal(total, whole.sum(axis=1))
    np.testing.assert_array_equal(most, whole.max(axis=1))
    start, end = 0.2 * trace.duration, 0.7 * trace.duration
    worker, applied, times = between(pieces, start, end)
    shown = (trace.seconds("applied") >= start) & (trace.seconds("read") <= end)
    np.testing.assert_array_equal(worker, trace.worker[shown])
    np.testing.assert_array_equal(applied, trace.was_applied[shown])
    for name in TIMES:
        np.testing.assert_array_equal(times[name], trace.seconds(name)[shown])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_counted(traces, kind):
    trace = traces[kind]
    counts, tau = trace.counts, trace.staleness
    assert (counts.gradients, counts.updates) == (len(trace), trace.updates)
    assert counts.seconds == trace.duration
    assert counts.mean_staleness == tau.mean()
    for share in (0.0, 0.01, 0.3, 0.5, 0.9, 0.99, 1.0):
        assert counts.staleness_quantile(share) == np.quantile(tau, share, method="inverted_cdf")
    np.testing.assert_array_equal(np.repeat(counts.staleness, counts.times), np.sort(tau))
    for worker in range(trace.info.workers):
        mine = trace.worker == worker
        assert counts.disposed[worker] == mine.sum()
        assert counts.applied[worker] == (mine & trace.was_applied).sum()
        assert counts.staleness_sum[worker] == trace.age[mine & trace.was_applied].sum()


@given(st.integers(1, 90), st.integers(0, 500))
def test_bars_hold_everything(most, rows):
    """A worker whose read is ever longer ago."""
    gradients = [asysim.Gradient(0, k, 0, k, *[1e-3 * k] * 5) for k in range(rows)]
    trace = asysim.Trace.from_gradients(gradients, TraceInfo("asysg-con", 1, 2))
    width, bars = trace.counts.staleness_bars(most)
    assert len(bars) <= most
    assert bars.sum() == rows
    assert all(bars[:-1] == width)


def test_a_run_in_a_folder_reads_its_trace_when_asked(tmp_path):
    made = asysim.run(scenario(), folder=tmp_path / "run")
    read = asysim.load_run(tmp_path / "run")
    in_memory = asysim.run(scenario())
    assert repr(made) == repr(read) == repr(in_memory)
    assert notebook.html(made) == notebook.html(read) == notebook.html(in_memory)
    for run in (made, read):
        assert "trace" not in vars(run)
        assert run.info == run.trace.info == in_memory.trace.info
        assert run.trace == in_memory.trace
        assert run.trace is run.trace


def test_pictures_of_a_kept_run_are_those_of_one_in_memory(tmp_path):
    text = scenario(CON, *DISCARD, "run.updates=1000")
    names = ("staleness", "timeline")
    drawn = []
    for name, folder in (("kept", tmp_path / "run"), ("memory", None)):
        (tmp_path / name).mkdir()
        files = save_all(asysim.run(text, folder=folder), tmp_path / name, names)
        drawn.append([file.read_bytes() for file in files])
    assert drawn[0] == drawn[1]


def test_a_trace_that_was_replaced_or_is_gone(tmp_path):
    run = asysim.run(scenario(), folder=tmp_path / "run")
    path = tmp_path / "run" / "trace.parquet"
    run.trace[:30].save(path)
    again = KeptTrace.open(path)
    assert len(again.whole()) == 30
    run.trace[:20].save(path)
    assert only_fault(again.whole).found == "another trace than was there before"
    path.unlink()
    assert only_fault(again.whole).found == "no such file"


def test_rows_that_cannot_be_are_told_before_anything_is_printed(tmp_path):
    run = asysim.run(scenario(), folder=tmp_path / "run")
    trace = run.trace
    trace.ticks[4, 40] = -1
    trace.save(tmp_path / "run" / "trace.parquet")
    said = command("show", tmp_path / "run")
    assert (said.code, said.out) == (2, "")
    assert "applied of row 40" in said.err


PEAKS = """
import json, resource, sys
from asysim.cli.app import main

for words in json.loads(sys.argv.pop()):
    sys.argv[1:] = words
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peaks(*commands):
    """Return the megabytes that a process came to at most after each of several commands."""
    done = finish(*PYTHON, PEAKS, json.dumps(commands, default=str))
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    return [int(words[1]) for words in lines if words[:1] == ["peak"]]


@linux  # elsewhere it is told in bytes
def test_memory_does_not_grow_with_the_run(tmp_path):
    (tmp_path / "s.toml").write_text(CON)
    once = ["problem.dimension=2", "run.evaluate_every=1_000_000", "--no-pictures"]
    run = ["run", tmp_path / "s.toml", *once]
    counts = (200_000, 1_000_000)
    few, many = peaks(*[[*run, f"run.updates={n}", "--out", tmp_path / str(n)] for n in counts])
    # 800,000 gradients more took 160 MB; the trace alone is 58 MB.
    assert many - few < 25
    few, many = peaks(*[["show", tmp_path / str(n)] for n in counts])
    assert many - few < 25
