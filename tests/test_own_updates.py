"""Update rules of the user's own: one file, every executor; the example is docs/own_update.py."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

import asysim
from asysim.errors import InputError
from asysim.ground.outside import class_of
from asysim.problems import Quadratic
from asysim.problems.compiled import CompiledProblem
from asysim.replay.compiled import executor, suits
from asysim.replay.compiled.loops import run_consistent
from asysim.replay.update_rule import rules_of
from asysim.scenario import parse, to_toml
from asysim.updates import CorrectionRule, KernelCorrection, StepRule, WeightRule
from asysim.updates.settings import Update
from tests.support import CON, INCON, only_fault
from tests.test_mpi import Hand, check_replay

DOCS = Path(__file__).parents[1] / "docs"
WEIGHT = 'update.weight={kind="own_update:Exponential", rate=0.2}'
CORRECTION = 'update.correction={kind="own_update:Damped", strength=2.0}'
STALE = ("workers.count=6", "run.updates=300", "run.evaluate_every=7", "algorithm.step=0.02")
PROBLEM = 'problem={kind="quadratic", dimension=7, noise=0.3}'


class Halving(StepRule):
    """γ halves every so many updates."""

    initial: float
    every: int = 100

    def at(self, update: int) -> float:
        return float(self.initial * 0.5 ** (update // self.every))


class Plain(CorrectionRule):
    """The example's correction in NumPy."""

    def rule(self, given):  # noqa: ARG002
        return PlainDamping(2.0)


def damp(gradient, x, x_read, _memory, numbers):
    gradient /= 1 + numbers[0] * np.abs(x - x_read)


class PlainDamping(KernelCorrection):
    kernel = damp


def example(*changes, text=CON):
    return parse(text, PROBLEM, *STALE, *changes, folder=DOCS)


def results(scenario):
    run = asysim.run(scenario)
    return run.outcome.points, run.x.tobytes(), run.outcome.x_ergodic.tobytes()


STEP = 'algorithm.step={kind="tests.test_own_updates:Halving", initial=0.02}'
RULES = {
    "weight": (CON, WEIGHT),
    "correction": (CON, CORRECTION),
    "step": (CON, STEP),
    "all": (CON, WEIGHT, CORRECTION, STEP, "update.momentum=0.5"),
    "lock-free": (INCON, WEIGHT, STEP),
}


@pytest.mark.parametrize("name", RULES)
def test_both_executors_make_the_same_bits(monkeypatch, name):
    text, *changes = RULES[name]
    scenario = example(*changes, text=text)
    problem = scenario.problem.build()
    rules = rules_of(scenario, problem)
    assert suits(problem, rules.update, step=rules.step)
    compiled = results(scenario)
    monkeypatch.setattr(executor, "LARGEST", 0)
    assert results(scenario) == compiled
    assert compiled != results(example(text=text))


def test_the_machine_is_compiled_once():
    results(example('update.correction={kind="gap-aware"}'))
    signatures = len(run_consistent.signatures)
    results(example(CORRECTION))
    assert len(run_consistent.signatures) == signatures


def test_a_kernel_in_numpy_makes_the_same_bits_one_update_at_a_time():
    plain = example('update.correction={kind="tests.test_own_updates:Plain"}')
    problem = CompiledProblem(Quadratic([1.0]))
    assert not suits(problem, rules_of(plain, problem).update, step=0.1)
    assert results(plain) == results(example(CORRECTION))


def test_it_is_what_the_formula_says():
    weighed = rules_of(example(WEIGHT), Quadratic([1.0])).update.weight
    assert weighed.weight(5, 0.1) == pytest.approx(np.exp(-1))
    gradient = np.array([1.0, 6.0])
    damping = rules_of(example(CORRECTION), Quadratic([1.0])).update.correction
    damping.correct(gradient, np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    assert gradient.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", ["weight", "correction", "all"])
def test_a_server_over_mpi_is_replayed_bit_for_bit(name):
    scenario = example(*RULES[name][1:], "run.updates=40")
    hand = Hand(scenario)
    order = np.random.default_rng(1)
    trace, snapshots = hand.run(lambda ready: order.choice(ready).item())
    check_replay(scenario, trace, hand.server.x, snapshots)


def test_it_is_found_again_wherever_the_scenario_goes(tmp_path):
    scenario = example(*RULES["all"][1:])
    assert parse(to_toml(scenario), folder=tmp_path) == scenario
    run = asysim.run(scenario, folder=tmp_path / "run")
    back = asysim.load_run(tmp_path / "run")
    assert asysim.rerun(back.trace, back.scenario).x.tobytes() == run.x.tobytes()


def test_a_rule_is_given_from_python():
    exponential = class_of(f"{DOCS}/own_update.py:Exponential", WeightRule)
    given = asysim.vary(example(), update=Update(weight=exponential(rate=0.2)))
    assert given == example(WEIGHT)


def test_rules_are_read_only_when_they_are_named(tmp_path):
    (tmp_path / "own_update.py").write_text("raise AssertionError('read')")
    parse(CON, folder=tmp_path)
    with pytest.raises(InputError, match="read"):
        parse(CON, WEIGHT, folder=tmp_path)


@pytest.mark.parametrize(
    ("key", "kind", "said"),
    [
        ("weight", "own_update:Nobody", "Exponential"),
        ("weight", "own_update:Damped", "Exponential"),
        ("correction", "own_update:Exponential", "Damped"),
        ("weight", "gone:Rule", "gone"),
        ("weight", "os:system", "WeightRule"),
    ],
)
def test_what_is_no_rule_is_told(key, kind, said):
    with pytest.raises(InputError) as told:
        example(f'update.{key}={{kind="{kind}"}}')
    (fault,) = told.value.faults
    assert fault.key == f"update.{key}.kind"
    assert said in str(fault)


def test_a_mistake_in_its_table_is_told_as_in_any_other():
    with pytest.raises(InputError) as told:
        example('update.weight={kind="own_update:Exponential", rate=-1, raet=2}')
    expected = {fault.key: fault.expected for fault in told.value.faults}
    assert expected["update.weight.rate"] == "should be > 0"
    assert "did you mean rate?" in expected["update.weight.raet"]
    with pytest.raises(InputError) as told:
        example(CORRECTION, text=INCON)
    assert [fault.key for fault in told.value.faults] == ["update.correction"]


def test_what_a_report_says_of_a_step_of_ones_own():
    step = example(STEP).algorithm.step
    assert f"{step:g}" == "tests.test_own_updates:Halving"


class OddStep(StepRule):
    """γ is 0.02, and something else from update 50 on."""

    value: str

    def at(self, update: int) -> float:
        return 0.02 if update < 50 else ODD[self.value]


class OddWeight(WeightRule):
    """1, and something else from τ = 2 on."""

    value: str

    def weight(self, staleness: int, step: float) -> float:  # noqa: ARG002
        return 1.0 if staleness < 2 else ODD[self.value]


class OddMade(StepRule):
    value: str

    def rule(self, given):  # noqa: ARG002
        return ODD[self.value]


class OddWeightMade(WeightRule):
    value: str

    def rule(self, given):  # noqa: ARG002
        return ODD[self.value]


class OddCorrection(CorrectionRule):
    value: str

    def rule(self, given):  # noqa: ARG002
        return ODD[self.value]


ODD = {
    "nan": math.nan, "inf": math.inf, "below": -0.1, "none": None, "word": "x", "list": [0.1],
    "pair": (0.1, 0.2), "array": np.ones(1), "digit": "1", "i": 1j,
}  # fmt: skip


def odd(key, name, value):
    return example(f'{key}={{kind="tests.test_own_updates:{name}", value="{value}"}}')


@pytest.mark.parametrize("executed", ["compiled", "numpy"])
@pytest.mark.parametrize("value", ODD)
def test_steps_that_are_none_are_told_wherever_they_are_asked_for(monkeypatch, value, executed):
    if executed == "numpy":
        monkeypatch.setattr(executor, "LARGEST", 0)
    scenario = odd("algorithm.step", "OddStep", value)
    for ask in (asysim.run, asysim.assess):
        fault = only_fault(ask, scenario)
        assert fault.key == "algorithm.step"
        assert fault.found.endswith(" for update 50, from OddStep")


@pytest.mark.parametrize("executed", ["compiled", "numpy"])
@pytest.mark.parametrize("value", [value for value in ODD if value != "below"])
def test_weights_that_are_none_are_told(monkeypatch, value, executed):
    if executed == "numpy":
        monkeypatch.setattr(executor, "LARGEST", 0)
    fault = only_fault(asysim.run, odd("update.weight", "OddWeight", value))
    assert fault.key == "update.weight"
    assert re.search(r" for staleness \d+ and γ 0.02, from OddWeight$", fault.found)


@pytest.mark.parametrize("value", ODD)
def test_what_a_rule_makes_that_is_none_is_told(value):
    made = {"algorithm.step": "OddMade", "update.correction": "OddCorrection"}
    if value != "none":  # all weights are 1
        made["update.weight"] = "OddWeightMade"
    for key, name in made.items():
        fault = only_fault(asysim.run, odd(key, name, value))
        assert (fault.key, fault.found.split(" by ")[1]) == (key, f"`rule`, from {name}")
