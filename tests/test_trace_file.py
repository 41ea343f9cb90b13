"""Traces on disk: what is written is read back, and what is no trace is named."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import asysim
from asysim.trace import Gradient, Trace
from asysim.trace.gradient import FACTS, TIMES, Seen
from asysim.trace.info import TraceInfo
from asysim.trace.parquet import TraceWriter
from tests.support import only_fault

CON_INFO = TraceInfo("asysg-con", workers=2, dimension=5, scenario={"name": "é"})
INCON_INFO = TraceInfo("asysg-incon", workers=2, dimension=5, exact=False, clock="real")
CON_ROWS = [
    Gradient(0, 0, 0, 0, 0.0, 1e-9, 2e-9, 3e-9, 4e-9),
    Gradient(1, 0, 0, -1, 0.0, 0.5, 1.5, 2.5, 3.5),
    Gradient(0, 1, 1, 1, 4e-9, 1.0, 2.0, 3.0, 4.0),
]
INCON_ROWS = [
    Gradient(0, 0, 0, 0, 0.0, 1.0, 2.0, 3.0, 4.0, 0, 5),
    Gradient(1, 0, 0, 1, 0.0, 1.0, 2.0, 3.5, 4.0, 2, 4, (Seen(0, 0, 3),)),
    Gradient(1, 1, 2, 2, 4.0, 5.0, 6.0, 7.0, 8.0, 0, 5),
    Gradient(0, 1, 1, -1, 4.0, 5.0, 6.0, 7.0, 7.0, 0, 0, (Seen(1, 2, 3), Seen(2, 1, 2))),
]
EXACT_INFO = replace(INCON_INFO, exact=True)
HAND = {
    "con": Trace.from_gradients(CON_ROWS, CON_INFO),
    "incon": Trace.from_gradients(INCON_ROWS, EXACT_INFO),
    "incon, real": Trace.from_gradients([r._replace(seen=()) for r in INCON_ROWS], INCON_INFO),
    "incon, real, empty": Trace.from_gradients([], INCON_INFO),
    "con, empty": Trace.from_gradients([], CON_INFO),
    "incon, empty": Trace.from_gradients([], INCON_INFO),
}


def assert_same(one, other):
    assert one == other
    assert one.info == other.info
    assert (one.updates, len(one)) == (other.updates, len(other))
    assert list(one) == list(other)


@pytest.mark.parametrize("trace", HAND.values(), ids=HAND.keys())
def test_traces_by_hand_are_read_back(tmp_path, trace):
    trace.save(tmp_path / "t.parquet")
    assert_same(Trace.load(tmp_path / "t.parquet"), trace)
    assert_same(Trace.load(str(tmp_path / "t.parquet")), trace)


@pytest.mark.parametrize("name", ["con", "incon", "discard", "blocks"])
def test_simulated_traces_are_read_back(tmp_path, traces, name):
    trace = traces[name]
    assert len(trace) >= 60
    assert (trace.sweeps is None) == (name in ("con", "discard"))
    trace.save(tmp_path / "t.parquet")
    assert_same(Trace.load(tmp_path / "t.parquet"), trace)


def test_lock_free_reads_of_these_traces_are_partial(traces):
    # Else the round trip above would say nothing of `seen`.
    assert len(traces["incon"].sweeps.update) > 10
    assert (traces["discard"].update == -1).any()


@pytest.mark.parametrize("name", ["con", "incon"])
@pytest.mark.parametrize("size", [1, 7, 59])
def test_bytes_do_not_depend_on_the_blocks(tmp_path, monkeypatch, traces, name, size):
    monkeypatch.setattr("asysim.trace.parquet.ROW_GROUP", 16)  # so that blocks cross row groups
    trace = traces[name]
    trace.save(tmp_path / "whole.parquet")
    with TraceWriter(tmp_path / "pieces.parquet", trace.info) as writer:
        for start in range(0, len(trace), size):
            writer.write(trace[start : start + size])
            writer.write(trace[:0])
    whole, pieces = (tmp_path / f"{n}.parquet" for n in ("whole", "pieces"))
    assert whole.read_bytes() == pieces.read_bytes()
    assert pq.ParquetFile(pieces).num_row_groups == -(-len(trace) // 16)
    assert_same(Trace.load(pieces), trace)


def test_row_groups_that_the_blocks_fill_exactly(tmp_path, monkeypatch, traces):
    monkeypatch.setattr("asysim.trace.parquet.ROW_GROUP", 16)
    trace = traces["con"][:32]
    trace.save(tmp_path / "whole.parquet")
    with TraceWriter(tmp_path / "pieces.parquet", trace.info) as writer:
        writer.write(trace[:16])
        writer.write(trace[16:])
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "pieces.parquet").read_bytes()


def test_status_is_what_it_was_when_the_writer_closed(tmp_path):
    writer = TraceWriter(tmp_path / "t.parquet", CON_INFO)
    writer.write(HAND["con"])
    writer.status = "interrupted"
    writer.close()
    writer.close()
    assert Trace.load(tmp_path / "t.parquet").info.status == "interrupted"


def test_a_writer_that_an_error_ends_leaves_a_whole_file(tmp_path):
    writer = TraceWriter(tmp_path / "t.parquet", CON_INFO)
    writer.write(HAND["con"])
    with pytest.raises(ZeroDivisionError), writer:
        raise ZeroDivisionError
    assert Trace.load(tmp_path / "t.parquet") == HAND["con"]


def test_other_tools_read_it(tmp_path, traces):
    path, trace = tmp_path / "t.parquet", traces["incon"]
    trace.save(path)
    table = pd.read_parquet(path)
    names = [*FACTS, *(f"{name}_ns" for name in TIMES), "lo", "hi", "seen"]
    assert list(table.columns) == names
    np.testing.assert_array_equal(table["update"], trace.update)
    np.testing.assert_array_equal(table["applied_ns"], trace.ticks[-1])
    row = int(np.argmax(np.diff(trace.sweeps.offsets)))
    assert [tuple(piece.values()) for piece in table["seen"][row]] == list(trace.sweeps.of(row))
    metadata = pq.read_schema(path).metadata
    about = json.loads(metadata[b"asysim.trace"])
    assert (about["algorithm"], about["workers"], about["dimension"]) == ("asysg-incon", 3, 10)
    assert about["scenario"]["algorithm"]["step"] == 0.02
    assert pq.read_metadata(path).metadata[b"asysim.status"] == b"complete"


# What is no trace


def fault_of(path):
    fault = only_fault(Trace.load, path)
    assert fault.source == str(path)
    assert fault.expected
    return fault


def test_missing_file_and_folder(tmp_path):
    assert fault_of(tmp_path / "none.parquet").found == "no such file"
    assert fault_of(tmp_path).found == "a folder"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"hello\n", b"PAR1" * 100, bytes(1000)])
def test_files_that_are_not_parquet(tmp_path, content):
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    assert "not a whole Parquet file" in fault_of(path).found


@pytest.mark.parametrize("name", ["con", "incon"])
def test_truncated_files(tmp_path, traces, name):
    path = tmp_path / "t.parquet"
    traces[name].save(path)
    content = path.read_bytes()
    for length in [*range(0, len(content), 97), len(content) - 9, len(content) - 1]:
        path.write_bytes(content[:length])
        assert "Parquet" in fault_of(path).found


def test_damage_inside_is_told_or_does_no_harm(tmp_path, traces):
    path = tmp_path / "t.parquet"
    traces["con"].save(path)
    content = path.read_bytes()
    caught = []
    for position in range(4, len(content), 61):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            assert Trace.load(path) == traces["con"]
        except asysim.InputError as error:
            caught += error.faults
    assert len(caught) > 10
    assert {fault.source for fault in caught} == {str(path)}


def test_parquet_of_something_else(tmp_path):
    pd.DataFrame({"worker": [1]}).to_parquet(tmp_path / "t.parquet")
    assert fault_of(tmp_path / "t.parquet").found == "a Parquet file of something else"


def rewritten(path, change):
    table = pq.read_table(path)
    pq.write_table(change(table), path)


def test_a_column_is_missing_or_of_a_wrong_type(tmp_path):
    path = tmp_path / "t.parquet"
    HAND["incon"].save(path)
    rewritten(path, lambda table: table.drop_columns(["version", "seen"]))
    assert fault_of(path).found == "no column version"
    HAND["con"].save(path)
    rewritten(path, lambda table: table.set_column(0, "worker", pa.array(["a", "b", "c"])))
    assert "worker" in fault_of(path).found
    HAND["con"].save(path)
    rewritten(path, lambda table: table.set_column(0, "worker", pa.array([1, None, 0])))
    assert "worker" in fault_of(path).found


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda about: about | {"format": 99}, "format 99"),
        (lambda about: {k: v for k, v in about.items() if k != "format"}, "format None"),
        (lambda about: about | {"colour": "red"}, "metadata"),
        (lambda about: {k: v for k, v in about.items() if k != "workers"}, "metadata"),
        (lambda _: [1], "metadata"),
        (lambda _: "{", "metadata"),
    ],
)
def test_metadata_of_another_kind(tmp_path, change, found):
    path = tmp_path / "t.parquet"
    HAND["con"].save(path)

    def change_metadata(table):
        metadata = dict(table.schema.metadata)
        about = change(json.loads(metadata[b"asysim.trace"]))
        metadata[b"asysim.trace"] = about if isinstance(about, str) else json.dumps(about)
        return table.replace_schema_metadata(metadata)

    rewritten(path, change_metadata)
    assert found in fault_of(path).found


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    fault = only_fault(HAND["con"].save, tmp_path / "file" / "t.parquet")
    assert fault.source == str(tmp_path / "file" / "t.parquet")
    assert only_fault(HAND["con"].save, tmp_path / "none" / "t.parquet").found
