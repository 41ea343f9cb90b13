"""Axes of a sweep: what their words mean, which runs they make, and how seeds are named."""

from __future__ import annotations

import json
import math
from itertools import pairwise, product

import pytest

import asysim
from asysim.scenario.axes import axis
from asysim.scenario.load import as_given, from_document
from asysim.scenario.overrides import OUT
from asysim.sweeps.design import Design
from asysim.sweeps.sweep import settle
from tests.support import CON, KINDS, SCENARIOS, command, only_fault, scenario


def values(word):
    return [value for (value,) in axis(word).values]


def design(*axes, **settings):
    return Design.of(settle(scenario(CON), axes, **settings))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2, 4", [1, 2, 4]),
        ("1", [1]),
        ("0.5,1e-3", [0.5, 1e-3]),
        ("simpy,compiled", ["simpy", "compiled"]),
        ("'a,b',\"c]\"", ["a,b", "c]"]),
        ("[1,2],[3,4]", [[1, 2], [3, 4]]),
        ('{kind="ssp",slack=2},{kind="asynchronous"}',
         [{"kind": "ssp", "slack": 2}, {"kind": "asynchronous"}]),
        (",2", [OUT, 2]),
        ("true,false", [True, False]),
        ("1:4:4", [1, 2, 3, 4]),
        ("4:1:4", [4, 3, 2, 1]),
        ("1:64:7:log", [1, 2, 4, 8, 16, 32, 64]),
        ("0.0:1:5", [0.0, 0.25, 0.5, 0.75, 1]),
    ],
)  # fmt: skip
def test_values(text, expected):
    found = values(f"a.b={text}")
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]


def test_even_ratios():
    found = values("a=1e-3:1.0:7:log")
    assert (found[0], found[-1]) == (1e-3, 1.0)
    for before, after in pairwise(found):
        assert math.isclose(after / before, 10**0.5)


@pytest.mark.parametrize(
    "word",
    ["a", "=1", "a b=1,2", "a=1:2", "a=1:2:1", "a=1:2:x", "a=0:1:5", "a=0:1:5:log", "a=1:9:2:lin",
     "a=uniform(1)", "a=uniform(2,1)", "a=loguniform(0,1)", "a=integers(0.5,2)", "a=uniform(1,2",
     "a=1,hello world", "a+b=1,2", "a+b=[1,2],[3]", "a+a=[1,2]", "a=1:2000000:2000000", "a=1,\x07"],
)  # fmt: skip
def test_what_is_no_axis_is_one_clear_fault(word):
    fault = only_fault(axis, word, "command line")
    assert fault.source == "command line"
    assert fault.expected


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_what_was_said_of_a_scenario_makes_it_again(path):
    loaded = asysim.load(path, read_files=False)
    assert from_document(as_given(loaded), read_files=False) == loaded


def test_a_grid_is_the_product_of_its_axes_the_last_one_fastest():
    found = design("workers.count=1,2", "algorithm.step=0.1,0.2,0.3", repeats=2)
    points = list(product([1, 2], [0.1, 0.2, 0.3]))
    asked = [found.asked(i) for i in range(len(found))]
    assert len(found) == 12
    assert [tuple(v for _, v in one.values) for one in asked] == [p for p in points for _ in "ab"]
    assert [(one.number, one.point, one.repeat) for one in asked] == [
        (i, i // 2, i % 2) for i in range(12)
    ]


def test_keys_that_change_together_are_one_axis():
    found = design("workers.count+algorithm.step=[1,0.1],[2,0.2]", "engine=simpy,compiled")
    assert len(found) == 4
    assert found.values(3) == (
        ("workers.count", 2), ("algorithm.step", 0.2), ("engine", "compiled")
    )  # fmt: skip


def test_values_at_random_are_named_by_their_key_and_number_and_shared_by_a_grid():
    axes = ["algorithm.step=loguniform(1e-3,1)", "workers.count=1,2"]
    few, many = design(*axes, samples=3), design(*reversed(axes), samples=5)
    for workers, sample in product(range(2), range(3)):
        ours, theirs = (
            dict(few.values(3 * workers + sample)),
            dict(many.values(5 * workers + sample)),
        )
        assert ours == theirs
        assert 1e-3 < ours["algorithm.step"] < 1
    assert few.values(0)[0] == few.values(3)[0] != few.values(1)[0]


@pytest.mark.parametrize(("law", "low", "high"), [("integers", 1, 4), ("logintegers", 1, 4)])
def test_whole_numbers_at_random_have_their_law(law, low, high):
    """χ² of 2000 draws against the law; 1 of 10,000 draws of the seed would fail."""
    found = design(f"workers.count={law}({low},{high})", samples=2000)
    drawn = [found.values(point)[0][1] for point in range(2000)]
    ends = range(low, high + 1)
    share = [math.log((v + 1) / v) if law == "logintegers" else 1 for v in ends]
    expected = [2000 * part / sum(share) for part in share]
    assert set(drawn) == set(ends)
    chi2 = sum((drawn.count(v) - e) ** 2 / e for v, e in zip(ends, expected, strict=True))
    assert chi2 < 21.1  # the 0.9999 quantile of χ² with 3 degrees of freedom


def test_seeds_are_named_by_the_values_of_a_point_and_not_by_what_others_there_are():
    one = design("workers.count=2,4", "algorithm.step=0.1,0.2", repeats=2)
    other = design("algorithm.step=0.2,0.3", "workers.count=3,4,5", repeats=3)
    same = {frozenset(a.values) | {a.repeat}: a.seed for a in map(one.asked, range(len(one)))}
    theirs = {frozenset(a.values) | {a.repeat}: a.seed for a in map(other.asked, range(len(other)))}
    assert len(set(same.values())) == len(one)
    shared = same.keys() & theirs.keys()
    assert len(shared) == 2
    assert all(same[key] == theirs[key] for key in shared)


def test_without_repeats_every_run_has_the_seed_of_the_scenario():
    found = design("workers.count=1,2,4")
    assert {found.asked(i).seed for i in range(3)} == {scenario(CON).seed}


@pytest.mark.parametrize("common", [["workers.count"], ["all"]])
def test_common_random_numbers_are_common_along_that_axis_alone(common):
    found = design("workers.count=1,2,4", "algorithm.step=0.1,0.2", repeats=3, common=common)
    seeds = {}
    for one in map(found.asked, range(len(found))):
        step = dict(one.values)["algorithm.step"] if common != ["all"] else None
        seeds.setdefault((step, one.repeat), set()).add(one.seed)
    assert all(len(found) == 1 for found in seeds.values())
    assert len(set.union(*seeds.values())) == len(seeds)


@pytest.mark.parametrize(
    ("axes", "settings", "key"),
    [
        (["workers.cout=1,2"], {}, "workers.cout"),
        (["nothing=1,2"], {}, "nothing"),
        (["speedup.seeds=1,2"], {}, "speedup.seeds"),
        (["sweep.repeats=1,2"], {}, "sweep.repeats"),
        ([], {}, "sweep.axes"),
        (["workers.count=1,2", "workers.count+engine=[1,'simpy'],[2,'simpy']"], {}, "sweep.axes"),
        (["workers.count=1,2"], {"common": ["engine"]}, "sweep.common.0"),
        (["seed=1,2"], {"repeats": 2}, "sweep.repeats"),
        (["workers.count=1,2"], {"repeats": 0}, "sweep.repeats"),
    ],
)  # fmt: skip
def test_what_can_not_be_swept_is_told_before_anything_runs(axes, settings, key):
    fault = only_fault(settle, scenario(CON), axes, **settings, source="command line")
    assert fault.key == key


def test_a_misspelt_key_is_met_with_the_right_one():
    fault = only_fault(settle, scenario(CON), ["workers.cout=1,2"])
    assert "did you mean count?" in fault.expected


def test_paths_of_axes_start_from_the_scenario_s_folder_as_in_a_change_of_all_runs(
    tmp_path, monkeypatch
):
    """Wherever the command is given, whoever makes the runs, and from the file of the sweep."""
    place, elsewhere = tmp_path / "scenarios", tmp_path / "elsewhere"
    for folder in (place, elsewhere):
        folder.mkdir()
    (place / "times.csv").write_text("0.001\n0.002\n")
    (place / "s.toml").write_text(CON)
    monkeypatch.chdir(elsewhere)
    file, words = place / "s.toml", "workers.compute={law='empirical',file='times.csv'},1e-3"
    said = command("sweep", file, words, "--jobs=1", "--out=sweep", "--no-pictures", "--json")
    assert said.code == 0, said
    rows = json.loads(said.out)["rows"]
    run = asysim.run(asysim.load(file, words.removesuffix(",1e-3")))
    assert rows[0]["loss"] == run.curve["loss"].iloc[-1] != rows[1]["loss"]
    monkeypatch.chdir(tmp_path)
    kept = elsewhere / "sweep" / "scenario.toml"
    again = command("sweep", kept, "--jobs=1", "--out=again", "--no-pictures", "--json")
    assert json.loads(again.out)["rows"] == rows


def test_where_a_scenario_lies_is_no_part_of_a_sweep_without_paths(tmp_path, monkeypatch):
    words = ["engine=simpy,compiled", "coordination={kind='ssp',slack=1},"]
    here = design(*words)
    monkeypatch.chdir(tmp_path)
    assert design(*words).text == here.text


@pytest.mark.parametrize("words", KINDS.values(), ids=KINDS)
def test_a_design_as_text_is_a_scenario_file_of_the_same_sweep(words):
    found = Design.of(settle(scenario(*words), {"workers.count": [1, 2], "seed": [3, 4]}))
    again = Design.of(asysim.scenario.parse(found.text))
    assert again.digest == found.digest
    assert [again.asked(i) for i in range(4)] == [found.asked(i) for i in range(4)]


def test_a_table_of_axes_says_what_words_say():
    import numpy as np

    table = {"workers.count": np.array([1, 2]), "coordination": [None, {"kind": "ssp", "slack": 2}],
             "algorithm.step": "0.1:0.2:3", "engine": ["simpy"]}  # fmt: skip
    words = ["workers.count=1,2", 'coordination=,{kind="ssp",slack=2}',
             "algorithm.step=0.1:0.2:3", 'engine="simpy"']  # fmt: skip
    ours, theirs = (Design.of(settle(scenario(CON), axes)) for axes in (table, words))
    assert len(ours) == 12
    assert [ours.asked(i) for i in range(12)] == [theirs.asked(i) for i in range(12)]
