"""The escape study, held against the law of escape, and against itself: cores, resuming, faults."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import asysim
from asysim.errors import InputError
from asysim.problems import CriticalPoint, Quadratic
from asysim.runs.replayed import prepared_for
from asysim.scenario import parse
from asysim.show.escape_table import table
from asysim.studies import escape as study_module
from asysim.studies.escape import EscapeStudy
from asysim.studies.escape import escape as study_of
from asysim.studies.passage import EscapeTask, Passages, passages
from tests.support import ROOT, command, contents

SADDLE = """
name = "saddle"
problem = {kind = "quadratic", eigenvalues = [0.01, -0.1], noise = 1.4142135623730951e-3, start = 0}
algorithm = {name = "asysg-con", step = 1.0}
workers = {count = 5, compute = 1.0}
run = {updates = 20_000}
escape = {workers = [1, 2, 5, 17], seeds = 800}
"""
FEW = ("escape.seeds=12", "escape.workers=[1, 3]")
EXPONENTIAL = 'workers.compute={law = "exponential", mean = 1.0}'


def escape(scenario: asysim.Scenario, **more: Any) -> EscapeStudy:
    """Study in this process, unless told otherwise: others take a second to begin."""
    return study_of(scenario, **({"processes": 1} | more))


def held(study: EscapeStudy, slack: float = 0.0) -> None:
    """Hold every row against its law.

    The mean, the standard deviation (whose own is 1.6 / √(2n): the kurtosis of ln|g|) and the
    growth to five standard errors each: a false alarm has probability 2e-6 a number for another
    seed. The whole distribution by Dvoretzky, Kiefer & Wolfowitz at 1e-5.
    """
    for row in study.rows:
        law, times, n = row.foretold.law, row.foretold.times, row.runs
        assert row.all_escaped
        error = times.deviation / math.sqrt(n)
        assert abs(row.mean.value - times.mean) < 5 * error + slack * times.mean
        assert row.deviation == pytest.approx(times.deviation, rel=5 * 1.6 / math.sqrt(2 * n))
        # What noise there is beyond R/4, and the stable direction in ‖x‖, are of the order 1e-3.
        rate, measured = math.log(law.growth), math.log(row.growth.value)
        half = row.growth.half / row.growth.value / 1.96
        assert abs(measured - rate) < 5 * half + (2e-3 + slack) * rate
        later = 1 - np.cumsum(np.bincount(row.updates, minlength=len(times.inside))) / n
        apart = np.abs(later[: len(times.inside)] - times.inside).max()
        assert apart < math.sqrt(6.1 / n) + slack


def test_escape_with_constant_delay_is_as_the_law_has_it():
    study = escape(parse(SADDLE))
    held(study)
    assert study.goal.radius == 1.0  # no other point is known
    assert all(row.foretold.exact for row in study.rows)
    for row in study.rows:
        # equal workers that take turns make p updates a second
        rounds = np.ceil(row.updates / row.workers)
        np.testing.assert_allclose(row.seconds, rounds, rtol=1e-12)


def test_escape_with_exponential_workers():
    held(escape(parse(SADDLE, EXPONENTIAL, "escape.workers=[1, 4, 17]", "escape.seeds=800")), 5e-3)


@pytest.mark.parametrize(
    "change",
    [
        "problem.start=[0.0, 0.02]",
        "algorithm={name='asysg-con', step=0.25, batch_size=4}",
        "update={perturbation={kind='gaussian', scale=0.002}}",
        "update={perturbation={kind='ball', scale=0.01}}",
        "server={service=0.01}",
    ],
)
def test_the_law_knows_start_mini_batches_noise_in_updates_and_a_queue(change):
    held(escape(parse(SADDLE, change, "escape.workers=[3]", "escape.seeds=800")))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("problem.eigenvalues=[-0.1, -0.1]", "2 directions are unstable: the law is for one"),
        ("problem.eigenvalues=[1.2, -0.1]", "a stable direction is unstable at delay 4: γλ = 1.2"),
        ("workers.compute={law='gamma', mean=1, cv=0.5}", "delays are neither constant nor those"),
        ("update.momentum=0.5", "without weights, corrections and momentum"),
        ("algorithm.gradients_per_update=2", "one gradient in an update"),
        ("algorithm.step={kind='decaying', initial=1.0, power=0.01}", "the step is not constant"),
        ("algorithm.name='asysg-incon'", "reads without locks see parts of updates"),
        ("workers.speed=[1, 1, 1, 1, 2]", "the delay is not the same for all updates"),
    ],
)
def test_where_no_law_applies_it_is_left_out_and_said(change, why):
    study = escape(parse(SADDLE, "escape.workers=[5]", "escape.seeds=2", change))
    assert why in study.rows[0].foretold
    assert any(f"No law beside p = 5: {study.rows[0].foretold}." == n for n in table(study).notes)


def test_the_exact_update_is_found_by_both_arithmetics():
    compiled, numpy = (
        escape(parse(SADDLE, *FEW, EXPONENTIAL, f"replay.arithmetic={how}", "escape.afterwards=5"))
        for how in ("compiled", "numpy")
    )
    for one, other in zip(compiled.rows, numpy.rows, strict=True):
        for name in ("updates", "seconds", "escaped", "inner", "returned", "staleness"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    # and it is where a run that is evaluated at each update first is beyond R
    scenario = parse(SADDLE, EXPONENTIAL, "workers.count=3", "seed=4", "run.evaluate_every=1",
                     "run.updates=400")  # fmt: skip
    losses = asysim.run(scenario).curve["loss"].to_numpy()
    row = compiled.rows[1]
    far = np.flatnonzero(losses < -0.05)  # ½ · 0.1 · R², but for what the other direction adds
    assert abs(int(far[0]) - int(row.updates[3])) <= 1


def test_a_schedule_without_chance_is_played_once_for_all_seeds_with_the_same_result():
    base = parse(SADDLE, *FEW)
    study = escape(base)
    one = prepared_for(base).scenario
    assert one is base
    played = escape(parse(SADDLE, *FEW, "engine=simpy"))
    for row, other in zip(study.rows, played.rows, strict=True):
        np.testing.assert_array_equal(row.updates, other.updates)
    alone = escape(parse(SADDLE, *FEW, "seed=7", "escape.seeds=1"))
    for row, other in zip(study.rows, alone.rows, strict=True):
        assert row.updates[6] == other.updates[0]


def test_several_processes_make_the_same_table():
    text = (SADDLE, "escape.seeds=40", "escape.workers=[2]")
    one, two = escape(parse(*text)), escape(parse(*text), processes=2)
    assert table(one).csv() == table(two).csv()


class KilledError(Exception):
    """Stands for whatever ends a study."""


def test_a_study_that_was_cut_short_goes_on_and_comes_to_the_same(tmp_path, monkeypatch):
    scenario = parse(SADDLE, *FEW)
    whole = table(escape(scenario)).csv()
    made = []

    def dies(task: EscapeTask, problem: Any) -> Passages:
        if len(made) == 3:
            raise KilledError
        made.append(passages(task._replace(seeds=max(1, task.seeds - 1)), problem))
        return made[-1]

    folder = tmp_path / "study"
    with monkeypatch.context() as patched:
        patched.setattr(study_module, "passages", dies)
        with pytest.raises(KilledError):
            escape(scenario, folder=folder)
    kept = contents(folder / "attempts")
    assert len(kept) == 3
    calls = []
    again = escape(scenario, folder=folder, progress=lambda done, of: calls.append((done, of)))
    assert table(again).csv() == whole
    assert calls[0] == (sum(map(len, made)), 24)
    assert kept.items() <= contents(folder / "attempts").items()
    # More seeds take what is there; fewer are a part of it.
    more = escape(parse(SADDLE, *FEW, "escape.seeds=20"), folder=folder)
    fewer = escape(parse(SADDLE, *FEW, "escape.seeds=5"), folder=folder)
    for one, other, another in zip(again.rows, more.rows, fewer.rows, strict=True):
        np.testing.assert_array_equal(one.updates, other.updates[:12])
        np.testing.assert_array_equal(one.updates[:5], another.updates)
    # Another radius would be other runs.
    with pytest.raises(InputError, match="a study of another scenario"):
        escape(parse(SADDLE, *FEW, "escape.radius=2.0"), folder=folder)


def test_a_damaged_file_is_made_again(tmp_path):
    scenario, folder = parse(SADDLE, *FEW), tmp_path / "study"
    whole = table(escape(scenario, folder=folder)).csv()
    file = sorted((folder / "attempts").iterdir())[0]
    for text in ('{"workers": 1}', file.read_text().replace("[", "[-1, ", 1), "\0"):
        file.write_text(text)
        with pytest.warns(UserWarning, match="damaged"):
            again = escape(scenario, folder=folder)
        assert table(again).csv() == whole


def test_what_is_kept_is_read_again():
    made = passages(EscapeTask(asysim.scenario.to_toml(parse(SADDLE, *FEW)), 3, 5, 4))
    assert Passages.from_json(made.to_json()) == made
    assert (made.workers, made.seed, len(made)) == (3, 5, 4)


def test_runs_that_do_not_escape_are_bounds_and_say_so():
    study = escape(parse(SADDLE, *FEW, "run.updates=60"))
    for row in study.rows:
        assert not row.all_escaped
        assert row.updates.max() <= 60
        assert row.off is None
    shown = table(study)
    assert "had not escaped when they were over" in shown.sentence
    assert shown.records[0]["updates_bound"] == "at least"


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        (["run.updates=60"], "run.updates should be larger."),
        (["run={seconds=30}"], "run.seconds should be larger."),
        (["run={seconds=25, updates=40}"], "run.updates and run.seconds should be larger."),
        (
            ["run.updates=60", "problem.noise=0"],
            "there is no noise, and they begin where nothing leads away from the saddle, so that "
            "none can, however long; problem.noise, update.perturbation or another problem.start "
            "would.",
        ),
        (["run.updates=20", "problem.noise=0", "problem.start=[0.1, 0.01]"],
         "run.updates should be larger."),
        (["run.updates=20", "problem.noise=0", "update.perturbation={kind='ball', scale=1e-3}"],
         "run.updates should be larger."),
        (["workers={compute=1.0, groups=[{count=3, leaves=9.0}]}"], "no worker was left to go on."),
    ],
)  # fmt: skip
def test_what_would_let_runs_escape_is_said(changes, advice):
    study = escape(parse(SADDLE, *FEW, *changes))
    assert table(study).sentence.endswith(f"had not escaped when they were over: {advice}")


def test_a_row_between_that_did_not_escape_is_told():
    study = escape(parse(SADDLE, "escape={workers=[1, 3, 17], seeds=5}", "run.updates=105"))
    left = [int((~row.escaped).sum()) for row in study.rows]
    assert sum(left) > 0
    assert table(study).sentence.startswith(f"{sum(left)} run")


def test_what_has_escaped_along_a_straight_direction_does_not_come_back():
    study = escape(parse(SADDLE, *FEW, "escape.afterwards=300"))
    assert all((row.returned == -1).all() for row in study.rows)
    # but the oscillation of one that is unstable does: x passes 0 again and again
    shaken = escape(parse(SADDLE, "escape={workers=[5], seeds=20, afterwards=100}",
                          "problem.eigenvalues=[0.5, -0.001]"))  # fmt: skip
    assert (shaken.rows[0].returned > shaken.rows[0].updates).all()


def test_an_objective_of_ones_own_is_left_from_its_start_where_it_knows_no_saddle():
    class Slope(Quadratic):
        critical_points = None

    problem = Slope([-0.1], noise=0.01, start=0.5)
    study = escape(parse(SADDLE, *FEW, "escape.radius=0.25"), problem=problem)
    assert study.goal.point is None
    assert study.rows[0].foretold == "the law is for a saddle that is known"
    assert study.rows[0].all_escaped


def test_distances_of_an_objective_of_ones_own_may_be_numbers_of_numpy(tmp_path):
    class Trough(Quadratic):
        def critical_points(self):
            away = CriticalPoint("trough", np.zeros(2), -0.1, lambda x: np.abs(x[1]))
            return (away,)

    problem = Trough([0.0, -0.1], noise=0.01, start=0.0)
    scenario = parse(SADDLE, *FEW, "escape.radius=0.25")
    studies = [escape(scenario, problem=problem, folder=one) for one in (None, tmp_path / "kept")]
    assert all(row.all_escaped for study in studies for row in study.rows)


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        (["problem.eigenvalues=[0.1, 0.2]"], "escape.saddle", "a saddle: nothing leaves a minimum"),
        (["problem.start=0.9"], "escape.radius", "more than 1.27279, the distance from the saddle"),
        (["escape.saddle=top"], "escape.saddle", "one of those known: 'origin'"),
        (["problem={kind='logistic', data={kind='classification'}}"], "escape.radius",
         "none, and the problem knows no saddle"),
        (["escape.radius=0"], "escape.radius", ""),
        (["workers={count=2, compute=1.0, speed=[1.0, 1.0]}"], "workers.speed", "2 factors"),
    ],
)  # fmt: skip
def test_what_can_not_be_studied_is_one_fault(changes, key, text):
    with pytest.raises(InputError) as found:
        escape(parse(SADDLE, *changes))
    (fault,) = found.value.faults
    assert fault.key == key
    assert text in f"{fault.found}, {fault.expected}"


def test_the_command(tmp_path):
    file = str(ROOT / "scenarios/saddle.toml")
    words = ["escape", file, "escape.seeds=30", "escape.workers=[1, 5]", "--jobs=1"]
    out = tmp_path / "study"
    said = command(*words, "--out", str(out))
    assert (said.code, said.err) == (0, "")
    assert "With p = 5 escape takes" in " ".join(said.out.split())
    names = {path.name for path in out.iterdir()}
    assert {"escape.png", "table.md", "table.csv", "table.tex", "study.json", "attempts"} <= names
    again = command(*words, "--out", str(out), "--json", "--no-pictures")
    rows = json.loads(again.out)["rows"]
    assert [row["workers"] for row in rows] == [1, 5]
    assert rows[0]["law_growth"] == pytest.approx(1.1)
    late = command(*words, "--out", str(tmp_path / "late"), "run.updates=50", "--no-pictures")
    assert late.code == 3
    wrong = command(*words, "problem.eigenvalues=[1.0, 2.0]")
    assert wrong.code == 2
    assert wrong.err.count("escape.saddle") == 1


def test_a_saddle_whose_name_has_a_space_is_studied_in_the_default_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = str(ROOT / "scenarios/limits_chain.toml")
    words = ["escape.seeds=3", "escape.workers=[1]", "algorithm.step=0.01"]
    words += ["--json", "--no-pictures", "--jobs=1"]
    done = command("escape", file, *words)
    assert done.code == 0, done.err
    again = command("escape", file, *words, "escape.saddle='saddle 1'")
    assert again.out == done.out
