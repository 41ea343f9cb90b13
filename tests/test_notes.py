"""What a run is told besides its numbers: stopped clocks, saddles, theorems that don't hold."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import asysim
from asysim.problems.base import curvature_of
from asysim.problems.data import low_rank_matrix, random_mask
from asysim.problems.factorization import MatrixFactorization
from asysim.scenario import parse
from asysim.show import notebook
from asysim.show.notes import notes, trace_notes
from asysim.show.theorem import RunVerdict
from asysim.trace import Trace
from tests.support import BASE, command

THEOREM = BASE.replace("step = 0.01", 'step = {kind = "theorem"}')


def told(*changes, text=BASE):
    return notes(asysim.run(parse(text, *changes)))


def test_a_plain_run_has_none():
    assert told() == []


def test_a_note_is_shown_wherever_a_run_is(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(BASE)
    run = command("run", path, "--out", tmp_path / "run", "--no-pictures", "workers.compute=0",
                  "workers.count=50")  # fmt: skip
    (note,) = notes(asysim.load_run(tmp_path / "run"))
    assert note in run.out
    assert "inf" not in run.out
    assert "law says" not in run.out
    for shown in (tmp_path / "run", tmp_path / "run" / "trace.parquet"):
        assert note in command("show", shown).out
        assert json.loads(command("show", shown, "--json").out)["notes"] == [note]
    kept = asysim.load_run(tmp_path / "run")
    assert note.replace("'", "&#x27;") in notebook.html(kept)
    assert note.replace("'", "&#x27;") in notebook.html(kept.trace)


def test_where_time_stands_still_it_is_told():
    (note,) = told("workers.compute=0", "workers.count=50")
    assert "worker 0 did all" in note
    (note,) = told("workers.compute=0", "coordination.kind=round-robin")
    assert "one instant" in note
    assert "did all" not in note


@pytest.mark.parametrize(
    ("change", "key", "what"),
    [
        ("workers.compute=1e-10", "workers.compute", "counts as 0"),
        ('network.push={law="uniform",low=0,high=1e-9}', "network.push", "50%"),
        ('server.service={law="gamma",mean=1e-3,cv=10.0}', "server.service", "83%"),
        ("network.pull=1.4e-9", "network.pull", "makes 1 ns of a mean of 1.4 ns"),
        ("network.server_bandwidth=3e11", "network.server_bandwidth", "makes 1 ns"),
    ],
)
def test_what_the_clock_does_not_see_is_told(change, key, what):
    said = told(change, "run.updates=200")
    (note,) = dict.fromkeys(note for note in said if note.startswith(key))
    assert what in note


def test_lock_free_sweeps_are_told_too():
    said = told("algorithm.name=asysg-incon", "memory.write=1e-10", "run.updates=100")
    assert [note.split()[0] for note in said] == ["memory.write"]


def test_a_trace_alone_knows_what_its_scenario_says():
    trace = asysim.run(parse(BASE, "network.pull=1.4e-9")).trace
    assert len(trace_notes(trace)) == 1
    bare = Trace(trace.facts, trace.ticks, replace(trace.info, scenario={}))
    assert trace_notes(bare) == []


SADDLES = {
    "saddle": ("problem.dimension=", "problem.eigenvalues=[1.0,-0.1]", "problem.start=0"),
    "factorization": ('problem={kind="matrix_factorization",start_scale=1e-6}',),
    "partly observed": ('problem={kind="matrix_factorization",start_scale=1e-6,observed=0.5}',),
}


@pytest.mark.parametrize("name", SADDLES)
def test_a_saddle_is_no_target(name, tmp_path):
    scenario = parse(BASE, *SADDLES[name], "run.target_gradient=1e-3")
    run = asysim.run(scenario, folder=tmp_path / "run")
    assert run.status == "target reached"
    assert run.outcome.updates == 0
    (note,) = notes(run)
    assert "no minimum" in note
    assert "run.target_loss" in note
    assert notes(asysim.load_run(tmp_path / "run")) == [note]
    both = asysim.run(parse(BASE, *SADDLES[name], "run.target_gradient=1e-3",
                            "run.target_loss=1e9"))  # fmt: skip
    assert notes(both) == []  # it was a loss that was reached


@pytest.mark.real
def test_a_saddle_is_told_of_a_real_run_too():
    scenario = parse(BASE, *SADDLES["saddle"], "run.target_gradient=1e-3")
    (note,) = notes(asysim.run(scenario, on="processes"))
    assert "-0.1" in note


def test_a_minimum_is_not_doubted():
    assert told("run.target_gradient=1e-2") == []
    assert told('problem={kind="logistic"}', "run.target_gradient=1e-1") == []
    known = MatrixFactorization(low_rank_matrix(6, 5, rank=2, seed=1), rank=2, start_scale=0.5)
    scenario = parse(BASE, "algorithm.step=0.1", "run.target_gradient=1e-12",
                     "run.updates=20000")  # fmt: skip
    run = asysim.run(scenario, problem=known)
    assert run.status == "target reached"
    assert notes(run) == []


def test_where_nothing_is_known_a_word_is_said():
    (note,) = told('problem={kind="mlp",layers=[64,4,10]}', "run.target_gradient=1e3")
    assert "nothing is known" in note


@pytest.mark.parametrize("observed", [1.0, 0.6])
def test_curvature_of_a_factorization_bounds_its_hessian(observed):
    matrix = low_rank_matrix(5, 4, rank=3, seed=3)
    mask = random_mask(matrix.shape, observed, seed=4)
    problem = MatrixFactorization(matrix, rank=2, observed=mask)
    n = problem.dimension
    for scale in (0.0, 0.01, 0.3, 1.0):
        x = scale * np.random.default_rng(5).standard_normal(n)
        hessian, step = np.empty((n, n)), 1e-5
        up, down = np.empty(n), np.empty(n)
        for i in range(n):
            move = step * np.eye(n)[i]
            problem.full_gradient(x + move, up)
            problem.full_gradient(x - move, down)
            hessian[i] = (up - down) / (2 * step)
        least = float(np.linalg.eigvalsh((hessian + hessian.T) / 2)[0])
        found = curvature_of(problem, x)
        assert found.low == -np.inf
        assert found.high >= least - 1e-7
        if scale == 0:  # there it is exact
            sigma = np.linalg.svd(np.where(mask, matrix, 0))[1][0]
            assert found.high == pytest.approx(least, abs=1e-7)
            assert found.high == pytest.approx(-sigma / mask.sum())


def test_the_step_of_the_theorem_is_a_number():
    run = asysim.run(parse(THEOREM))
    verdict = RunVerdict.of(run)
    # Δ = f(x_1) = ½ Σλ, L = 1, σ² = 1, M = 1, K = 2,000; T from the run, as nothing enforces one.
    gap = run.outcome.points[0].loss
    assert verdict.corollary.step == pytest.approx((gap / 2000) ** 0.5)
    assert verdict.corollary.least_updates(3) == pytest.approx(4 * gap * 16)
    assert (verdict.bound, verdict.largest, verdict.holds) == (None, 3, True)
    assert f"γ = {verdict.corollary.step:.4g}" in notebook.html(run)
    assert "staleness_bound is absent" in verdict.sentence
    assert notes(run) == []
    assert run.outcome.points[-1].mean_gradient_norm2 < verdict.corollary.bound


def test_a_condition_that_fails_is_told(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(THEOREM)
    words = ("run.updates=20", "workers.count=40", "algorithm.staleness_bound=30")
    run = command("run", path, *words, "--out", tmp_path / "run", "--no-pictures", "--json")
    said = json.loads(run.out)
    theorem = said["theorem"]
    gap = theorem["gap"]
    assert theorem["least_updates"] == pytest.approx(4 * gap * 31**2)
    reach = (gap / 20) ** 0.5
    assert theorem["condition"] == pytest.approx(reach + 2 * (reach * 30) ** 2)
    assert (theorem["holds"], theorem["bound"]) == (False, None)
    assert any("says nothing of this run" in note for note in said["notes"])
    shown = command("show", tmp_path / "run").out
    assert "fails" in shown
    assert f"γ = {theorem['step']:.4g}" in shown
    assert any("above the" in note for note in said["notes"])  # and the loss rose


def test_nothing_is_said_of_a_run_that_diverged():
    """With an L that is far too small, as a scenario may say, the condition holds."""
    wrong = '{kind="theorem", smoothness=1e-4, gap=10.0, variance=1.0}'
    run = asysim.run(parse(THEOREM, f"algorithm.step={wrong}", "run.updates=5000"))
    assert run.status == "diverged"
    verdict = RunVerdict.of(run)
    assert verdict.is_long_enough
    assert not verdict.holds
    assert verdict.to_document()["bound"] is None
    assert "at most" not in verdict.sentence
    assert verdict.sentence.endswith("where a run diverges: it says nothing here")
    assert verdict.sentence in notes(run)
    assert asysim.assess(run).verdict.word == "silent"


def test_between_the_two_conditions_theorem_1_speaks():
    # K a little below 4MLΔ(T+1)²/σ²: LMγ + 2(LMTγ)² is still below 1.
    gap = parse(THEOREM).problem.build().value(np.ones(20))
    updates = int(4 * gap * 16 * 0.8)
    run = asysim.run(parse(THEOREM, f"run.updates={updates}"))
    verdict = RunVerdict.of(run)
    assert verdict.is_short_enough
    assert not verdict.is_long_enough
    most = f"{verdict.corollary.first_bound(3):.3g}"
    assert notes(run)[0].endswith(f"Theorem 1 that the mean of E‖∇f‖² is at most {most}")


def test_theorem_1s_condition_follows_from_the_corollarys():
    # At the least K: LMγ = 1/(2(T + 1)), so the sum is 1/(2(T + 1)) + T²/(2(T + 1)²) < 1; and
    # there 4σ sqrt(ΔL/(MK)) is no less than Theorem 1's bound.
    corollary = RunVerdict.of(asysim.run(parse(THEOREM, "run.updates=100"))).corollary
    for t in (0, 1, 5, 100):
        at = type(corollary)(
            gap=corollary.gap, smoothness=1.0, variance=1.0, batch_size=1,
            updates=int(np.ceil(corollary.least_updates(t))),
        )  # fmt: skip
        assert at.condition(t) == pytest.approx(0.5 / (t + 1) + 0.5 * (t / (t + 1)) ** 2, rel=0.05)
        assert at.condition(t) < 1
        assert at.first_bound(t) <= at.bound * (1 + 1e-9)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("update.momentum=0.5", "update.momentum"),
        ('update.weight={kind="inverse"}', "update.weight"),
        ('update.correction={kind="dc-asgd",strength=0.1}', "update.correction"),
        ('update.perturbation={kind="ball",scale=0.1}', "update.perturbation"),
        ("algorithm.gradients_per_update=2", "algorithm.gradients_per_update"),
        ("coordination.kind=synchronous", "synchronous"),
    ],
)
def test_what_is_not_in_the_theorem_is_named(change, named):
    run = asysim.run(parse(THEOREM, change))
    verdict = RunVerdict.of(run)
    assert not verdict.holds
    assert named in verdict.besides[0]
    assert verdict.sentence in notes(run)
    plain = asysim.run(parse(THEOREM, 'update.weight={kind="fedasync",function="constant"}'))
    assert RunVerdict.of(plain).holds


def test_a_loss_that_ends_higher_is_told():
    (note,) = told("algorithm.step=1.9", "workers.count=2", "run.updates=12")
    assert note.startswith("the loss ends at")
