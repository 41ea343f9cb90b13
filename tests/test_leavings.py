"""What a simulated run that was killed leaves: the rows that were on disk, whole and in order."""

from __future__ import annotations

import shutil
from itertools import pairwise

import numpy as np
import pytest

import asysim
from asysim.errors import InputError
from asysim.runs.leavings import WAITING, Leavings
from asysim.runs.rederive import differences, rerun_with
from asysim.runs.salvage import recover
from asysim.trace.footer import restore_footer
from asysim.trace.parquet import TraceWriter, Unwritten, schema_of
from asysim.trace.waiting_rows import Waiting
from tests.processes import PYTHON, begin, wait_until
from tests.support import CON, INCON, KINDS, command, contents, failing_at, only_fault, scenario

AT_ONCE = (
    "import sys; from asysim.trace import recorder, waiting_rows\n"
    "recorder._SECONDS = waiting_rows._SECONDS = 0\n"
    "from asysim.cli.app import main; sys.argv[0] = 'asysim'; main()"
)
"""A program like asysim, in which rows wait for no second before they are on disk."""


@pytest.mark.real
def test_a_killed_run_is_recovered(tmp_path):
    partial, file = tmp_path / "run.partial", tmp_path / "long.toml"
    file.write_text(INCON)
    length = ("run.updates=1_000_000_000", "run.evaluate_every=20_000")
    words = ("run", file, *length, "--out", tmp_path / "run", "--no-pictures")

    def there():
        """A row group is on disk, and there are rows that wait for the next one."""
        path = partial / WAITING
        return path.exists() and Waiting.read(path).whole.rows and path.stat().st_size > 100_000

    process = begin(*PYTHON, AT_ONCE, *words)
    wait_until(there, process)
    process.kill()
    process.communicate()

    again = command("run", file, "--out", tmp_path / "run")
    assert again.code == 2
    assert "rows of a run that did not come to its end" in again.err
    assert f"asysim recover {partial}" in again.err.replace("\n", " ")

    said = command("recover", partial)
    assert said.code == 0
    assert not partial.exists()
    run = asysim.load_run(tmp_path / "run")
    assert run.status == run.trace.info.status == "cut short"
    assert len(run.trace) > 65_536
    assert run.trace.updates == run.outcome.updates
    assert f"the {run.trace.updates:,} updates before are kept" in run.outcome.message
    assert differences(run, rerun_with(run)) == []

    undisturbed = asysim.run(
        scenario(INCON, f"run.updates={run.trace.updates}", "run.evaluate_every=20_000")
    )
    assert run.trace == undisturbed.trace[: len(run.trace)]
    assert undisturbed.trace.updates == run.trace.updates
    np.testing.assert_array_equal(run.x, undisturbed.x)
    assert run.outcome.points == undisturbed.outcome.points


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_was_written_is_there_at_any_time(tmp_path, monkeypatch, traces, kind):
    """A kill leaves files as they are: a copy of them is what it would have left."""
    monkeypatch.setattr("asysim.trace.parquet.ROW_GROUP", 16)
    monkeypatch.setattr("asysim.trace.waiting_rows._SECONDS", 0.0)
    trace, folder = traces[kind], tmp_path / "run.partial"
    folder.mkdir()
    edges = [0, 3, 16, 17, 32, 50, len(trace)]
    with TraceWriter(folder / "trace.parquet", trace.info, waiting=folder / WAITING) as writer:
        for start, end in pairwise(edges):
            writer.write(trace[start:end])
            copy = tmp_path / f"{end}.partial"
            shutil.copytree(folder, copy)
            with (copy / "trace.parquet").open("ab") as file:
                file.write(b"the beginning of a row group")
            left = Leavings.find(copy)
            assert left.rows == end
            assert asysim.Trace.joined(list(left.pieces()), trace.info) == trace[:end]
            assert asysim.Trace.joined(list(left.pieces()), trace.info) == trace[:end]  # again
    assert [path.name for path in folder.iterdir()] == ["trace.parquet"]
    trace.save(tmp_path / "whole.parquet")
    assert (tmp_path / "whole.parquet").read_bytes() == (folder / "trace.parquet").read_bytes()


@pytest.mark.parametrize("kind", ["con", "incon"])
def test_waiting_rows_that_were_broken_off(tmp_path, monkeypatch, traces, kind):
    monkeypatch.setattr("asysim.trace.waiting_rows._SECONDS", 0.0)
    trace = traces[kind]
    writer = TraceWriter(tmp_path / "trace.parquet", trace.info, waiting=tmp_path / WAITING)
    beginning = (tmp_path / WAITING).stat().st_size
    for start in range(0, 60, 10):
        writer.write(trace[start : start + 10])
    content = (tmp_path / WAITING).read_bytes()
    found = set()
    for length in range(0, len(content), 97):
        (tmp_path / WAITING).write_bytes(content[:length])
        if length < beginning:  # what it begins with has to be there
            assert only_fault(Leavings.find, tmp_path).source == str(tmp_path / WAITING)
            continue
        left = Leavings.find(tmp_path)
        found.add(left.rows if left else 0)
        if left:
            assert asysim.Trace.joined(list(left.pieces()), trace.info) == trace[: left.rows]
    assert found == {0, 10, 20, 30, 40, 50}


def test_rows_wait_until_it_is_noted_that_they_are_whole(tmp_path, monkeypatch, traces):
    """Also if there is no room for the note."""
    monkeypatch.setattr("asysim.trace.parquet.ROW_GROUP", 16)
    trace = traces["con"]
    writer = TraceWriter(tmp_path / "trace.parquet", trace.info, waiting=tmp_path / WAITING)
    writer.write(trace[:10])
    (tmp_path / f"{WAITING}.new").mkdir()
    with pytest.raises(Unwritten):
        writer.write(trace[10:20])
    left = Leavings.find(tmp_path)
    assert left.rows == 20
    assert asysim.Trace.joined(list(left.pieces()), trace.info) == trace[:20]


@pytest.mark.parametrize("kind", KINDS)
def test_a_footer_that_was_lost(tmp_path, monkeypatch, traces, kind):
    monkeypatch.setattr("asysim.trace.parquet.ROW_GROUP", 16)
    trace, path = traces[kind][:48], tmp_path / "t.parquet"
    with TraceWriter(path, trace.info, waiting=tmp_path / WAITING) as writer:
        writer.write(trace)
        waiting = Waiting.read(tmp_path / WAITING)
    assert waiting.whole.rows == 48
    end = waiting.whole.end
    path.write_bytes(path.read_bytes()[:end])
    assert restore_footer(path, waiting.schema, end) == 48
    assert asysim.Trace.load(path) == trace
    for wrong in (end - 1, end + 1):
        with pytest.raises(ValueError, match=r"byte|cut off"):
            restore_footer(path, waiting.schema, wrong)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (
            b"\x15\x00\x15\x00\x15\x13\x2c\x15\x02\x15\x00\x00\x00",
            "a page across byte",
        ),
        (b"\x1c" * 5000, "no page at byte 4"),
        (b"\x16" + b"\xff" * 1_000_000, "a number that is too long"),
    ],
    ids=["back again", "deep", "long"],
)
def test_pages_that_lead_nowhere(tmp_path, traces, damage, said):
    path, schema = tmp_path / "t.parquet", schema_of(traces["con"].info)
    path.write_bytes(b"PAR1" + damage)
    with pytest.raises(ValueError, match=said):
        restore_footer(path, schema, 4 + len(damage))


def test_damaged_leavings_are_told(tmp_path, monkeypatch, traces):
    monkeypatch.setattr("asysim.trace.parquet.ROW_GROUP", 16)
    trace, partial = traces["con"], tmp_path / "run.partial"
    partial.mkdir()
    (partial / "scenario.toml").write_text(CON)
    writer = TraceWriter(partial / "trace.parquet", trace.info, waiting=partial / WAITING)
    writer.write(trace)
    content = (partial / "trace.parquet").read_bytes()
    for damaged in (
        b"",
        content[:-40],
        b"\0" * len(content),
        content[:100] + bytes(9) + content[109:],
    ):
        (partial / "trace.parquet").write_bytes(damaged)
        fault = only_fault(recover, partial)
        assert str(partial) in fault.source
        assert fault.found.startswith(("a damaged trace.parquet", "not a whole Parquet file"))
    assert not (tmp_path / "run").exists()


def test_a_damaged_file_of_waiting_rows_is_read_or_refused(tmp_path, monkeypatch, traces):
    """Whichever bit of it is another: names of columns, and lengths that Arrow believes."""
    monkeypatch.setattr("asysim.trace.waiting_rows._SECONDS", 0.0)
    trace, path = traces["incon"][:9], tmp_path / WAITING
    with TraceWriter(tmp_path / "trace.parquet", trace.info, waiting=path) as writer:
        writer.write(trace)
        whole, begun = bytearray(path.read_bytes()), (tmp_path / "trace.parquet").read_bytes()
    found = {"read": 0, "refused": 0, "nothing": 0}
    for bit in range(0, 8 * len(whole), 7):
        whole[bit // 8] ^= 1 << bit % 8
        path.write_bytes(whole)
        (tmp_path / "trace.parquet").write_bytes(begun)
        whole[bit // 8] ^= 1 << bit % 8
        try:
            left = Leavings.find(tmp_path)
            found["nothing" if left is None else "read"] += 1
            list(left.pieces() if left else ())
        except InputError:
            found["refused"] += 1
    assert all(found.values()), found


@pytest.mark.parametrize("damaged", [b"", b"something else", None], ids=["empty", "else", "cut"])
def test_rows_are_left_where_nothing_says_how_far_they_are_whole(tmp_path, traces, damaged):
    """Neither a new run nor `recover` takes them away; they can be computed again."""
    asked, partial = scenario(CON, "run.evaluate_every=11"), tmp_path / "run.partial"
    whole = contents(asysim.run(asked, folder=tmp_path / "whole").folder)
    with pytest.raises(ZeroDivisionError):
        asysim.run(asked, folder=tmp_path / "run", progress=failing_at(33))
    waiting = partial / WAITING
    if damaged is None:
        TraceWriter(tmp_path / "t.parquet", traces["con"].info, waiting=waiting)
        damaged = waiting.read_bytes()[:100]
    waiting.write_bytes(damaged)
    before = contents(partial)
    for told in (
        only_fault(asysim.run, asked, folder=tmp_path / "run"), only_fault(recover, partial)
    ):  # fmt: skip
        assert told.source == str(waiting)
        assert told.found.startswith("a rows.arrow that can't be read (")
        assert f"asysim run --resume {partial}" in told.expected
        assert contents(partial) == before
    with pytest.warns(UserWarning, match="begins at the start"):
        asysim.resume(partial)
    assert contents(tmp_path / "run") == whole
    assert not partial.exists()


def test_what_holds_no_rows_is_replaced_and_cannot_be_recovered(tmp_path, traces):
    partial = tmp_path / "run.partial"
    partial.mkdir()
    TraceWriter(partial / "trace.parquet", traces["con"].info, waiting=partial / WAITING)
    assert only_fault(recover, partial).found == "no rows"
    assert only_fault(recover, tmp_path / "nothing").found == "no such folder"
    asysim.run(scenario(), folder=tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_run_that_an_error_ended_is_recovered(tmp_path):
    text = scenario(CON, "run.evaluate_every=11")
    with pytest.raises(ZeroDivisionError):
        asysim.run(text, folder=tmp_path / "run", progress=failing_at(33))
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial"]
    asysim.Trace.load(tmp_path / "run.partial" / "trace.parquet")
    fault = only_fault(asysim.run, text, folder=tmp_path / "run")
    assert "asysim recover" in fault.expected
    recover(tmp_path / "run.partial")
    run = asysim.load_run(tmp_path / "run")
    assert run.status == "cut short"
    assert run.trace == asysim.run(text).trace[: len(run.trace)]
