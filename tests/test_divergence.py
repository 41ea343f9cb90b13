"""A run that ends far above where it began is told so, and stops there; a healthy one never is."""

from __future__ import annotations

import json
from concurrent.futures import Executor, Future

import numpy as np
import pytest

import asysim
from asysim.problems.quadratic import Quadratic
from asysim.runs.outcome import COMPLETE, DEADLOCK, DIVERGED, REACHED
from asysim.runs.rederive import differences
from asysim.scenario import parse, to_toml, vary
from tests.support import BASE, command, only_fault

MOMENTUM = BASE.replace("count = 4", "count = 16") + "[update]\nmomentum = 0.9\n"


@pytest.mark.parametrize("how", ["compiled", "numpy"])
def test_momentum_with_delay_is_told(how, tmp_path):
    scenario = parse(MOMENTUM, f"replay.arithmetic={how}")
    run = asysim.run(scenario, folder=tmp_path / "run")
    assert run.status == DIVERGED
    first, *_, before, last = run.outcome.points
    assert before.loss - first.loss <= 1e6 * first.loss < last.loss - first.loss
    assert last.update == run.outcome.updates == run.trace.updates == len(run.trace) < 2000
    kept = asysim.load_run(tmp_path / "run")
    assert not differences(kept, asysim.rerun(kept.trace, kept.scenario))


def test_the_factor_is_ones_own_to_choose():
    assert asysim.run(parse(MOMENTUM, "run.diverged_above=0")).status == COMPLETE
    updates = [
        asysim.run(parse(MOMENTUM, f"run.diverged_above={factor}")).outcome.updates
        for factor in (10, 1e3, 1e5)
    ]
    assert updates == sorted(set(updates))
    assert only_fault(parse, MOMENTUM, "run.diverged_above=0.5").key == "run.diverged_above"
    assert only_fault(parse, MOMENTUM, "run.diverged_above=-1").key == "run.diverged_above"


def test_a_scenario_without_the_key_is_written_as_ever():
    assert "diverged_above" not in to_toml(parse(MOMENTUM))  # a folder's name has its hash


def test_the_command_says_so(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(MOMENTUM)
    run = command("run", path, "--out", tmp_path / "run", "--no-pictures", "--json")
    assert run.code == 4
    said = json.loads(run.out)
    assert said["status"] == "diverged"
    assert "run.diverged_above" in said["message"]
    assert command("replay", tmp_path / "run", "--check").code == 0


@pytest.mark.parametrize("eigenvalues", ["[1.0]", "[1.0, 0.1, 0.01]", "[1e-6]", "[1e4, 1.0]"])
@pytest.mark.parametrize("start", [0.0, 1e-12, 1e-200])
@pytest.mark.parametrize("every", [1, 10, 500])
def test_a_noise_floor_is_no_divergence(eigenvalues, start, every):
    # From the minimum, or next to it, to the floor γσ²/4 and its like: even a factor of 20 would
    # do. Of the scale γσ², one coordinate's floor is χ²/4, above 20 with probability 4e-19.
    for seed in (1, 2):
        scenario = parse(
            MOMENTUM, "update=", "problem.dimension=", f"problem.eigenvalues={eigenvalues}",
            f"problem.start={start}", "problem.noise=1e5", f"seed={seed}", "algorithm.step=1e-5",
            "workers.count=3", f"run.evaluate_every={every}", "run.diverged_above=20",
        )  # fmt: skip
        run = asysim.run(scenario)
        assert run.status == COMPLETE
        assert run.outcome.points[-1].loss > 20 * run.outcome.points[0].loss


class Shifted(Quadratic):
    """A quadratic with another value at the minimum."""

    def __init__(self, shift, **more):
        super().__init__(np.ones(4), **more)
        self.shift = shift

    def value(self, x):
        return super().value(x) + self.shift

    def full_gradient(self, x, out):
        return super().full_gradient(x, out) + self.shift


@pytest.mark.parametrize("shift", [-2.0, -50.0, 0.0, 50.0])
def test_a_loss_below_zero_has_a_scale_too(shift):
    scenario = parse(MOMENTUM, "update=", "algorithm.step=0.05", "run.diverged_above=100")
    problem = Shifted(shift, noise=0.1)  # begins with a loss of shift + 2
    assert asysim.run(scenario, problem=problem).status == COMPLETE
    wild = vary(scenario, "algorithm.step=0.5")
    run = asysim.run(wild, problem=problem)
    assert run.status == DIVERGED
    start = run.outcome.points[0].loss
    assert run.outcome.points[-1].loss - start > 100 * abs(start)
    assert run.outcome.points[-1].loss < 1e12


def test_a_fall_without_end_is_no_rise():
    scenario = parse(MOMENTUM, "problem.dimension=", "problem.eigenvalues=[-1.0]",
                     "problem.start=1e-3", "run.diverged_above=1")  # fmt: skip
    run = asysim.run(scenario)
    assert run.status == COMPLETE
    assert run.outcome.points[-1].loss < -1e6 * abs(run.outcome.points[0].loss)


def test_a_deadlock_after_a_divergence_is_one():
    # The only worker leaves; what is evaluated then is the first that shows how things went.
    text = MOMENTUM.replace("count = 16", "groups = [{count = 16, leaves = 0.13}]")
    more = ("run.evaluate_every=100000", "run.updates=100000")
    assert asysim.run(parse(text, *more, "update.momentum=0")).status == DEADLOCK
    run = asysim.run(parse(text, *more))
    assert run.status == DIVERGED
    assert run.outcome.points[-1].update == run.outcome.updates == run.trace.updates


@pytest.mark.real
@pytest.mark.parametrize("on", ["threads", "processes"])
@pytest.mark.parametrize("aim", [(), ("run.target_loss=-1",)])
def test_a_real_run_ends_there_too(on, aim, tmp_path):
    # One worker, so that it is the step that does it: 2.1 is beyond what 1-Lipschitz allows.
    scenario = parse(MOMENTUM, "update=", "workers.count=1", "algorithm.step=2.1", *aim,
                     "run.evaluate_every=10", "run.diverged_above=1000")  # fmt: skip
    simulated = asysim.run(scenario)
    run = asysim.run(scenario, on=on, folder=tmp_path / "run")
    assert run.status == simulated.status == DIVERGED
    assert run.outcome.updates == simulated.outcome.updates == run.trace.updates < 2000
    assert run.outcome.points[-1].update == run.outcome.updates
    kept = asysim.load_run(tmp_path / "run")
    assert not differences(kept, asysim.rerun(kept.trace, kept.scenario))
    in_memory = asysim.run(scenario, on=on)
    assert in_memory.trace.updates == in_memory.outcome.updates == run.outcome.updates


@pytest.mark.real
def test_what_comes_after_the_target_does_not_count(tmp_path):
    # One coordinate is at the target after 500 updates, the other at infinity after 1484: a thread
    # is there before anybody has looked at what x was.
    scenario = parse(
        MOMENTUM, "update=", "workers.count=1", "problem.dimension=", "problem.noise=0",
        "problem.eigenvalues=[0.1, 3.2]", "problem.start=[1.0, 1e-200]", "algorithm.step=1",
        "run.evaluate_every=500", "run.target_loss=1e-3", "run.updates=100_000",
    )  # fmt: skip
    simulated = asysim.run(scenario)
    run = asysim.run(scenario, on="threads", folder=tmp_path / "run")
    assert run.status == simulated.status == REACHED
    assert run.outcome.updates == simulated.outcome.updates == run.trace.updates == 500
    kept = asysim.load_run(tmp_path / "run")
    assert not differences(kept, asysim.rerun(kept.trace, kept.scenario))


class _Here(Executor):
    """Computes at once, in this process."""

    def submit(self, call, /, *arguments, **keys):
        future = Future()
        future.set_result(call(*arguments, **keys))
        return future


def test_a_study_does_not_wait_for_what_diverged():
    scenario = parse(MOMENTUM, "run.target_loss=0.5", "speedup.seeds=1", "speedup.workers=[1,16]",
                     "run.updates=1_000_000", "run.evaluate_every=10")  # fmt: skip
    one, many = asysim.speedup(scenario, executor=_Here()).rows
    assert one.reached == 1
    assert many.endings == {DIVERGED: 1}
    assert many.attempts[0].curve[0][-1] < 2000
    assert many.iteration is None
