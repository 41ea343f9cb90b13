"""A full disk: one message, and what was computed is kept and can be had.

A limit on the size of files stands for the disk: it too refuses in the middle of a write.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import contextmanager

import numpy as np
import pytest

import asysim
from asysim.ground.outputs import write_whole
from asysim.runs.leavings import TRACE, WAITING, Leavings
from asysim.runs.salvage import recover
from asysim.studies.store import ATTEMPTS
from asysim.trace.parquet import TraceWriter, Unwritten
from tests.support import CON, INCON, command, only_fault, scenario

STUDY = (
    "problem.noise=0", "run.target_loss=1", "run.updates=10000",
    "run.evaluate_every=1", "speedup={workers=[1, 2], seeds=2}",
)  # fmt: skip


@contextmanager
def largest_file(size):
    """Let no file become larger than so many bytes while a context lasts."""
    before, writes = resource.getrlimit(resource.RLIMIT_FSIZE), sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # Python would keep as much of a module as there is room for
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sys.dont_write_bytecode = writes


@pytest.mark.parametrize("text", [CON, INCON])
def test_no_room_for_the_trace(tmp_path, text):
    (tmp_path / "s.toml").write_text(text)
    words = ["run.updates=300_000", "run.evaluate_every=50_000", "--no-pictures"]
    with largest_file(3_000_000):
        said = command("run", tmp_path / "s.toml", *words, "--out", tmp_path / "run")
    assert (said.code, said.out) == (2, "")
    told = said.err.replace("\n", " ")
    assert told.count("error") == 1
    assert "file too large" in told
    assert f"asysim recover {tmp_path / 'run.partial'}" in told
    recover(tmp_path / "run.partial")
    run = asysim.load_run(tmp_path / "run")
    assert run.status == "cut short"
    assert f"the first {len(run.trace):,} of its rows" in told
    assert len(run.trace) > 10_000
    updates = f"run.updates={run.trace.updates}"
    again = asysim.run(scenario(text, updates, "run.evaluate_every=50_000"))
    assert again.trace == run.trace
    np.testing.assert_array_equal(again.x, run.x)


@pytest.mark.parametrize("size", range(3_000, 11_000, 1_700))
def test_no_room_for_rows_that_wait(tmp_path, monkeypatch, size):
    """What was written in part is cut off, before the Parquet file gives some room back."""
    monkeypatch.setattr("asysim.trace.waiting_rows._SECONDS", 0.0)
    monkeypatch.setattr("asysim.trace.waiting_rows._AT_ONCE", 8)
    trace, truncate = asysim.run(scenario()).trace, os.truncate
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def give_room(path, length):
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        truncate(path, length)

    monkeypatch.setattr("asysim.trace.waiting_rows.os.truncate", give_room)
    ends = []

    def write():
        writer = TraceWriter(tmp_path / TRACE, trace.info, waiting=tmp_path / WAITING)
        for start in range(0, 60, 10):
            ends.append(start + 10)
            writer.write(trace[start : start + 10])

    with largest_file(size), pytest.raises(Unwritten):
        write()
    end = ends[-1]
    left = Leavings.find(tmp_path)
    assert left.rows == end
    assert asysim.Trace.joined(list(left.pieces()), trace.info) == trace[:end]


@pytest.mark.parametrize("place", ["curve_file.save", "np.save", "describe"])
def test_no_room_for_what_comes_after_the_trace(tmp_path, monkeypatch, place):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "x.npy")

    with monkeypatch.context() as patch:
        patch.setattr(f"asysim.runs.folder.{place}", full)
        fault = only_fault(asysim.run, scenario(), folder=tmp_path / "run")
    assert fault.found == "no space left on device"
    assert "the first 60 of its rows" in fault.expected
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial"]
    assert len(asysim.Trace.load(tmp_path / "run.partial" / "trace.parquet")) == 60
    recover(tmp_path / "run.partial")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    made, whole = asysim.load_run(tmp_path / "run"), asysim.run(scenario())
    assert made.trace == whole.trace
    np.testing.assert_array_equal(made.x, whole.x)


def test_no_room_for_pictures(tmp_path):
    (tmp_path / "s.toml").write_text(CON)
    with largest_file(20_000):
        said = command("run", tmp_path / "s.toml", "--out", tmp_path / "run")
    assert said.code == 2
    assert "60 updates, loss" in said.out
    assert said.err.count("error") == 1
    assert "file too large" in said.err
    assert not list((tmp_path / "run").glob("*.png*"))
    assert asysim.load_run(tmp_path / "run").status == "complete"


@pytest.mark.parametrize("file", ["scenario.toml", ATTEMPTS])
def test_no_room_for_a_study(tmp_path, file):
    (tmp_path / "s.toml").write_text(CON)
    words = ["speedup", tmp_path / "s.toml", *STUDY, "--jobs", 1, "--out", tmp_path / "study"]
    words.append("--no-pictures")
    asysim.speedup(scenario(CON, *STUDY), folder=tmp_path / "other", processes=1)
    files = [path for path in (tmp_path / "other").rglob("*") if path.is_file()]
    with largest_file(min(path.stat().st_size for path in files if file in str(path)) - 1):
        said = command(*words)
    assert said.code == 2
    assert said.err.count("error") == 1
    assert "the same command goes on" in said.err.replace("\n", " ")
    assert not list((tmp_path / "study").rglob("*.partial"))
    assert command(*words).code == 0
    assert not (tmp_path / "study" / "lock").exists()


def test_a_file_is_whole_or_as_it_was(tmp_path):
    for before in (None, "what was there"):
        if before is not None:
            (tmp_path / "file").write_text(before)
        with largest_file(10), pytest.raises(OSError, match="File too large"):
            write_whole(tmp_path / "file", "what is to be there")
        assert [path.read_text() for path in tmp_path.iterdir()] == ([before] if before else [])
    (tmp_path / "link").symlink_to("file")
    write_whole(tmp_path / "link", "anew")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "anew"
