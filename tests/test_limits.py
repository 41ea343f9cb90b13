"""The limit study: exponents from tables made with known ones, and what a study keeps."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

import asysim
from asysim.errors import InputError
from asysim.replay import State
from asysim.replay.curve import Curve
from asysim.runs.arrival import arrival
from asysim.scenario import vary
from asysim.scenario.limits import Limits
from asysim.scenario.load import parse
from asysim.show import notebook
from asysim.show.limits_table import conclusion, exponents_table, table
from asysim.studies.arrived import TARGETS, Arrived
from asysim.studies.exponents import Arrivals, efficiencies, growth, limit
from asysim.studies.plan import Plan
from asysim.studies.returns import ReturnsStudy
from tests.support import ROOT, command

WORKERS = tuple(1 << i for i in range(13))
KNOWN = [(1 / 2, -1 / 2), (1 / 3, -1 / 3), (1 / 4, -3 / 4)]


def arrivals(a, b, *, constant=6.0, noise=0.15, seeds=32, seed=0, most=np.inf):
    """Return arrivals of runs whose efficiency is 1/(1 + (p/p₀)²/4), with p₀ = c K^a M^b."""
    random = np.random.default_rng(seed)
    cells = []
    for length in (1024, 4096, 16_384, 65_536, 262_144):
        for batch in (1, 4, 16):
            efficiency = 1 / (1 + (np.array(WORKERS) / (constant * length**a * batch**b)) ** 2 / 4)
            spread = np.exp(noise * random.standard_normal((len(WORKERS), seeds)))
            updates = length / 4 / efficiency[:, np.newaxis] * spread
            updates[updates > most * length] = np.inf
            cells.append(Arrivals(length, batch, WORKERS, updates))
    return cells


@pytest.mark.check
@pytest.mark.parametrize(("a", "b"), KNOWN)
def test_exponents_are_recovered_from_tables_made_with_known_ones(a, b):
    """Without noise nearly exactly: what is left is the line between two numbers of workers."""
    found = growth(arrivals(a, b, noise=0.0), 0.8)
    assert found.updates.value == pytest.approx(a, abs=0.01)
    assert found.batch.value == pytest.approx(b, abs=0.02)
    assert found.misfit < 0.05
    assert found.cells == 15


@pytest.mark.check
@pytest.mark.statistics
@pytest.mark.parametrize(("a", "b"), KNOWN)
def test_intervals_hold_the_exponents_that_tables_were_made_with(a, b):
    """Of 40 tables at least 32: less has probability 3e-4 if 95 % hold, and 5e-3 if 92 % do."""
    many = [growth(arrivals(a, b, seed=seed, most=2), 0.8, seed=seed) for seed in range(40)]
    assert sum(one.updates.holds(a) for one in many) >= 32
    assert sum(one.batch.holds(b) for one in many) >= 32
    assert np.mean([one.updates.value for one in many]) == pytest.approx(a, abs=0.02)


def test_a_run_that_never_arrives_counts_as_infinitely_long():
    table_ = np.array([[100.0, 100.0], [100.0, np.inf], [np.inf, np.inf]])
    assert efficiencies(table_).tolist() == [1.0, 0.5, 0.0]


def test_the_limit_lies_between_two_numbers_of_workers_by_their_logarithms():
    value, bound = limit((1, 2, 4, 8), np.array([1.0, 0.9, 0.7, 0.1]), 0.8)
    assert (value, bound) == (pytest.approx(2 * np.sqrt(2)), "")
    # The first fall ends it: what comes back later is no more linear speedup.
    value, bound = limit((1, 2, 4, 8), np.array([1.0, 0.7, 0.9, 0.9]), 0.8)
    assert (value, bound) == (pytest.approx(2 ** (2 / 3)), "")
    value, bound = limit((1, 2), np.array([1.0, 0.9]), 0.8)
    assert (value, bound) == (2.0, "at least")
    value, _ = limit((1, 2), np.array([1.0, 0.0]), 0.8)
    assert 1 < value < 2


def test_a_grid_relative_to_what_is_proven_finds_a_limit_that_grows_otherwise():
    """Multiples of the proven √(K/M) leave room for exponents of 1/3: they decide nothing."""
    cells = []
    for length, batch in product((16_384, 65_536, 262_144), (1, 4, 16)):
        proven = 0.2 * math.sqrt(length / batch)
        counts = Limits(multiples=(1.0, 2.0, 4.0, 8.0, 16.0)).counts(proven)
        centre = 3 * length ** (1 / 3) * batch ** (-1 / 3)
        efficiency = 1 / (1 + (np.array(counts) / centre) ** 2 / 4)
        cells.append(Arrivals(length, batch, counts, np.tile(1e4 / efficiency, (2, 1)).T))
    found = growth(cells, 0.8)
    assert found.cells == 9
    assert found.updates.value == pytest.approx(1 / 3, abs=0.03)
    assert found.batch.value == pytest.approx(-1 / 3, abs=0.03)


def test_numbers_of_workers_are_those_that_are_named_or_multiples_of_the_proven():
    assert Limits(workers=(8, 4)).counts(10.0) == (1, 4, 8)
    assert Limits(multiples=(0.5, 2.0)).counts(10.2) == (1, 5, 20)
    assert Limits(multiples=(0.1, 2.0)).counts(0.3) == (1, 2)  # not even one is proven
    assert Limits().counts(3.0) == (1, 3, 6, 12, 24, 48, 96, 192)
    with pytest.raises(InputError, match="beside workers"):
        vary(parse(SCENARIO), "limits.multiples=[1.0]")


def test_a_law_that_is_no_power_is_told_to_be_none():
    """Growth that bends: faster than K^(1/3) on the whole, and not to last."""
    cells = [c for c in arrivals(0.4, -0.5, noise=0.0) if c.length > 2000]
    bent = {4096: 1.0, 16_384: 1.4, 65_536: 1.4, 262_144: 1.0}
    workers = np.array(WORKERS)
    for c in cells:
        centre = 6.0 * bent[c.length] * c.length**0.4 * c.batch**-0.5
        c.updates[:] = (c.length / 4 * (1 + (workers / centre) ** 2 / 4))[:, np.newaxis]

    def said(found):
        scenario = SimpleNamespace(name="it")
        return conclusion([SimpleNamespace(scenario=scenario, growth=lambda _: found, besides=())])

    assert "no power" in said(growth(cells, 0.8))
    assert "no power" not in said(growth(arrivals(0.4, -0.5, noise=0.0), 0.8))


def test_what_can_not_be_told_is_not():
    cells = arrivals(1 / 2, -1 / 2)
    assert growth(cells[:1], 0.8) is None
    assert growth([c for c in cells if c.length == 1024], 0.8) is None
    alone = growth([c for c in cells if c.batch == 1], 0.8)
    assert alone.batch is None
    everywhere = arrivals(1 / 2, -1 / 2, constant=1e9)  # no limit within what was tried
    assert growth(everywhere, 0.8) is None
    nowhere = [Arrivals(c.length, c.batch, WORKERS, np.full((13, 4), np.inf)) for c in cells]
    assert growth(nowhere, 0.8) is None
    at_once = [Arrivals(c.length, c.batch, WORKERS, np.zeros((13, 4))) for c in cells]
    assert growth(at_once, 0.8) is None


SCENARIO = """
name = "small"
[problem]
kind = "chain_of_saddles"
dimension = 2
descent = 1.0
ratio = 1.0
noise = 0.6
start = [1.5, 0.1]
[algorithm]
name = "asysg-con"
step = {kind = "theorem"}
[workers]
count = 1
compute = {law = "exponential", mean = 1e-3}
[limits]
updates = [1024, 4096]
batch_sizes = [1, 4]
workers = [4, 16, 64]
seeds = 2
[run]
updates = 1000
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits") / "study"
    return asysim.limits(parse(SCENARIO), folder=folder, processes=1), folder


def told(study):
    return [one.arrivals[t].updates.tolist() for one in study.lengths for t in TARGETS]


def test_a_study_goes_on_and_lends_its_runs(small):
    study, folder = small
    alone = asysim.limits(parse(SCENARIO), processes=1)
    assert told(alone) == told(study)
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("K*/attempts/*.json")}
    assert len(kept) == sum(one.runs for one in study.lengths)
    some = sorted(kept)[::5]
    for path in some:
        path.unlink()
    again = asysim.limits(parse(SCENARIO), folder=folder, processes=1)
    assert told(again) == told(study)
    made = [path for path in kept if path.stat().st_mtime_ns != kept[path]]
    assert sorted(made) == some
    more = asysim.limits(vary(parse(SCENARIO), "limits.seeds=3"), folder=folder, processes=1)
    for fewer, longer in zip(told(study), told(more), strict=True):
        assert [row[:2] for row in longer][: len(fewer)] == fewer


def test_a_folder_of_something_else_is_refused(small, tmp_path):
    _, folder = small
    other = vary(parse(SCENARIO), "problem.noise=0.7")
    with pytest.raises(InputError, match="another scenario"):
        asysim.limits(other, folder=folder, processes=1)
    (tmp_path / "letter").write_text("something")
    with pytest.raises(InputError, match="something else"):
        asysim.limits(parse(SCENARIO), folder=tmp_path, processes=1)


def test_a_run_is_kept_as_it_was():
    one = Arrived(
        updates=1024, batch_size=4, workers=16, seed=7, first=312.5, second=None,
        status="target not reached",
    )  # fmt: skip
    assert Arrived.from_json(one.to_json()) == one
    assert json.loads(one.to_json())["second"] is None
    for damaged in ("", "{}", one.to_json().replace("16", "-1"), one.to_json().replace("7", "1.5")):
        with pytest.raises(ValueError):
            Arrived.from_json(damaged)


def test_tables_say_what_was_found(small):
    study, _ = small
    whole = table(study)
    assert len(whole.records) == 4
    for record, one in zip(whole.records, study.lengths, strict=True):
        assert record["proven_workers"] == pytest.approx(one.proven)
        corollary = one.corollary
        assert corollary.least_updates(one.proven - 1) == pytest.approx(corollary.updates)
        for target in TARGETS:
            assert record[f"{target}_efficiency"]["1"] == 1.0
    for text in (whole.markdown(), whole.latex(), whole.html(), whole.csv(), whole.json()):
        assert text
    assert [line["name"] for line in exponents_table([study]).records] == ["small"] * 2
    assert notebook.html(study) == whole.html()


def test_the_scenario_of_second_order_has_limits_inside_its_grid():
    """Both orders, so that `asysim limits` has exponents to tell; the cheapest corner."""
    corner = ("limits.updates=[4096, 8192]", "limits.batch_sizes=[128]", "limits.seeds=2")
    study = asysim.limits(asysim.load(ROOT / "scenarios/second_order.toml", *corner), processes=1)
    for one in study.lengths:
        for order in TARGETS:
            assert one.arrivals[order].is_comparable
            value, bound = one.arrivals[order].limit(study.share)
            assert not bound
            assert value > one.arrivals[order].workers[1], "p is larger than the least multiple"


def test_a_picture_marks_where_speedup_was_linear_to_the_end(small):
    study, _ = small
    beyond = [Arrivals(one.corollary.updates, one.corollary.batch_size, (1, 4), np.ones((2, 2)))
              for one in study.lengths]  # fmt: skip
    endless = replace(study, lengths=tuple(
        replace(one, arrivals=one.arrivals | {"second": many})
        for one, many in zip(study.lengths, beyond, strict=True)
    ))  # fmt: skip
    picture = asysim.plots.limits(endless)
    (legend,) = picture.legends
    label = "linear with the most tried"
    assert [text.get_text() for text in legend.get_texts()].count(label) == 1
    second = [axes for axes in picture.axes if axes.get_title().startswith("second")]
    for axes in second:
        (marks,) = [line for line in axes.lines if line.get_label() == label]
        assert marks.get_xydata().tolist() == [[1024, 4], [4096, 4]]


def test_one_worker_arrives_at_what_the_theorem_promises(small):
    """K is long enough here, so that the running mean over K updates is below the bound."""
    study, _ = small
    for one in study.lengths:
        if one.proven >= 1:
            assert (one.arrivals["first"].updates[0] <= one.corollary.updates).all()


def test_evaluations_are_as_many_whenever_k_doubles():
    curve = Curve(parse(SCENARIO).problem.build(), cadence=1000, octave=8)
    places = [0]
    while places[-1] < 2**12:
        places.append(curve.next(places[-1]))
    assert all(curve.due(State(np.zeros(1), updates=k)) for k in places)
    due = sum(curve.due(State(np.zeros(1), updates=k)) for k in range(2**12 + 1))
    assert due == len(places)
    assert places[:18] == [*range(17), 18]
    assert [sum(2**i <= k < 2 ** (i + 1) for k in places) for i in range(3, 12)] == [8] * 9


def test_the_mean_is_that_over_all_updates():
    """Beside descent in a few lines, which looks at every update; looks are 3 % of k apart."""
    scenario = vary(parse(SCENARIO), "problem.noise=0.0", "algorithm.step=0.003",
                    "run.updates=20000")  # fmt: skip
    problem = scenario.problem.build()
    x, out, norms = problem.start(), np.empty(2), []
    for _ in range(20_000):
        problem.full_gradient(x, out)
        norms.append(float(out @ out))
        x -= 0.003 * out
    means = np.cumsum(norms) / np.arange(1, 20_001)
    for bound in (0.5, 0.2, 0.07):
        found = arrival(scenario, problem, bound)
        assert found.first == pytest.approx(int(np.argmax(means <= bound)), rel=0.01, abs=2)


def test_second_order_waits_for_the_last_saddle():
    """Started on a saddle ‖∇f‖ is 0 at once, and λ_min = −1 until noise has left it."""
    scenario = vary(parse(SCENARIO), "problem.start=0.0", "algorithm.step=0.05",
                    "run.updates=4000", "run.evaluate_every=10")  # fmt: skip
    problem = scenario.problem.build()
    found = arrival(scenario, problem, 0.5**2)
    assert found.first == 0
    assert 0 < found.second < 4000
    never = arrival(vary(scenario, "problem.noise=0.0"), problem.__class__(2, descent=1.0,
                    ratio=1.0, start=0.0), 0.5**2)  # fmt: skip
    assert never.second == np.inf


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("algorithm.step=0.1", 'kind = "theorem"'),
        ("limits.share=1.0", "share"),
        ("limits.updates=[10]", "updates"),
        ("problem={kind='quadratic', eigenvalues=[1.0, -1.0]}", "gap"),
    ],
)
def test_what_can_not_be_studied_is_told(change, words):
    with pytest.raises(InputError) as caught:
        asysim.limits(vary(parse(SCENARIO), change), processes=1)
    assert words in str(caught.value)


@pytest.mark.parametrize(("change", "words"), [
    ("limits.workers=[1]", "limits.workers\n  found [1]\n"),
    ("limits={updates=[1024, 4096], multiples=[0.1]}", "limits.multiples\n  found [0.1]\n"),
    ("limits={updates=[1024, 4096], multiples=[2, 1e30]}", "limits.multiples\n  found 1e+30\n"),
])  # fmt: skip
def test_a_grid_of_no_use_is_told_before_anything_is_computed(tmp_path, change, words):
    (tmp_path / "s.toml").write_text(SCENARIO)
    said = command("limits", tmp_path / "s.toml", change, "--jobs", "1", "--out", tmp_path / "o")
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert said.err.count("found") == 1
    assert not (tmp_path / "o").exists()


def test_the_last_of_several_scenarios_is_looked_at_before_the_first_is_computed(tmp_path):
    (tmp_path / "a.toml").write_text(SCENARIO)
    (tmp_path / "b.toml").write_text(SCENARIO.replace("[4, 16, 64]", "[1]"))
    files = [tmp_path / "a.toml", tmp_path / "b.toml"]
    said = command("limits", *files, "--jobs", "1", "--out", tmp_path / "o")
    assert said.code == 2
    assert "b.toml: limits.workers" in said.err.replace("\n", "")
    assert not (tmp_path / "o").exists()


STUDIES = [
    ["limits", "second_order.toml"], ["escape", "saddle.toml"],
    ["escape", "saddle.toml", "--returns"], ["speedup", "lian2015_con.toml"],
    ["speedup", "lian2015_con.toml", "--on", "threads"],
    ["plan", "no-such-run", "--target", "0.1"],
]  # fmt: skip


@pytest.mark.parametrize("words", STUDIES)
@pytest.mark.parametrize("jobs", ["0", "-1"])
def test_no_study_is_made_by_fewer_than_one_process(tmp_path, words, jobs):
    name, file, *more = words
    out = tmp_path / "o"
    said = command(name, ROOT / "scenarios" / file, *more, "--jobs", jobs, "--out", out)
    assert (said.code, said.out) == (2, "")
    assert f"command line: --jobs\n  found {jobs}\n" in said.err
    assert not out.exists()


BESIDES = ["update.momentum=0.5", "update={perturbation={kind='gaussian', scale=0.1}}",
           "update={weight={kind='inverse'}}"]  # fmt: skip


@pytest.mark.parametrize("change", BESIDES)
def test_no_bound_is_told_of_another_update(small, change):
    study, _ = small
    other = replace(study, scenario=vary(study.scenario, change))
    (key,) = other.besides
    whole = table(other)
    assert json.loads(whole.json())["not_in_it"] == [key]
    assert json.loads(table(study).json())["not_in_it"] == []
    assert {record["proven_workers"] for record in whole.records} == {None}
    said = whole.markdown() + exponents_table([other]).sentence
    assert f"knows no {key}" in said
    assert "the bounds are of another update than that of small" in said.lower()
    assert "proof's" not in said
    picture = asysim.plots.limits(other)
    (legend,) = picture.legends
    labels = " ".join(text.get_text() for text in legend.get_texts())
    assert "proven" not in labels
    assert "Lian" not in labels
    assert key in picture.get_suptitle()


def test_exponents_of_another_update_are_held_against_no_bound(small):
    study, _ = small
    cells = arrivals(1 / 2, -1 / 2)
    lengths = tuple(replace(study.lengths[0], arrivals=dict.fromkeys(TARGETS, c)) for c in cells)
    grown = replace(study, lengths=lengths)
    assert "faster than K^(1/3)" in table(grown).sentence
    assert "the proof's" in exponents_table([grown]).sentence
    other = replace(grown, scenario=vary(study.scenario, "update.momentum=0.5"))
    assert "K^(1/3)" not in table(other).sentence
    assert "held against no bound, as theirs is an update without update.momentum" in (
        table(other).sentence
    )
    assert "1/3" not in exponents_table([other]).sentence


def test_a_study_is_told_in_a_line(small):
    study, _ = small
    assert repr(study) == (
        f"LimitStudy(small: 4 pairs of K and M, limits found: {study.limits_found('first')} to "
        f"first order and {study.limits_found('second')} to second order)"
    )
    rows = [SimpleNamespace(workers=p, escaped=np.arange(3) < p) for p in (1, 2)]
    named = study.scenario
    assert str(asysim.EscapeStudy(named, None, "", tuple(rows))) == (
        "EscapeStudy(small: escaped: 1 of 3 with p = 1, 2 of 3 with p = 2)"
    )
    assert str(asysim.SpeedupStudy(named, tuple(rows), "threads")) == (
        "SpeedupStudy(small: 1, 2 workers, on threads)"
    )
    assert str(ReturnsStudy(named, 0.1, (0, 3), ())) == "ReturnsStudy(small: 0 cells, delays 0, 3)"
    assert str(Plan(named, tuple(rows))) == "Plan(small: 1, 2 workers)"
