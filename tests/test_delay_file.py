"""Delays that others measured: what is read of their files, and what can't be of any cluster."""

import bz2
import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asysim.errors import InputError
from asysim.trace import delay_file
from asysim.trace.delay_file import DelayFile
from tests.support import only_fault


def read(path, column=None):
    """Return all delays of a file, shape (lines, columns)."""
    return np.concatenate(list(DelayFile(path, column)))


@pytest.fixture
def wrote(tmp_path):
    def write(content, name="delays.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("content", "name", "names"),
    [
        ("0,0\n1,0\n0,1\n", "a.csv", ["1", "2"]),
        ("0.0e+00,0.0e+00\r\n1.0e+00,0.0e+00\r\n0.0,1.0\r\n", "a.csv", ["1", "2"]),
        ("fast;slow\n0;0\n1;0\n0;1\n", "a.csv", ["fast", "slow"]),
        ("# fast,slow\n0,0\n# a comment\n1,0\n0,1\n\n", "a.csv", ["fast", "slow"]),
        ("0.00e+00 0.00e+00\n1.00e+00  0.00e+00\n0.00e+00 1.00e+00\n", "a.txt", ["1", "2"]),
        ("fast\tslow\n0\t0\n1\t0\n0\t1\n", "a.tsv", ["fast", "slow"]),
        (gzip.compress(b"0,0\n1,0\n0,1\n"), "a.csv.gz", ["1", "2"]),
        (bz2.compress(b"0,0\n1,0\n0,1\n"), "a.csv.bz2", ["1", "2"]),
    ],
)
def test_text_as_it_comes(wrote, content, name, names):
    path = wrote(content, name)
    assert DelayFile(path).names == names
    assert read(path).tolist() == [[0, 0], [1, 0], [0, 1]]
    assert read(path, names[1]).tolist() == [[0], [0], [1]]


@pytest.mark.parametrize("kind", ["int8", "int64", "float32", "float64"])
def test_parquet_in_pieces(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(delay_file, "_LINES", 3)
    ages = {"a": [0, 1, 2, 0, 1, 2, 3], "b": [0, 0, 0, 1, 2, 3, 0]}
    columns = {name: np.array(column, kind) for name, column in ages.items()}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").T.tolist() == list(ages.values())
    assert read(tmp_path / "a.parquet", "b").T.tolist() == [ages["b"]]


@pytest.mark.parametrize(
    ("content", "key", "found"),
    [
        ("0\n1\n-1\n", "line 3, column 1", "-1"),
        ("tau\n0\n0.5\n", "line 3, column tau", "0.5"),
        ("0\n1\n3\n", "line 3, column 1", "3"),
        ("0\n1\n1e300\n", "line 3, column 1", "1e+300"),
        ("0\ninf\n", "line 2, column 1", "inf"),
        ("0\nnan\n", "line 2, column 1", "no number"),
        ("a,b\n0,0\n,1\n", "line 3, column a", "nothing"),
        ("a,b\n0,0\n1,x\n", "line 3, column b", '"x"'),
        ("a,b\n0,0\n0,1\n1\n", "line 4", "1 column"),
        ("a,b\n0,0\n0,1\n1,0,1\n", "line 4", "3 columns"),
        ("# by hand\na,b\n0,0\n0,1\n# more\n2,0\n", "line 6, column a", "2 after 0"),
        ("", "content", "no delays"),
        ("tau\n", "content", "no delays"),
        (b"\xff\xfe\x00", "content", "bytes that are not UTF-8 text"),
        (gzip.compress(b"0\n" * 99)[:-9], "content", "damaged compression"),
        (b"PAR1 and no more", "content", ""),
    ],
)
def test_what_cannot_be_a_delay_is_told_with_its_place(wrote, content, key, found):
    path = wrote(content)
    fault = only_fault(read, path)
    assert fault.source == str(path)
    assert fault.key == key
    assert fault.found.startswith(found)


@pytest.mark.parametrize("compress", [gzip.compress, lambda text: bz2.compress(text, 1)])
def test_compression_that_breaks_off_after_many_lines(wrote, compress):
    tau = np.minimum(np.arange(90_000), np.random.default_rng(1).integers(0, 99, 90_000))
    whole = compress("\n".join(map(str, tau)).encode())
    pieces = iter(DelayFile(wrote(whole[: len(whole) * 9 // 10])))
    first = next(pieces)
    assert first.ravel().tolist() == tau[: len(first)].tolist()
    assert only_fault(list, pieces).found.startswith("damaged compression")


@pytest.mark.parametrize("lines", [1, 2, 65_536])
def test_an_update_without_a_line_is_missed(wrote, monkeypatch, lines):
    monkeypatch.setattr(delay_file, "_LINES", lines)
    fault = only_fault(read, wrote("0\n1\n# so far\n\n\n# and on\n2\n3\n"))
    assert (fault.key, fault.found) == ("line 4", "nothing")
    assert read(wrote("0\n1\n\n# the end\n\n")).tolist() == [[0], [1]]


def test_an_index_is_not_taken_for_a_worker(wrote):
    lines = "".join(f"{k},{min(k, 3)}\n" for k in range(40))
    path = wrote(",tau\n" + lines)
    for column in (None, 1):
        fault = only_fault(read, path, column)
        assert "an index" in fault.found
        assert "--column" in fault.expected
    assert read(path, "tau")[-1] == 3
    assert len(read(wrote(lines[:12]))) == 3, "ages of workers that have yet to come"


def test_the_first_of_all_faults_is_told_wherever_pieces_end(wrote, monkeypatch):
    path = wrote("\n".join(["0"] * 10 + ["99", "-1"]))
    places = set()
    for lines in (1, 2, 5, 100):
        monkeypatch.setattr(delay_file, "_LINES", lines)
        places.add(only_fault(read, path).key)
    assert places == {"line 11, column 1"}


@given(
    st.lists(st.lists(st.sampled_from(["0", "1", "2.0", "", "x", "1 2", "-1", "nan"]), max_size=3)),
    st.sampled_from([",", ";", "\t", " "]),
    st.sampled_from(["", "a,b\n", "# a,b\n", "\n"]),
)
@settings(deadline=None, max_examples=150)
def test_quickly_or_cell_by_cell_a_text_is_the_same(rows, mark, head):
    text = head + "\n".join(mark.join(cells) for cells in rows)
    told = []
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "delays.csv"
        path.write_text(text)
        for quick in (delay_file._at_once, lambda *_: None):
            patch.setattr(delay_file, "_at_once", quick)
            try:
                told.append(read(path).tolist())
            except InputError as error:
                told.append(str(error))
    assert told[0] == told[1]


def test_a_column_that_is_not_there(wrote, tmp_path):
    expected = 'should be "a" or "b", or its number: 1 to 2'
    assert only_fault(read, wrote("a,b\n0,0\n"), "c").expected == expected
    assert only_fault(read, wrote("0,0\n"), 3).expected == 'should be "1" or "2"'
    assert only_fault(read, tmp_path).found == "is a directory"
    assert only_fault(read, tmp_path / "none.csv").found == "no such file or directory"


def test_parquet_that_has_no_delays(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_text("tau\n0\n1\n")
    assert only_fault(read, path).found == "no Parquet file"
    pq.write_table(pa.table({"a": [0, 1, None], "b": ["x", "y", "z"]}), path)
    assert only_fault(read, path).key == "column b"
    fault = only_fault(read, path, "a")
    assert (fault.key, fault.found) == ("row 3, column a", "no number")
