"""`asysim theory`: constants, verdicts, workers and times of a scenario, and bounds over a run."""

from __future__ import annotations

import json
import math
from html import escape

import numpy as np
import pytest

import asysim
from asysim.problems import Quadratic
from asysim.scenario import parse
from asysim.schedule import simulate
from asysim.show import notebook
from asysim.show.theory_picture import picture, running_mean
from asysim.show.theory_tables import as_json, tables
from asysim.theory.assessing import assess
from asysim.theory.assessment import RunFacts
from asysim.theory.ball import is_outside
from asysim.theory.staleness_bound import staleness_of
from asysim.theory.verdict import judge
from asysim.trace.stream import limited
from asysim.updates.theorem import theorem_step
from tests.support import BASE, ROOT, command

CON = BASE.replace('kind = "quadratic"', 'kind = "quadratic"\nnoise = 1.0\neigenvalues = [1, 0.5]')
CON = CON.replace("dimension = 20\n", "").replace("workers]", "workers]  # p")
COORDINATES = CON.replace('"asysg-con"', '"asysg-incon"\nwrite = "coordinate"')


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "con.toml").write_text(CON)
    (tmp_path / "incon.toml").write_text(COORDINATES)
    return tmp_path


def told(*words):
    said = command("theory", *words, "--json", "--no-pictures")
    assert (said.code, said.err) == (0, "")
    assert said.out.count("\n") == 1
    return json.loads(said.out)


def assessed(text, *changes, **options):
    scenario = parse(text, *changes)
    return assess(scenario, scenario.problem.build(), **options)


def test_the_tables_and_the_picture(here):
    said = command("theory", ROOT / "scenarios" / "asysg_con.toml")
    assert (said.code, said.err) == (0, "")
    titles = ("what is known of the problem", "The step", "The most workers", "Time to E‖∇f‖² ≤ ε")
    places = [said.out.index(title) for title in titles]
    assert places == sorted(places)
    assert "known: the problem's own" in said.out
    assert "Condition: not met." in said.out
    assert said.out.splitlines()[-1] == "picture: theory.png"
    assert (here / "theory.png").read_bytes().startswith(b"\x89PNG")
    again = command("theory", "con.toml")
    assert again.code == 0, "a picture of its own is drawn anew"


def test_from_python_a_run_is_assessed_as_the_command_does():
    assert command("run", "con.toml", "--out", "run").code == 0
    run = asysim.load_run("run")
    found = asysim.assess(run)
    assert json.loads(as_json(found, None)) == told("run")
    assert found.updates == run.trace.updates
    assert found.staleness.bound == run.trace.staleness.max()
    of_scenario = asysim.assess(run.scenario, points=2)
    assert json.loads(as_json(of_scenario, None)) == told("con.toml", "--points", "2")
    shown = notebook.html(found)
    assert all(escape(table.sentence) in shown for table in tables(found))
    norms = asysim.plots.theory(found, run).axes[0]
    assert norms.get_legend_handles_labels()[1][0] == "mean so far, of the run"
    assert "mean so far" not in asysim.plots.theory(found).axes[0].get_legend_handles_labels()[1][0]


def test_what_is_recalled_and_what_is_derived_says_so():
    for name in ("con", "incon"):
        said = command("theory", f"{name}.toml", "--no-pictures").out
        assert "as derived" in said
        assert "as recalled" in said.lower()
        assert "constant 1" in said
    varying = 'algorithm.step={kind="decaying", initial=0.01}'
    assert "Theorem 1 (as recalled)" in told("con.toml", varying)["because"][0]
    assert "Theorem 3 (as derived)" in told("incon.toml")["because"][0]
    assert "Theorem 3 (as recalled)" in told("incon.toml", "--recalled")["because"][0]


def test_numbers_are_those_of_the_formulas():
    found = told("con.toml", "run.updates=4000", "algorithm.batch_size=2")
    gap, start = 0.75, 1.25  # ½ Σ λ and Σ λ² at x_1 = (1, 1)
    assert found["constants"]["Δ"]["value"] == gap
    assert found["start_gradient_norm2"] == start
    assert found["staleness_bound"] == 3, "p − 1"
    assert found["least_updates"] == pytest.approx(4 * 2 * gap * 16)
    assert found["corollary_step"] == pytest.approx(math.sqrt(gap / (2 * 4000)))
    assert found["corollary_bound"] == pytest.approx(4 * math.sqrt(gap / (2 * 4000)))
    assert found["condition"] == pytest.approx(0.02 + 2 * (0.02 * 3) ** 2)
    assert found["bound"] == pytest.approx(2 * gap / (2 * 4000 * 0.01) + 0.01 + 12 * 1e-4)
    own, agarwal, lian, wang = found["limits"]
    assert own["workers"] == own["low"] == own["high"] == math.isqrt(int(4000 / (8 * gap)))
    assert agarwal["workers"] == pytest.approx(4000**0.25 * 2**-0.75)
    assert lian["workers"] == pytest.approx(2000**0.5)
    assert wang["workers"] == pytest.approx(2000 ** (1 / 3))
    assert {one["constant"] for one in (agarwal, lian, wang)} == {1}


def test_the_condition_has_three_outcomes_and_silence():
    long = "run.updates=1000000"
    assert told("con.toml", long)["verdict"] == "met"
    too_long = told("con.toml", long, "algorithm.step=0.4")
    assert too_long["verdict"] == "not met"
    assert too_long["bound"] is None
    assert "it says nothing" in too_long["because"][0]
    short = told("con.toml", "run.updates=50")
    assert short["verdict"] == "vacuous"
    assert "an x that never moves" in short["because"][1]
    momentum = told("con.toml", long, "update.momentum=0.5")
    assert (momentum["verdict"], momentum["condition"]) == ("silent", None)
    assert "update.momentum" in momentum["because"][0]
    dense = told("incon.toml", "algorithm.write=dense")
    assert 'algorithm.write = "dense"' in dense["because"][0]
    assert (
        "The corollary is of another update than this scenario's: see above."
        in (dense["sentences"])
    )
    resting = told("con.toml", "problem.start=0")
    assert resting["verdict"] == "vacuous"
    assert "x_1 is a minimum" in resting["because"][1]


UNENFORCED = [
    ["workers.compute={law='exponential', mean=1e-3}"],
    ["workers.compute={law='pareto', mean=1e-3, alpha=1.5}"],
    ["algorithm.name='asysg-incon'", "algorithm.write='coordinate'"],
]


@pytest.mark.parametrize("changes", UNENFORCED)
def test_a_t_that_nothing_enforces_makes_no_verdict_and_no_bound(changes):
    found = told("con.toml", *changes, "run.updates=1000000")
    assert (found["staleness_bound"], found["staleness_bound_is_proven"]) == (3, False)
    assert found["verdict"] == "met if T is enforced"
    assert found["bound"] is found["corollary_bound"] is None
    assert "if T were 3, which nothing enforces" in found["because"][1]
    assert found["sentences"][1].startswith("Condition: met if T is enforced. ")
    assert "T = 3 would be within" in found["sentences"][2]
    assert found["sentences"][2].endswith("but nothing enforces it.")
    assessment = assess(parse(CON, *changes, "run.updates=1000000"), parse(CON).problem.build())
    assert "met if T is enforced" in notebook.html(assessment)
    with pytest.raises(ValueError, match="condition is met"):
        assessment.bounds([10])
    drawn = picture(assessment)
    assert drawn.get_suptitle().endswith("condition met if T is enforced")
    lines = drawn.axes[0].get_legend_handles_labels()[1]
    assert not [label for label in lines if "Theorem" in label or "Corollary" in label]
    enforced = told("con.toml", *changes, "run.updates=1000000", "algorithm.staleness_bound=3")
    assert enforced["verdict"] == "met"
    assert enforced.keys() == found.keys()


def test_the_t_of_fixed_times_is_the_largest_of_the_schedule():
    """The seven fast workers make some 7000 updates a second, which the slow one takes for one."""
    words = ["workers.groups=[{count=1, compute=1.0}, {count=7, compute=1e-3}]", "workers.count=8",
             "run.updates=20000"]  # fmt: skip
    found = told("con.toml", *words)
    run = asysim.run(parse(CON, *words, "run.evaluate_every=20000"))
    assert found["staleness_bound"] == run.recorded.counts.max_staleness > 5000
    assert found["staleness_bound_is_proven"]
    assert found["verdict"] == "not met"
    unlike = "workers.groups=[{count=1, compute=1e-3}, {count=1, compute=1.001e-3}]"
    drifting = ["workers.count=2", unlike]
    assert told("con.toml", *drifting, "run.updates=9000")["staleness_bound"] == 2, "not p − 1 = 1"


@pytest.mark.parametrize("change", [
    "workers.compute=1e-3", "server={service=1e-3}", "network={pull=3e-3, push=2e-3}",
    "server={service=0.1}",
])  # fmt: skip
def test_equal_workers_of_fixed_times_take_turns(change):
    scenario = parse(CON, "workers.count=5", change)
    late = staleness_of(scenario, 2, 10**12)
    assert (late.bound, late.is_proven) == (4, True)
    run = asysim.run(parse(CON, "workers.count=5", change, "run.updates=3000"))
    assert run.recorded.counts.max_staleness <= 4


RULES = ["{kind='ssp', slack=0}", "{kind='ssp', slack=1}", "{kind='ssp', slack=3}",
         "{kind='round-robin'}", "{kind='ringmaster', delay=6}",
         "{kind='ringmaster', delay=6, late='stop'}"]  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("workers", [2, 4])
def test_no_gradient_is_older_than_its_rule_lets_it_be(rule, workers):
    """Whatever times are; heavy tails come close, and two workers of SSP there."""
    scenario = parse(CON, f"coordination={rule}", f"workers.count={workers}", "run.updates=30000",
                     "workers.compute={law='pareto', mean=1e-3, alpha=1.05}")  # fmt: skip
    most = scenario.played.most_staleness(workers)
    blocks = limited(simulate(scenario, 2), updates=30_000)
    largest = max(int(block.rows.staleness.max(initial=0)) for block in blocks)
    assert largest <= most
    assert largest == most or workers > 2 or "ringmaster" in rule
    late = staleness_of(scenario, 2, 30_000)
    assert (late.bound, late.is_proven) == (most, True)


def test_estimates_from_below_prove_nothing_by_themselves():
    scenario = ROOT / "scenarios" / "asysg_con.toml"
    words = ["problem.l2=0", "algorithm.step=1e-6", "algorithm.staleness_bound=2",
             "run.updates=100000000"]  # fmt: skip
    found = told(scenario, *words, "--samples", "16", "--points", "2")
    assert found["constants"]["Δ"]["high"] is None
    assert "may be larger elsewhere: what is met here may then fail." in found["sentences"][1]
    own = found["limits"][0]
    said = found["sentences"][2]
    assert f"the {own['workers'] - 1:,} up to which" in said
    assert "would prove linear speedup if Δ" in said
    assert f"all that is known is p ≤ {own['high']:,}" in said


PHASE = ["problem={kind='phase_retrieval', dimension=4, start=0.1}", "workers.count=1",
         "run={updates=300, evaluate_every=1}"]  # fmt: skip


def test_constants_of_a_ball_say_nothing_of_a_run_that_left_it(here):
    left = asysim.run(parse(BASE, *PHASE, "algorithm.step=0.024"), folder=here / "left")
    assert left.status == "diverged"
    found = told("left")
    assert (found["verdict"], found["bound"], found["corollary_bound"]) == ("silent", None, None)
    assert "‖x‖ ≤ 1.414, and the run went to ‖x‖ = " in found["because"][0]
    assert found["limits"][0]["workers"] is None
    assert found["complexities"] == []
    stayed = asysim.assess(asysim.run(parse(BASE, *PHASE, "algorithm.step=1e-7")))
    assert stayed.verdict.word in ("met", "vacuous")
    assert "of a run that leaves it nothing is said" in stayed.verdict.sentences[-1]


def test_a_matrix_is_as_large_as_its_spectral_norm():
    problem = parse(
        BASE, "problem={kind='symmetric_factorization', size=3, rank=2}"
    ).problem.build()
    inside = 0.9 * problem.radius * np.eye(3)[:, :2].ravel()
    assert np.linalg.norm(inside) > problem.radius
    assert not is_outside(problem, inside)
    assert is_outside(problem, 1.2 * inside)
    assert is_outside(problem, inside * np.nan)


def test_accuracies_are_below_what_is_there_at_the_start():
    found = told("con.toml", "problem.start=[1.0, 0.0]")
    assert found["start_gradient_norm2"] == 1.0, "a power of ten"
    assert [one["accuracy"] for one in found["complexities"]] == [
        pytest.approx(10.0**-k) for k in range(1, 6)
    ]


def test_an_assessment_is_told_in_a_line():
    found = assessed(CON)
    assert repr(found) == f"Assessment({found.scenario.name}: {found.sentence})"
    assert "\n" not in str(found)


def test_a_saddle_to_begin_on():
    """There f* is not known, and a descent that stays shows no lower loss: Δ is not 0."""
    found = told(ROOT / "scenarios" / "saddle.toml")
    assert found["constants"]["Δ"]["value"] is None
    assert found["verdict"] == "silent"
    assert "Δ" in found["because"][0]
    assert found["complexities"] == []


def test_constants_that_make_everything_vacuous():
    huge = 'algorithm.step={kind="theorem", smoothness=1e30, gap=1e30, variance=1e-30}'
    found = told("con.toml", huge)
    assert found["verdict"] in ("not met", "vacuous")
    assert found["limits"][0]["workers"] == 0
    said = " ".join(command("theory", "con.toml", huge, "--no-pictures").out.split())
    assert "says nothing" in said
    assert "assumed: algorithm.step says so" in said
    beyond = judge(
        assessed(CON).theorem.__class__(
            gap=1.0, smoothness=1e200, variance=1.0, batch_size=1, staleness_bound=3
        ),
        1e10, 10, 1.0,
    )  # fmt: skip
    assert beyond.word == "vacuous"
    assert "beyond all numbers" in beyond.sentences[0]


def test_the_staleness_that_counts():
    assert told("con.toml", "algorithm.staleness_bound=9")["staleness_bound"] == 9
    ring = told("con.toml", 'coordination={kind="ringmaster", delay=5}')
    assert ring["staleness_bound"] == 4
    barrier = told("con.toml", 'coordination={kind="synchronous"}')
    assert (barrier["staleness_bound"], barrier["verdict"]) == (0, "silent")
    assert "nothing enforces a T" in told("con.toml")["staleness_bound_is"]


def test_a_run_has_its_own_staleness_length_and_curve(here):
    run = asysim.run(
        parse(CON, "run={updates=300, evaluate_every=7}",
              'workers.compute={law="exponential", mean=1e-3}'),
        folder=here / "run",
    )  # fmt: skip
    found = told("run")
    assert found["updates"] == 300
    assert found["staleness_bound"] == run.recorded.counts.max_staleness > 3
    said = command("theory", "run")
    assert said.code == 0
    assert (here / "run" / "theory.png").exists()
    assert asysim.load_run(here / "run").outcome.updates == 300, "the run is as it was"
    refused = command("theory", "run", "run.updates=3")
    assert refused.code == 2
    assert "can't be changed" in refused.err


def test_the_running_mean_is_the_curves_where_every_update_is_evaluated():
    scenario = parse(CON, "run={updates=200, evaluate_every=1}")
    run = asysim.run(scenario)
    points = run.outcome.points
    found = assess(scenario, scenario.problem.build())
    k, mean = running_mean(found, points)
    assert k.tolist() == list(range(1, 201))
    own = [point.mean_gradient_norm2 for point in points[:-1]]
    assert mean == pytest.approx(own)


def test_the_running_mean_is_weighed_by_steps_that_vary():
    scenario = parse(CON, "run={updates=60, evaluate_every=1}",
                     'algorithm.step={kind="decaying", initial=0.1}')  # fmt: skip
    points = asysim.run(scenario).outcome.points
    found = assess(scenario, scenario.problem.build())
    steps = 0.1 / (1 + np.arange(60)) ** 0.5
    norms = np.array([point.gradient_norm2 for point in points[:-1]])
    _, mean = running_mean(found, points)
    assert mean[-1] == pytest.approx((steps * norms).sum() / steps.sum())
    assert found.bounds([60])[0] == found.verdict.bound
    assert len(picture(found, points).axes) == 2


@pytest.mark.parametrize("text", [CON, COORDINATES])
@pytest.mark.parametrize(
    "step", ["0.01", '{kind="decaying", initial=0.02, offset=50}'], ids=["constant", "decaying"]
)
def test_a_runs_own_mean_stays_below_the_bound_drawn_over_it(text, step):
    """Seeded; the mean of 2000 updates is below half of its bound, at noise of a few per cent."""
    scenario = parse(text, f"algorithm.step={step}", "run={updates=2000, evaluate_every=1}",
                     "algorithm.staleness_bound=6",
                     'workers.compute={law="exponential", mean=1e-3}')  # fmt: skip
    run = asysim.run(scenario)
    found = assess(scenario, scenario.problem.build())
    assert found.verdict.bound is not None
    k, mean = running_mean(found, run.outcome.points)
    assert (mean <= found.bounds(k.astype(int).tolist())).all()


def test_a_theorems_step_is_that_of_the_scenario():
    found = assessed(CON, 'algorithm.step={kind="theorem"}', "run.updates=5000")
    step = theorem_step(gap=0.75, smoothness=1.0, variance=1.0, batch_size=1, updates=5000)
    assert found.step == step == found.corollary_step[0]
    assert found.verdict.word == "met"


def test_estimated_constants_make_an_interval_of_workers():
    scenario = ROOT / "scenarios" / "asysg_con.toml"
    document = told(scenario, "problem.l2=0", "--samples", "64", "--points", "2")
    gap = document["constants"]["Δ"]
    assert (gap["origin"], gap["high"]) == ("estimated", None)
    own = document["limits"][0]
    assert own["low"] is None
    assert own["workers"] <= own["high"]
    said = command("theory", scenario, "problem.l2=0", "--points", "2", "--no-pictures").out
    assert "≤" in said
    assert "no less" in " ".join(said.split())


def test_times_of_random_and_of_fixed_workers():
    fixed = told("con.toml")
    assert fixed["times"].startswith("Times are fixed")
    assert all(len(one["best"]) == 3 for one in fixed["complexities"]), "equal workers"
    law = 'workers.compute={law="exponential", mean=1e-3}'
    drawn = told("con.toml", law)
    ratios = [o["synchronous_seconds"] / o["asynchronous_seconds"] for o in drawn["complexities"]]
    assert ratios == pytest.approx([25 / 12] * len(ratios)), "H_4, the slowest of four"
    slow = told("con.toml", "workers={count=4, speed=[1, 1, 1, 0.001], compute=1e-3}")
    assert slow["complexities"][0]["best"][-1] == "Rennala, Ringmaster"
    assert "synchronous" not in slow["complexities"][0]["best"]
    assert told("con.toml", "workers.compute=0", "network={pull=1e-3}")["complexities"] == []


def test_what_can_not_be_asked(here):
    def refused(*words):
        said = command("theory", *words)
        assert (said.code, said.out) == (2, "")
        assert "Traceback" not in said.err
        return said.err

    assert "64-bit numbers" in refused("con.toml", "--tolerance", "1e-17")
    assert "from 2 to" in refused("con.toml", "--samples", "1")
    assert "from 1 to" in refused("con.toml", "--points", "0")
    assert "run.updates" in refused("con.toml", "run={seconds=1.0}")
    assert "none.toml" in refused("none.toml")
    (here / "empty").mkdir()
    assert "empty" in refused("empty")
    (here / "theory.png").write_text("mine")
    assert "file exists" in refused("con.toml")


class Blind(Quadratic):
    """One without Hessian-vector products, that knows nothing of itself."""

    hvp = None

    def constants(self):
        return asysim.problems.base.Constants()


def test_a_problem_without_second_derivatives():
    scenario = parse(CON)
    found = assess(scenario, Blind([1.0, 0.5], noise=1.0))
    assert found.constants["L"].value == pytest.approx(1.0, rel=1e-6)
    assert "differences of gradients" in found.constants["L"].how
    assert found.constants["ρ"].value is None
    assert "hvp" in found.constants["ρ"].how
    assert json.loads(as_json(found, None))["constants"]["ρ"]["value"] is None


def test_a_run_that_made_no_update():
    scenario = parse(CON)
    problem = scenario.problem.build()
    with pytest.raises(asysim.InputError, match="no update"):
        assess(scenario, problem, seen=RunFacts(0, 0, (problem.start(),), 0.0))


def test_of_a_run_that_went_to_infinity_is_said_what_is_not_finite():
    words = ["problem={kind='symmetric_factorization',size=5,rank=2}", "algorithm.step=1e100"]
    found = asysim.assess(asysim.run(parse(BASE, *words)))
    unknown = [one for one in found.constants.values() if one.value is None]
    assert any("not finite" in one.how for one in unknown)
    assert all(one.value is None or math.isfinite(one.value) for one in found.constants.values())
    assert "nan" not in as_json(found, None)
