"""Sweeps: the same rows whoever makes them, as those of single runs, and after any interruption."""

from __future__ import annotations

import json
import signal
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import asysim
from asysim.errors import DamagedWarning
from asysim.ground.lock import LOCK, Lock
from asysim.runs.outcome import DEADLOCK, DIVERGED
from asysim.sweeps.row import FAILED, REFUSED, Result, result_of
from asysim.sweeps.spans import Span, gaps, union
from tests.processes import (
    ASYSIM,
    MPIEXEC,
    PYTHON,
    begin,
    children,
    finish,
    linux,
    needs_mpi,
    outside_mpi,
    wait_until_gone,
)
from tests.support import CON, command, contents, only_fault, scenario

AXES = (
    "workers.count=1,2,3", "algorithm.step=0.01:0.04:3:log", "coordination=,{kind='ssp',slack=1}",
)  # fmt: skip
MORE = ("run.target_loss=0.05", "run.updates=40")
REPEATS = 2
RUNS = 36


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweep") / "s.toml"
    path.write_text(CON)
    return path


@pytest.fixture(scope="module")
def whole(file, tmp_path_factory):
    """The folder of a sweep that this process made."""
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    said = swept(file, folder, "--jobs=1")
    assert said.code == 0, said
    return folder


def words(file, folder, *more):
    return ["sweep", file, *AXES, *MORE, f"--repeats={REPEATS}", f"--out={folder}", "--no-pictures",
            *more]  # fmt: skip


def swept(file, folder, *more):
    return command(*words(file, folder, *more))


def compared(file, folder, *more):
    return command("speedup", file, *MORE, "run.updates=400", "speedup.workers=[1,2]",
                   "speedup.seeds=2", f"--out={folder}", "--no-pictures", *more)  # fmt: skip


def rows(folder):
    """Return the bytes of all rows of a sweep."""
    found = contents(folder / "runs")
    assert found
    return found


# What is in the table


def test_a_row_is_what_a_run_with_the_same_changes_comes_to(whole):
    table = pd.read_parquet(whole / "runs")
    assert list(table["index"]) == list(range(RUNS))
    for row in table.to_dict("records")[::5]:
        rule = row["coordination"]
        run = asysim.run(scenario(
            CON, *MORE, f"workers.count={row['workers.count']}", f"seed={row['seed']}",
            f"algorithm.step={row['algorithm.step']!r}",
            *([] if pd.isna(rule) else [f"coordination={rule}"]),
        ))  # fmt: skip
        expected = result_of(run.scenario, run.outcome)
        for name in Result._fields:
            value, right = row[name], getattr(expected, name)
            assert (pd.isna(value) and right is None) or value == right, name


def test_the_table_of_python_is_that_of_the_folder(whole):
    study = asysim.sweep(scenario(CON, *MORE), AXES, repeats=REPEATS, processes=1)
    kept = pd.read_parquet(whole / "runs")
    pd.testing.assert_frame_equal(study.table, kept, check_dtype=False)
    assert study.failures == 0
    assert repr(study) == str(study)


def test_without_repeats_a_row_has_the_seed_of_the_scenario():
    study = asysim.sweep(scenario(CON), {"workers.count": [2, 3]}, processes=1)
    run = asysim.run(scenario(CON))
    assert study.table["loss"][1] == run.curve["loss"].iloc[-1]


def test_common_random_numbers_make_the_same_schedule_along_the_axis():
    """Another step is another way of x, at the very same instants."""
    axes, fields = {"algorithm.step": [0.01, 0.02]}, ["seconds", "mean_staleness"]
    common = asysim.sweep(scenario(CON), axes, repeats=3, common=["all"], processes=1).table
    own = asysim.sweep(scenario(CON), axes, repeats=3, processes=1).table
    for table, same in ((common, True), (own, False)):
        one, other = (table[table["point"] == p].reset_index()[fields] for p in (0, 1))
        assert (one["seconds"] == other["seconds"]).all() == same
        assert one.equals(other) == same
    assert common["loss"].nunique() == 6


def test_a_run_that_fails_is_a_row_with_its_reason():
    study = asysim.sweep(
        scenario(CON, "run.updates=3000"),
        {"workers.count+workers.speed+algorithm.step+workers.groups": [
            [3, 1.0, 0.02, []],
            [3, [1.0, 2.0], 0.02, []],
            [3, 1.0, 1e6, []],
        ]},
        processes=1,
    )  # fmt: skip
    table = study.table
    assert list(table["status"]) == ["complete", REFUSED, DIVERGED]
    assert table["reason"].isna().tolist() == [True, False, False]
    assert "workers.speed" in table["reason"][1]
    assert "diverged" in table["reason"][2]
    assert study.failures == 2
    assert table["updates"].isna().tolist() == [False, True, False]


def test_a_deadlock_is_a_row():
    study = asysim.sweep(
        scenario(CON, 'coordination={kind="synchronous"}'),
        {"faults": [None, {"crashes": [{"worker": 0, "at": 1e-2}]}]}, processes=1,
    )  # fmt: skip
    assert list(study.table["status"]) == ["complete", DEADLOCK]


def _raising(*_):
    raise ZeroDivisionError("on purpose")


def test_an_error_is_a_row(monkeypatch):
    monkeypatch.setattr("asysim.sweeps.chunk.built_problem", _raising)
    fault = only_fault(asysim.sweep, scenario(CON), ["workers.count=1,2"], processes=1)
    assert fault.expected == f"2 {FAILED}: ZeroDivisionError: on purpose"


def test_a_sweep_whose_every_run_fails_is_one_clear_error_and_its_rows_are_kept(file, tmp_path):
    said = command("sweep", file, "workers.count=-1,0", "--jobs=1", f"--out={tmp_path / 'sweep'}")
    assert said.code == 2
    assert "every one of which failed" in said.err
    assert "workers.count: found" in said.err
    table = pd.read_parquet(tmp_path / "sweep" / "runs")
    assert list(table["status"]) == [REFUSED, REFUSED]


def test_failures_are_counted_by_how_they_ended_with_one_for_example(file, tmp_path):
    words = ("workers.count+algorithm.step=[3,1e6],[3,1e7],[0,0.1]", "run.updates=3000")
    said = command("sweep", file, *words, "--jobs=1", f"--out={tmp_path / 'sweep'}")
    assert said.code == 2
    told = " ".join(said.err.split())
    assert "3 runs, every one of which failed" in told
    assert f"2 {DIVERGED}, 1 {REFUSED}, for example: " in told


def test_columns_are_of_the_kinds_of_their_values():
    study = asysim.sweep(
        scenario(CON),
        {"workers.count+engine+algorithm.staleness_bound+workers.speed+update.average": [
            [1, "simpy", 4, 1, False], [2, "auto", 5, [1.0, 2.0], True],
        ]},
        processes=1,
    )  # fmt: skip
    kinds = {name: str(kind) for name, kind in zip(study.rows.schema.names, study.rows.schema.types,
                                                   strict=True)}  # fmt: skip
    assert kinds["workers.count"] == "int64"
    assert kinds["engine"] == kinds["workers.speed"] == "string"
    assert kinds["update.average"] == "bool"
    assert study.rows.column("workers.speed").to_pylist() == ["1", "[1.0, 2.0]"]


# Whoever makes it


def test_two_processes_make_the_same_bytes(whole, file, tmp_path):
    assert swept(file, tmp_path / "sweep", "--jobs=2").code == 0
    assert contents(tmp_path / "sweep") == contents(whole)


@pytest.mark.parametrize("seconds", [0.0, 1e-3, 0.05])
def test_however_runs_are_cut_into_chunks_the_bytes_are_the_same(
    seconds, whole, file, tmp_path, monkeypatch
):
    for name in ("AIM", "MOST", "_FIRST", "_LEAST"):
        monkeypatch.setattr(f"asysim.sweeps.dispatch.{name}", seconds)
    assert swept(file, tmp_path / "sweep", "--jobs=1").code == 0
    assert rows(tmp_path / "sweep") == rows(whole)


@pytest.mark.parametrize("size", [1, 7, 12])
def test_packed_files_are_cut_by_the_number_of_runs_alone(size, file, tmp_path, monkeypatch):
    monkeypatch.setattr("asysim.sweeps.store._PACKED", size)
    for name, seconds in (("one", 0.0), ("other", 10.0)):
        with monkeypatch.context() as patched:
            patched.setattr("asysim.sweeps.dispatch.AIM", seconds)
            assert swept(file, tmp_path / name, "--jobs=1").code == 0
    assert rows(tmp_path / "one") == rows(tmp_path / "other")
    assert len(rows(tmp_path / "one")) == -(-RUNS // size)
    again = swept(file, tmp_path / "one", "--json")
    assert json.loads(again.out)["runs"] == RUNS


def test_parts_made_in_any_order_are_merged_to_the_same_bytes(whole, file, tmp_path):
    for part in (3, 1, 2):
        early = swept(file, tmp_path / "sweep", "--merge")
        assert early.code == 2
        assert "runs that are not over" in early.err
        assert swept(file, tmp_path / "sweep", f"--chunk={part}/3", "--jobs=1").code == 0
    assert swept(file, tmp_path / "sweep", "--merge").code == 0
    assert contents(tmp_path / "sweep") == contents(whole)


def test_any_executor_makes_the_same_rows(whole):
    with ThreadPoolExecutor(3) as pool:
        study = asysim.sweep(scenario(CON, *MORE), AXES, repeats=REPEATS, executor=pool)
    pd.testing.assert_frame_equal(study.table, pd.read_parquet(whole / "runs"), check_dtype=False)


@pytest.mark.real
def test_a_dask_cluster_makes_the_same_bytes(whole, file, tmp_path):
    """Of a sweep, and of a study of another kind."""
    distributed = pytest.importorskip("distributed", reason="needs Dask: pip install distributed")
    # Dask's own threads and sockets end when they are collected.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None,
            protocol="tcp",
        ) as cluster:  # fmt: skip
            address = f"--dask={cluster.scheduler_address}"
            said = swept(file, tmp_path / "sweep", address)
            there = compared(file, tmp_path / "there", address)
    assert said.code == there.code == 0, said
    assert contents(tmp_path / "sweep") == contents(whole)
    assert compared(file, tmp_path / "here", "--jobs=1").code == 0
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_a_dask_scheduler_that_is_not_there_is_one_clear_error(file, tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="needs Dask: pip install distributed")
    monkeypatch.setattr("asysim.sweeps.dask._PATIENCE", 0.2)
    said = swept(file, tmp_path / "sweep", "--dask=tcp://127.0.0.1:1")
    assert said.code == 2
    assert "where none answers" in said.err
    assert not (tmp_path / "sweep").exists()


@needs_mpi
@pytest.mark.mpi
@pytest.mark.slow
def test_mpi_ranks_make_the_same_bytes(whole, file, tmp_path):
    asked = words(file, tmp_path / "sweep", "--mpi")
    done = finish(MPIEXEC, "-n", 3, *ASYSIM, *asked, env=outside_mpi())
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert contents(tmp_path / "sweep") == contents(whole)


# Interrupted


ENDS_ITSELF = """
import os, sys
from asysim.cli.app import main
from asysim.sweeps import dispatch
from asysim.sweeps.store import Store

keep, number, after, *sys.argv[1:] = Store.keep, *sys.argv[1:]
left = iter(range(int(after) - 1, -1, -1))

def kept(*arguments):
    keep(*arguments)
    if next(left) == 0:
        os.kill(os.getpid(), int(number))

Store.keep, dispatch.MOST, dispatch._FIRST = kept, 0.0, 0.0  # chunks of one run
main()
"""


@pytest.mark.real
@linux
@pytest.mark.parametrize(
    ("number", "after", "jobs"), [(signal.SIGKILL, 7, 2), (signal.SIGINT, 3, 1)]
)
def test_a_killed_sweep_goes_on_to_the_same_bytes(number, after, jobs, whole, file, tmp_path):
    folder = tmp_path / "sweep"
    process = begin(
        *PYTHON, ENDS_ITSELF, int(number), after, *words(file, folder, f"--jobs={jobs}")
    )
    family = {}
    while process.poll() is None:
        family |= children(process.pid)
        time.sleep(0.2)
    _, errors = process.communicate()
    wait_until_gone(family)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert "the same command goes on" in errors
    assert len(list((folder / "chunks").glob("*.parquet"))) == after
    assert swept(file, folder, "--jobs=1").code == 0
    assert contents(folder) == contents(whole)


def test_who_interrupts_keeps_all_runs_that_are_over(file, tmp_path, monkeypatch):
    from asysim.runs import replayed

    compute, calls = replayed.compute, []

    def interrupted(scenario, **options):
        calls.append(scenario)
        if len(calls) == 10:
            options["progress"] = lambda _: signal.raise_signal(signal.SIGTERM)
        return compute(scenario, **options)

    monkeypatch.setattr(replayed, "compute", interrupted)
    said = swept(file, tmp_path / "sweep", "--jobs=1")
    assert said.code == 130
    assert f"9 of {RUNS} runs are kept" in said.err
    assert swept(file, tmp_path / "sweep", "--jobs=1").code == 0
    assert len(calls) == RUNS + 1


def test_a_damaged_chunk_is_told_and_made_again(whole, file, tmp_path):
    for part in (1, 2, 3):
        swept(file, tmp_path / "sweep", f"--chunk={part}/3", "--jobs=1")
    place = sorted((tmp_path / "sweep" / "chunks").iterdir())[0]
    content = bytearray(place.read_bytes())
    content[len(content) // 3] ^= 1
    place.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        said = swept(file, tmp_path / "sweep", "--jobs=1")
    assert said.code == 0
    assert f"{place.name}: damaged" in said.err.replace("\n", "")
    assert contents(tmp_path / "sweep") == contents(whole)


def test_a_damaged_packed_file_is_told_and_made_again(whole, file, tmp_path):
    assert swept(file, tmp_path / "sweep", "--jobs=1").code == 0
    (place,) = (tmp_path / "sweep" / "runs").iterdir()
    place.write_bytes(place.read_bytes()[:-100])
    with pytest.warns(DamagedWarning, match="made again"):
        asysim.sweep(scenario(CON, *MORE), AXES, repeats=REPEATS, processes=1,
                     folder=tmp_path / "sweep")  # fmt: skip
    assert rows(tmp_path / "sweep") == rows(whole)


# Folders


def test_a_sweep_that_is_over_is_not_made_again(whole, file, monkeypatch):
    before = contents(whole)
    monkeypatch.setattr("asysim.sweeps.chunk.built_problem", _raising)
    assert swept(file, whole).code == 0
    assert contents(whole) == before


def test_the_file_of_a_sweep_is_the_sweep(whole, tmp_path):
    folder = tmp_path / "again"
    words = ("sweep", whole / "scenario.toml", f"--out={folder}", "--no-pictures", "--jobs=1")
    assert command(*words).code == 0
    assert contents(folder) == contents(whole)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda folder: (folder / "sweep.json").write_text('{"format": 99}'), "another version"),
        (lambda folder: (folder / "scenario.toml").write_text(CON), "another scenario"),
        (lambda folder: (folder / "sweep.json").unlink(), "something else"),
        (lambda folder: (folder / "sweep.json").write_text("["), "something else"),
        (lambda folder: (folder / "scenario.toml").write_text("["), "can't be read"),
    ],
)
def test_a_folder_of_something_else_is_refused_and_left_alone(harm, told, file, tmp_path):
    folder = tmp_path / "sweep"
    assert command("sweep", file, "engine=auto,simpy", f"--out={folder}", "--jobs=1",
                   "--no-pictures").code == 0  # fmt: skip
    harm(folder)
    before = contents(folder)
    said = command("sweep", file, "engine=auto,simpy", f"--out={folder}")
    assert said.code == 2
    assert told in " ".join(said.err.split())
    assert contents(folder) == before


def test_one_process_alone_makes_the_same_runs(file, tmp_path, monkeypatch):
    monkeypatch.setattr("asysim.sweeps.store._PATIENCE", 0.0)
    folder = tmp_path / "sweep"
    folder.mkdir()
    with Lock(folder / LOCK, "sweep folder"):
        assert "a lock" in swept(file, folder).err
        assert "a lock" in swept(file, folder, "--chunk=1/2").err
    with Lock(folder / f"{LOCK}-1-of-2", "sweep folder"):
        assert "a lock" in swept(file, folder, "--merge").err
        assert "a lock" in swept(file, folder, "--chunk=1/2").err
        assert swept(file, folder, "--chunk=2/2", "--jobs=1").code == 0


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0"])
def test_what_is_no_part_is_one_clear_error(text, file, tmp_path):
    said = swept(file, tmp_path / "sweep", f"--chunk={text}")
    assert said.code == 2
    assert "--chunk" in said.err


def test_spans():
    rng = np.random.default_rng(1)
    for _ in range(200):
        ends = np.sort(rng.integers(0, 20, (rng.integers(0, 5), 2)), axis=1)
        spans = [Span(int(a), int(b)) for a, b in ends]
        there = {i for span in spans for i in range(*span)}
        assert {i for span in union(spans) for i in range(*span)} == there
        within = Span(3, 15)
        missing = {i for span in gaps(spans, within) for i in range(*span)}
        assert missing == set(range(3, 15)) - there


def test_fault_of_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "sweep").write_text("")
    fault = only_fault(
        asysim.sweep, scenario(CON), ["engine=auto,simpy"], folder=tmp_path / "sweep"
    )
    assert fault.found == "something else"
