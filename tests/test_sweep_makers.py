"""Whoever makes the runs of a sweep, and of other studies, however cut: the same bytes."""

from __future__ import annotations

import json
import warnings
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

import asysim
from tests.processes import ASYSIM, MPIEXEC, finish, needs_mpi, outside_mpi
from tests.support import CON, command, contents, scenario
from tests.sweeps import AXES, MORE, REPEATS, RUNS, rows, swept, words


def test_two_processes_make_the_same_bytes(whole_sweep, sweep_file, tmp_path):
    assert swept(sweep_file, tmp_path / "sweep", "--jobs=2").code == 0
    assert contents(tmp_path / "sweep") == contents(whole_sweep)


@pytest.mark.parametrize("seconds", [0.0, 1e-3, 0.05])
def test_however_runs_are_cut_into_chunks_the_bytes_are_the_same(
    seconds, whole_sweep, sweep_file, tmp_path, monkeypatch
):
    for name in ("AIM", "MOST", "_FIRST", "_LEAST"):
        monkeypatch.setattr(f"asysim.sweeps.dispatch.{name}", seconds)
    assert swept(sweep_file, tmp_path / "sweep", "--jobs=1").code == 0
    assert rows(tmp_path / "sweep") == rows(whole_sweep)


@pytest.mark.parametrize("size", [1, 7, 12])
def test_packed_files_are_cut_by_the_number_of_runs_alone(size, sweep_file, tmp_path, monkeypatch):
    monkeypatch.setattr("asysim.sweeps.store._PACKED", size)
    for name, seconds in (("one", 0.0), ("other", 10.0)):
        with monkeypatch.context() as patched:
            patched.setattr("asysim.sweeps.dispatch.AIM", seconds)
            assert swept(sweep_file, tmp_path / name, "--jobs=1").code == 0
    assert rows(tmp_path / "one") == rows(tmp_path / "other")
    assert len(rows(tmp_path / "one")) == -(-RUNS // size)
    again = swept(sweep_file, tmp_path / "one", "--json")
    assert json.loads(again.out)["runs"] == RUNS


def test_parts_made_in_any_order_are_merged_to_the_same_bytes(whole_sweep, sweep_file, tmp_path):
    for part in (3, 1, 2):
        early = swept(sweep_file, tmp_path / "sweep", "--merge")
        assert early.code == 2
        assert "runs that are not over" in early.err
        assert swept(sweep_file, tmp_path / "sweep", f"--chunk={part}/3", "--jobs=1").code == 0
    assert swept(sweep_file, tmp_path / "sweep", "--merge").code == 0
    assert contents(tmp_path / "sweep") == contents(whole_sweep)


def test_any_executor_makes_the_same_rows(whole_sweep):
    with ThreadPoolExecutor(3) as pool:
        study = asysim.sweep(scenario(CON, *MORE), AXES, repeats=REPEATS, executor=pool)
    pd.testing.assert_frame_equal(
        study.table, pd.read_parquet(whole_sweep / "runs"), check_dtype=False
    )


def compared(sweep_file, folder, *more):
    return command("speedup", sweep_file, *MORE, "run.updates=400", "speedup.workers=[1,2]",
                   "speedup.seeds=2", f"--out={folder}", "--no-pictures", *more)  # fmt: skip


@pytest.mark.real
def test_a_dask_cluster_makes_the_same_bytes(whole_sweep, sweep_file, tmp_path):
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
            said = swept(sweep_file, tmp_path / "sweep", address)
            there = compared(sweep_file, tmp_path / "there", address)
    assert said.code == there.code == 0, said
    assert contents(tmp_path / "sweep") == contents(whole_sweep)
    assert compared(sweep_file, tmp_path / "here", "--jobs=1").code == 0
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_a_dask_scheduler_that_is_not_there_is_one_clear_error(sweep_file, tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="needs Dask: pip install distributed")
    monkeypatch.setattr("asysim.sweeps.dask._PATIENCE", 0.2)
    said = swept(sweep_file, tmp_path / "sweep", "--dask=tcp://127.0.0.1:1")
    assert said.code == 2
    assert "where none answers" in said.err
    assert not (tmp_path / "sweep").exists()


@needs_mpi
@pytest.mark.mpi
@pytest.mark.slow
def test_mpi_ranks_make_the_same_bytes(whole_sweep, sweep_file, tmp_path):
    asked = words(sweep_file, tmp_path / "sweep", "--mpi")
    done = finish(MPIEXEC, "-n", 3, *ASYSIM, *asked, env=outside_mpi())
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert contents(tmp_path / "sweep") == contents(whole_sweep)
