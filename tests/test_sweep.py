"""Sweeps: rows that are those of single runs, failures among them; and folders."""

from __future__ import annotations

import pandas as pd
import pytest

import asysim
from asysim.ground.lock import LOCK, Lock
from asysim.runs.outcome import DEADLOCK, DIVERGED
from asysim.sweeps.row import FAILED, REFUSED, Result, result_of
from tests.support import CON, command, contents, only_fault, scenario
from tests.sweeps import AXES, MORE, REPEATS, RUNS, swept


def test_a_row_is_what_a_run_with_the_same_changes_comes_to(whole_sweep):
    table = pd.read_parquet(whole_sweep / "runs")
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


def test_the_table_of_python_is_that_of_the_folder(whole_sweep):
    study = asysim.sweep(scenario(CON, *MORE), AXES, repeats=REPEATS, processes=1)
    kept = pd.read_parquet(whole_sweep / "runs")
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


def test_a_sweep_whose_every_run_fails_is_one_clear_error_and_its_rows_are_kept(
    sweep_file, tmp_path
):
    said = command(
        "sweep", sweep_file, "workers.count=-1,0", "--jobs=1", f"--out={tmp_path / 'sweep'}"
    )
    assert said.code == 2
    assert "every one of which failed" in said.err
    assert "workers.count: found" in said.err
    table = pd.read_parquet(tmp_path / "sweep" / "runs")
    assert list(table["status"]) == [REFUSED, REFUSED]


def test_failures_are_counted_by_how_they_ended_with_one_for_example(sweep_file, tmp_path):
    words = ("workers.count+algorithm.step=[3,1e6],[3,1e7],[0,0.1]", "run.updates=3000")
    said = command("sweep", sweep_file, *words, "--jobs=1", f"--out={tmp_path / 'sweep'}")
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


# Folders


def test_a_sweep_that_is_over_is_not_made_again(whole_sweep, sweep_file, monkeypatch):
    before = contents(whole_sweep)
    monkeypatch.setattr("asysim.sweeps.chunk.built_problem", _raising)
    assert swept(sweep_file, whole_sweep).code == 0
    assert contents(whole_sweep) == before


def test_the_file_of_a_sweep_is_the_sweep(whole_sweep, tmp_path):
    folder = tmp_path / "again"
    words = ("sweep", whole_sweep / "scenario.toml", f"--out={folder}", "--no-pictures", "--jobs=1")
    assert command(*words).code == 0
    assert contents(folder) == contents(whole_sweep)


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
def test_a_folder_of_something_else_is_refused_and_left_alone(harm, told, sweep_file, tmp_path):
    folder = tmp_path / "sweep"
    assert command("sweep", sweep_file, "engine=auto,simpy", f"--out={folder}", "--jobs=1",
                   "--no-pictures").code == 0  # fmt: skip
    harm(folder)
    before = contents(folder)
    said = command("sweep", sweep_file, "engine=auto,simpy", f"--out={folder}")
    assert said.code == 2
    assert told in " ".join(said.err.split())
    assert contents(folder) == before


def test_one_process_alone_makes_the_same_runs(sweep_file, tmp_path, monkeypatch):
    monkeypatch.setattr("asysim.sweeps.store._PATIENCE", 0.0)
    folder = tmp_path / "sweep"
    folder.mkdir()
    with Lock(folder / LOCK, "sweep folder"):
        assert "a lock" in swept(sweep_file, folder).err
        assert "a lock" in swept(sweep_file, folder, "--chunk=1/2").err
    with Lock(folder / f"{LOCK}-1-of-2", "sweep folder"):
        assert "a lock" in swept(sweep_file, folder, "--merge").err
        assert "a lock" in swept(sweep_file, folder, "--chunk=1/2").err
        assert swept(sweep_file, folder, "--chunk=2/2", "--jobs=1").code == 0


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0"])
def test_what_is_no_part_is_one_clear_error(text, sweep_file, tmp_path):
    said = swept(sweep_file, tmp_path / "sweep", f"--chunk={text}")
    assert said.code == 2
    assert "--chunk" in said.err


def test_fault_of_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "sweep").write_text("")
    fault = only_fault(
        asysim.sweep, scenario(CON), ["engine=auto,simpy"], folder=tmp_path / "sweep"
    )
    assert fault.found == "something else"
