"""Damaged files are refused in words; `python -m tests.mutated_files` tries many more of them."""

from __future__ import annotations

import json
import os
import shutil
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import asysim
from asysim.errors import DamagedWarning
from asysim.ground.reading import TooLarge, content, unpacked
from asysim.runs.kept_run import load_run
from asysim.studies.attempt import Attempt
from asysim.trace import Trace
from tests.damage import STRANGE
from tests.judges import GOOD
from tests.mutated_files import judge
from tests.specimens import kept
from tests.support import CON, INCON, command, contents, only_fault, scenario

LONG_ENOUGH = 600  # processor seconds for a command: not how long it takes, but that it ends


def test_files_are_read_and_damaged_ones_are_refused(tmp_path):
    specimens = tmp_path / "specimens"  # take seconds to make: for one test only
    for specimen in kept(specimens):
        if specimen.name in ("con/manifest.json", "times/table.parquet", "data/labels"):
            here = tmp_path / specimen.name
            shutil.copytree(specimens / specimen.folder, here)
            for one in specimen.commands:
                said = command(*(word.replace("HERE", str(here)) for word in one))
                assert said.code == 0, (one, said.err)
    for case in range(24):
        verdict = judge(case, 2015, specimens, LONG_ENOUGH)
        assert verdict.kind in GOOD, (case, verdict)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    asysim.run(scenario(CON), folder=folder / "con")
    asysim.run(scenario(INCON), folder=folder / "incon")
    return folder


@pytest.fixture
def run_folder(whole, tmp_path):
    return shutil.copytree(whole / "con", tmp_path / "con")


@pytest.mark.parametrize(
    "name", ["manifest.json", "scenario.toml", "trace.parquet", "curve.parquet", "x.npy"]
)
@pytest.mark.parametrize("thing", ["pipe", "device", "folder", "zip", "sparse"])
def test_what_is_no_file_is_not_opened(run_folder, name, thing):
    path = run_folder / name
    path.unlink()
    if thing == "pipe":
        os.mkfifo(path)
    elif thing == "device":
        path.symlink_to("/dev/zero")
    elif thing == "folder":
        path.mkdir()
    elif thing == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", b"x")
    else:
        with path.open("wb") as file:
            file.truncate(2**40)
    fault = only_fault(load_run, run_folder)
    assert str(run_folder) in fault.source
    if thing in ("pipe", "device"):
        assert f"a {thing}, not a file" in fault.found


def test_files_of_two_runs(whole, run_folder):
    shutil.copy(whole / "incon" / "trace.parquet", run_folder)
    assert "of another scenario than its scenario.toml" in only_fault(load_run, run_folder).found
    manifest = json.loads((run_folder / "manifest.json").read_text())
    manifest["result"]["status"] = "deadlock"
    (run_folder / "manifest.json").write_text(json.dumps(manifest))
    assert "says deadlock" in only_fault(load_run, run_folder).found


@pytest.mark.parametrize("name", ["format", "result", "result.status", "result.updates", "measured",
                                  "result.message", "measured.backend"])  # fmt: skip
def test_a_manifest_of_other_types(run_folder, name):
    path = run_folder / "manifest.json"
    known = json.loads(path.read_text()) | {"measured": {"backend": "threads"}}
    path.write_text(json.dumps(known))
    load_run(run_folder)
    refused = 0
    for strange in STRANGE:
        document = json.loads(json.dumps(known))
        *tables, last = name.split(".")
        (document[tables[0]] if tables else document)[last] = strange
        path.write_text(json.dumps(document))
        try:
            load_run(run_folder)
        except asysim.InputError as error:
            (fault,) = error.faults
            assert "manifest.json" in fault.found
            refused += 1
    assert refused > len(STRANGE) / 2


def test_a_curve_of_other_numbers(run_folder):
    path = run_folder / "curve.parquet"
    table = pq.read_table(path)
    for name, row, value in (("loss", 1, float("nan")), ("update", 2, -1), ("loss", 0, None)):
        values = table.column(name).to_pylist()
        values[row] = value
        at = table.schema.get_field_index(name)
        pq.write_table(table.set_column(at, name, pa.array(values, table.schema[at].type)), path)
        assert "damaged curve.parquet" in only_fault(load_run, run_folder).found


STUDY = ("run.target_loss=1.9", "speedup.workers=[1,2]", "speedup.seeds=1")


def test_a_damaged_attempt_is_made_again_and_told(tmp_path):
    study = scenario(CON, *STUDY)
    first = asysim.speedup(study, folder=tmp_path / "s", processes=1)
    whole = contents(tmp_path / "s")
    place = tmp_path / "s" / "attempts" / "p2-seed1.json"
    text = place.read_text()
    known = json.loads(text)
    damages = [lambda: place.write_text("{"), lambda: place.write_text(text[:100]),
               lambda: (place.unlink(), place.mkdir()),
               lambda: (place.unlink(), place.symlink_to("/dev/zero")),
               lambda: (place.unlink(), os.mkfifo(place)),
               lambda: place.write_text(json.dumps(known | {"seed": 7})),
               lambda: place.write_text(json.dumps(known | {"curve": [[1], [2], []]}))]  # fmt: skip
    for damage in damages:
        damage()
        with pytest.warns(
            DamagedWarning, match=r"p2-seed1\.json: damaged .* is made again"
        ) as told:
            again = asysim.speedup(study, folder=tmp_path / "s", processes=1)
        assert len(told) == 1
        assert contents(tmp_path / "s") == whole
        assert again.rows == first.rows


def test_an_attempt_of_other_types(tmp_path):
    asysim.speedup(scenario(CON, *STUDY), folder=tmp_path / "s", processes=1)
    text = (tmp_path / "s" / "attempts" / "p1-seed1.json").read_text()
    assert Attempt.from_json(text).to_json() + "\n" == text
    known = json.loads(text)
    for name in known:
        for strange in (None, [], "a", {"a": 1}, [None]):
            if (name, strange) == ("message", "a"):
                continue
            with pytest.raises(ValueError, match=name):
                Attempt.from_json(json.dumps(known | {name: strange}))


def test_no_more_is_unpacked_than_fits(tmp_path, monkeypatch):
    import bz2
    import gzip

    monkeypatch.setattr("asysim.ground.reading._half_the_memory", lambda: 10_000)
    for module in (gzip, bz2):
        assert unpacked(module.compress(bytes(10_000))) == bytes(10_000)
        with pytest.raises(TooLarge, match="10,000 bytes when unpacked"):
            unpacked(module.compress(bytes(10_001)))
    (tmp_path / "a").write_bytes(bytes(10_001))
    with pytest.raises(TooLarge, match="10,000 bytes"):
        content(tmp_path / "a")


def test_a_pipe_that_was_handed_over_is_read():
    ours, theirs = os.pipe()
    os.write(theirs, CON.encode())
    os.close(theirs)
    assert asysim.load(f"/dev/fd/{ours}") == scenario(CON)
    os.close(ours)


def test_a_trace_without_rows_is_shown_as_that(tmp_path):
    trace = asysim.run(scenario(CON)).trace
    trace[:0].save(tmp_path / "t.parquet")
    assert len(Trace.load(tmp_path / "t.parquet")) == 0
    said = command("show", tmp_path / "t.parquet")
    assert (said.code, "inf" in said.out) == (0, False)
    assert "no gradient was recorded" in said.out
    told = json.loads(command("show", tmp_path / "t.parquet", "--json").out)
    assert told["gradients"] == 0
    assert told["mean_staleness"] is None
    assert np.isfinite([v for v in told.values() if isinstance(v, float)]).all()
