"""Runs beside one another: in what their scenarios differ, and what came of each."""

from __future__ import annotations

import json
from csv import DictReader

import pytest

import asysim
from asysim.show.compare_table import table
from asysim.sweeps.row import result_of
from tests.support import CON, command, only_fault, scenario

GROUPS = "workers.groups=[{count=2},{count=1,speed=%s}]"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Folders of runs: a run, the same with another step and target, and one that diverges."""
    root, changes = tmp_path_factory.mktemp("runs"), {
        "one": ["run.target_loss=0.9"],
        "other": ["run.target_loss=0.9", "algorithm.step=0.05", "name=another"],
        "diverging": ["algorithm.step=1e6", 'coordination={kind="ssp",slack=1}'],
    }  # fmt: skip
    return {
        name: asysim.run(scenario(CON, *words), folder=root / name).folder
        for name, words in changes.items()
    }


def test_only_what_differs_is_told_and_what_came_of_each(kept):
    said = command("compare", *kept.values(), "--json")
    assert (said.code, said.err) == (0, "")
    told = json.loads(said.out)
    assert set(told["differing"]) == {
        "algorithm.step", "coordination.kind", "coordination.slack", "run.target_loss"
    }  # fmt: skip
    for row, folder in zip(told["rows"], kept.values(), strict=True):
        run = asysim.load_run(folder)
        expected = result_of(run.scenario, run.outcome)._asdict()
        assert {name: row[name] for name in expected} == expected
        assert row["algorithm.step"] == run.scenario.algorithm.step
    assert told["rows"][0]["coordination.kind"] is None
    assert "diverged" in told["notes"][0]


def test_the_same_run_differs_in_nothing(kept):
    run = asysim.load_run(kept["one"])
    found = asysim.compare(run, asysim.run(run.scenario))
    assert found.differing == {}
    assert table(found).sentence == "Their scenarios are the same, and what came of them too."


def test_names_descriptions_and_studies_are_no_difference():
    one, other = scenario(CON), scenario(CON, "name=x", "description=y", "speedup.seeds=3")
    assert asysim.compare(asysim.run(one), asysim.run(other)).differing == {}


def test_tables_in_lists_are_compared_by_their_keys():
    one, other = (scenario(CON, "workers.count=", GROUPS % speed) for speed in (1.0, 2.0))
    found = asysim.compare(asysim.run(one), asysim.run(other))
    assert found.differing == {"workers.groups.1.speed": (1.0, 2.0)}
    assert list(found.table["workers.groups.1.speed"]) == [1.0, 2.0]


def test_tables_are_written_and_never_over_others(kept, tmp_path):
    words = ["compare", kept["one"], kept["other"], f"--out={tmp_path}"]
    assert command(*words).code == 0
    with (tmp_path / "table.csv").open() as file:
        rows = list(DictReader(file))
    assert [float(row["algorithm.step"]) for row in rows] == [0.02, 0.05]
    said = command(*words)
    assert said.code == 2
    assert "file exists" in said.err


def test_one_run_alone_and_what_is_no_run_are_one_clear_fault(kept, tmp_path):
    assert only_fault(asysim.compare, asysim.load_run(kept["one"])).found == "1"
    said = command("compare", kept["one"], tmp_path / "nothing")
    assert said.code == 2
    assert "nothing" in said.err
