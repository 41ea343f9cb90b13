"""The empirical law: times that were measured, from lists, CSV files and traces."""

from __future__ import annotations

import gzip
import math
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

import asysim
from asysim.laws import Law
from asysim.random.streams import Purpose, WordSource, uniforms
from asysim.scenario import parse, to_toml, vary
from asysim.trace import Trace
from tests.support import CON, only_fault, scenario

LAW = TypeAdapter(Law)


def test_an_empirical_law_draws_its_values_equally_often():
    law = LAW.validate_python({"law": "empirical", "values": [3, 1, 2, 2]})
    assert law.quantile((np.arange(8) + 0.5) / 8).tolist() == [1, 1, 2, 2, 2, 2, 3, 3]
    assert (law.mean, law.std) == (2.0, pytest.approx(math.sqrt(0.5)))
    assert law.quantile(np.array([1 - 2.0**-53, 2.0**-53])).tolist() == [3, 1]
    words = WordSource(5).words(Purpose.COMPUTE, 3, 0, 20_000)
    # By chance a fair draw is off by five standard errors once in 10^6 seeds.
    share = (law.quantile(uniforms(words)) == 2).mean()
    assert abs(share - 0.5) < 5 * 0.5 / math.sqrt(20_000)


def test_rounding_never_draws_beyond_the_last_of_any_number_of_values():
    for count in (1, 3, 7, 1000, 99_991):
        law = LAW.validate_python({"law": "empirical", "values": list(range(count))})
        assert law.quantile(np.array([1 - 2.0**-53]))[0] == count - 1


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "times.txt").write_text("# measured\n0.5\n\n1e-1 # the first was cold\n 2\n")
    (tmp_path / "one.csv").write_text("\ufeffseconds\n0.5\n0.25\n", encoding="utf-8")
    (tmp_path / "two.csv").write_text('host,seconds\na,0.5\n"b,c", 0.25\n\nd,1\n')
    (tmp_path / "two.txt").write_text("host,seconds\na,4\n")
    return tmp_path


def measured(folder, change):
    return parse(CON, f"workers.compute={{law = 'empirical', {change}}}", folder=folder)


@pytest.mark.parametrize(
    ("change", "times"),
    [
        ("file = 'times.txt'", [0.1, 0.5, 2]),
        ("file = 'one.csv'", [0.25, 0.5]),
        ("file = 'two.csv', column = 'seconds'", [0.25, 0.5, 1]),
        ("file = 'two.txt', column = 'seconds'", [4]),
    ],
)
def test_times_from_files_relative_to_the_scenario(folder, change, times):
    read = measured(folder, change)
    law = read.workers.compute
    assert law.times.tolist() == times
    assert law.mean == pytest.approx(np.mean(times))
    assert law.quantile(np.array([0.999]))[0] == times[-1]
    # Written whole, it is read back from anywhere.
    assert parse(to_toml(read)) == read
    assert vary(read, "seed=2").workers.compute == law


def test_times_from_a_trace_are_its_gradients_that_were_applied(tmp_path):
    change = ("algorithm.staleness_bound=1", "algorithm.beyond_bound=discard")
    run = asysim.run(scenario(CON, *change), folder=tmp_path / "run")
    frame = run.trace
    took = (frame.seconds("done") - frame.seconds("ready"))[frame.was_applied]
    assert 0 < len(took) < len(frame), "a test of leaving some out"
    law = measured(tmp_path, "file = 'run/trace.parquet'").workers.compute
    np.testing.assert_allclose(law.times, np.sort(took), rtol=1e-9)
    again = asysim.run(measured(tmp_path, "file = 'run/trace.parquet'"))
    drawn = again.trace.ticks[2] - again.trace.ticks[1]
    assert set(drawn.tolist()) <= set(np.rint(law.times * 1e9).astype(int).tolist())


BAD_FILES = [
    # its name, what is in it, the column, what is said of it
    ("a.txt", "1\nfast\n", None, 'a.txt: line 2: found "fast"; should be a number of seconds ≥ 0'),
    ("a.txt", "1\n-2\n", None, 'line 2: found "-2"'),
    ("a.txt", "nan\n", None, "found no durations"),
    ("a.txt", "inf\n", None, 'line 1: found "inf"'),
    ("a.txt", "1e14\n", None, 'line 1: found "1e14"; should be a number of seconds ≥ 0, ≤ 1e+13'),
    ("a.txt", "1 2\n", None, 'line 1: found "1 2"'),
    ("a.txt", "# none\n", None, "found no durations; should be one duration or more"),
    ("a.txt", "\xff\xfe", None, "found bytes that are not UTF-8 text"),
    ("a.csv", "", None, "column: found nothing; should be named in the file's first line"),
    ("a.csv", "a,b\n1,2\n", None, 'column: found nothing; should be "a" or "b"'),
    ("a.csv", "a,b\n1,2\n", "c", 'column: found "c"; should be "a" or "b"'),
    ("a.csv", "a,b\n1,2\n3,x\n", "b", 'line 3, column b: found "x"; should be a number'),
    ("a.csv", "a,b\n1,\n3,NaN\n", "b", "found no durations"),
    ("a.csv", "a,b\n1,inf\n", "b", 'line 2, column b: found "inf"'),
    ("a.csv", "1,2\n3,4\n", None, 'column: found nothing; should be "1" or "2"'),
    ("a.csv", "1,2\n3,4\n", "3", 'column: found "3"; should be "1" or "2"'),
    ("a.csv", "a,b\n1,-2\n", "2", 'line 2, column b: found "-2"'),
    ("a.csv", 'a\n"' + "x" * 200_000, None, "found no row of a table"),
    ("a.csv", "a\n1\nx\n", None, 'line 3, column a: found "x"'),
    ("a.csv", "a\n", None, "found no durations"),
    ("a.parquet", "x", None, "not a whole Parquet file"),
    ("a.parquet", "x", "c", 'column: found "c"; should be left out with a trace'),
]


@pytest.mark.parametrize(("name", "content", "column", "said"), BAD_FILES)
def test_files_that_hold_no_times(tmp_path, name, content, column, said):
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    more = "" if column is None else f", column = '{column}'"
    fault = only_fault(measured, tmp_path, f"file = '{name}'{more}")
    assert fault.key == f"workers.compute.{'column' if 'column: ' in said else 'file'}"
    assert fault.expected.startswith(f"can't be used: {tmp_path / name}: ")
    assert said in fault.expected


TABLES = [
    # its name, what is in it, what the law says of it, the times
    ("bare.csv", "0.5\n0.25\n", "", [0.25, 0.5]),
    ("bare2.csv", "1,0.5\n2,0.25\n", "column = 2", [0.25, 0.5]),
    ("bare2.csv", "1,0.5\n2,0.25\n", "column = '2'", [0.25, 0.5]),
    ("named.csv", "host,compute\na,0.5\nb,0.25\n", "column = 2", [0.25, 0.5]),
    ("digit.csv", "2,x\n0.5,1\n", "column = '2'", [0.5]),  # its name comes before its place
    ("gaps.csv", "a,b\n1,0.5\n2,\n3\n4,NaN\n5,NA\n6,0.25\n", "column = 'b'", [0.25, 0.5]),
    ("gaps.txt", "0.5\nnan\n0.25\n", "", [0.25, 0.5]),
    ("semi.csv", "host;compute\na;0,5\nb;0,25\n", "column = 'compute'", [0.25, 0.5]),
    ("semi.csv", "1;0,5\n2;0,25\n", "column = 2", [0.25, 0.5]),
    ("tabs.tsv", "a, b\tcompute\nx\t0.5\n", "column = 'compute'", [0.5]),
    ("tabs.csv", "host\tcompute\nx\t0.5\n", "column = 'compute'", [0.5]),
    ("said.csv", "# by hand\nhost,compute\n# cold:\na,0.5\n", "column = 'compute'", [0.5]),
    ("savetxt.csv", "# host,compute\n1,0.5\n2,0.25\n", "column = 'compute'", [0.25, 0.5]),
    ("hash.csv", "# seconds\n0.5\n", "column = '# seconds'", [0.5]),
    ("ms.csv", "compute\n500\n250\n", "unit = 'ms'", [0.25, 0.5]),
    ("us.txt", "500\n", "unit = 'us'", [500e-6]),
    ("ns.txt", "500\n", "unit = 'ns'", [500 / 1e9]),
]


@pytest.mark.parametrize(("name", "content", "more", "times"), TABLES)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_tables_as_they_come(tmp_path, name, content, more, times, packed):
    data = content.encode()
    place = tmp_path / (f"{name}.gz" if packed else name)
    place.write_bytes(gzip.compress(data) if packed else data)
    law = measured(tmp_path, ", ".join(filter(None, [f"file = '{place.name}'", more])))
    assert law.workers.compute.times.tolist() == times
    assert parse(to_toml(law)) == law


def test_parquet_of_somebody_else(tmp_path):
    table = {
        "host": ["a", "b", "c"],
        "compute": [0.5, None, 0.25],
        "ticks": pa.array([500, 250, None], pa.int32()),
        "span": pa.array([500, 250, None], pa.duration("ms")),
        "nan": [float("nan"), 0.125, -1.0],
    }
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    times = {"column = 'compute'": [0.25, 0.5], "column = 2": [0.25, 0.5],
             "column = 'ticks', unit = 'us'": [250e-6, 500e-6],
             "column = 'span'": [0.25, 0.5]}  # fmt: skip
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet.gz").write_bytes(gzip.compress(whole))
    for more, found in times.items():
        for name in ("t.parquet", "t.parquet.gz"):
            law = measured(tmp_path, f"file = '{name}', {more}")
            assert law.workers.compute.times.tolist() == found
    (tmp_path / "damaged.parquet").write_bytes(whole[:4] + bytes(400) + whole[404:])
    fault = only_fault(measured, tmp_path, "file = 'damaged.parquet', column = 'compute'")
    assert "found a damaged table" in fault.expected
    for more, said in {
        "column = 'host'": "column host: found string",
        "column = 'span', unit = 's'": "column span: found durations with a unit",
        "column = 'nan'": "column nan: found -1; should be a number of seconds ≥ 0",
        "column = 'none'": 'should be "host" or "compute"',
        "unit = 's'": "column: found nothing",
    }.items():
        assert said in only_fault(measured, tmp_path, f"file = 't.parquet', {more}").expected


def test_a_trace_has_no_column_and_no_unit(tmp_path):
    asysim.run(scenario()).trace.save(tmp_path / "t.parquet")
    for more in ("column = 1", "unit = 'ms'"):
        fault = only_fault(measured, tmp_path, f"file = 't.parquet', {more}")
        assert "left out with a trace" in fault.expected
        assert fault.key == f"workers.compute.{more.split()[0]}"


def test_pipes_and_devices_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    assert "a pipe, not a file" in only_fault(measured, tmp_path, "file = 'pipe.csv'").expected
    assert "a device, not a file" in only_fault(measured, tmp_path, "file = 'zero.csv'").expected


def test_files_that_are_not_there(tmp_path):
    for name in ("none.txt", "none.csv", "none.parquet"):
        fault = only_fault(measured, tmp_path, f"file = '{name}'")
        assert (fault.key, fault.found) == ("workers.compute.file", f'"{name}"')
        assert "no such file" in fault.expected
    (tmp_path / "folder.txt").mkdir()
    assert "is a directory" in only_fault(measured, tmp_path, "file = 'folder.txt'").expected


def test_a_trace_without_an_applied_gradient_has_no_times(tmp_path):
    run = asysim.run(scenario())
    Trace.from_gradients((), run.trace.info).save(tmp_path / "none.parquet")
    assert "no durations" in only_fault(measured, tmp_path, "file = 'none.parquet'").expected


def test_a_file_can_be_left_unread_until_it_is_needed(tmp_path):
    text = {"law": "empirical", "file": str(tmp_path / "none.txt")}
    law = LAW.validate_python(text, context={"read_files": False})
    fault = only_fault(law.quantile, np.array([0.5]))
    assert fault.source == str(tmp_path / "none.txt")
    assert "no such file" in fault.found
