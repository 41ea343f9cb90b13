"""From what a scenario says of the update rule to the rule."""

from __future__ import annotations

from typing import NamedTuple

from asysim.errors import Fault, InputError
from asysim.problems.base import Constants, Problem
from asysim.scenario import Scenario
from asysim.updates import settings as settings
from asysim.updates.base import Correction, StepSchedule, UpdateRule, Weight
from asysim.updates.decaying import Decaying
from asysim.updates.delay_adaptive import Koloskova, Mishchenko
from asysim.updates.delay_compensation import AdaptiveDelayCompensation, DelayCompensation
from asysim.updates.fedasync import Hinge, Polynomial
from asysim.updates.gap_aware import GapAware
from asysim.updates.staleness_aware import Inverse
from asysim.updates.theorem import Corollary


class Rules(NamedTuple):
    """Step lengths, what else there is to an update rule if anything, and whose step it is."""

    step: float | StepSchedule
    update: UpdateRule | None
    theorem: Corollary | None = None

    @property
    def momentum(self) -> float:
        """β; 0 without an update rule."""
        return 0.0 if self.update is None else self.update.momentum


def rules_of(scenario: Scenario, problem: Problem, *, workers: int | None = None) -> Rules:
    """Make the update rule of a scenario.

    Parameters
    ----------
    scenario
        Its `algorithm.step` and `update` tables.
    problem
        Its constants stand in for those that the scenario leaves out.
    workers
        p, where the scenario's may not be true, as for a trace that was recorded elsewhere.

    Raises
    ------
    InputError
        If neither scenario nor problem knows a constant that the rule needs.
    """
    workers = scenario.workers.count if workers is None else workers
    theorem, update = _theorem(scenario, problem), _update(scenario, problem, workers)
    return Rules(_step(scenario) if theorem is None else theorem.step, update, theorem)


def _step(scenario: Scenario) -> float | StepSchedule:
    step = scenario.algorithm.step
    if isinstance(step, settings.DecayingStep):
        return Decaying(step.initial, step.power, step.offset)
    if isinstance(step, settings.ConstantStep):
        return step.value
    assert not isinstance(step, settings.TheoremStep)
    return step


def _theorem(scenario: Scenario, problem: Problem) -> Corollary | None:
    step, updates = scenario.algorithm.step, scenario.run.updates
    if not isinstance(step, settings.TheoremStep):
        return None
    assert updates is not None  # a clash of the scenario's otherwise
    given = {"gap": step.gap, "smoothness": step.smoothness, "variance": step.variance}
    gap, smoothness, variance = _constants(given, problem, "algorithm.step")
    return Corollary(
        gap=gap,
        smoothness=smoothness,
        variance=variance,
        batch_size=scenario.algorithm.batch_size,
        updates=updates,
    )


def _update(scenario: Scenario, problem: Problem, workers: int) -> UpdateRule | None:
    update = scenario.update
    if update is None or update == settings.Update():
        return None
    return UpdateRule(
        weight=_weight(scenario, problem, workers),
        correction=_correction(scenario),
        momentum=update.momentum,
        average=update.average,
    )


def _weight(scenario: Scenario, problem: Problem, workers: int) -> Weight | None:
    weight = None if scenario.update is None else scenario.update.weight
    match weight:
        case settings.KoloskovaWeight():
            given = {"smoothness": weight.smoothness}
            (smoothness,) = _constants(given, problem, "update.weight")
            return Koloskova(
                smoothness=smoothness,
                concurrency=weight.concurrency or workers,
                batch_size=scenario.algorithm.batch_size,
                drop=weight.beyond == "drop",
            )
        case settings.MishchenkoWeight():
            return Mishchenko(workers)
        case settings.InverseWeight():
            return Inverse()
        case settings.FedBuffWeight() | settings.FedAsyncWeight(function="polynomial"):
            assert weight.a is not None
            return Polynomial(weight.a)
        case settings.FedAsyncWeight(function="hinge"):
            assert weight.a is not None
            assert weight.b is not None
            return Hinge(weight.a, weight.b)
    return None  # FedAsync's constant function is 1


def _correction(scenario: Scenario) -> Correction | None:
    correction = None if scenario.update is None else scenario.update.correction
    batch_size = scenario.algorithm.batch_size
    match correction:
        case settings.DelayCorrection():
            return DelayCompensation(correction.strength, batch_size)
        case settings.AdaptiveDelayCorrection():
            return AdaptiveDelayCompensation(correction.strength, correction.decay, batch_size)
        case settings.GapAwareCorrection():
            return GapAware(correction.decay)
    return None


def _constants(given: dict[str, float | None], problem: Problem, table: str) -> list[float]:
    """Return the constants of a table of the scenario, those left out being the problem's."""
    if None not in given.values():
        return [value for value in given.values() if value is not None]
    known = problem.constants()
    values = {
        key: _known(key, known, problem) if value is None else value for key, value in given.items()
    }
    faults = [
        Fault(
            key=f"{table}.{key}",
            found="nothing",
            expected=(
                "is required: the problem does not know its own"
                if value is None
                else f"is required: the problem's own is {value:g}, and it should be > 0"
            ),
        )
        for key, value in values.items()
        if value is None or not value > 0
    ]
    if faults:
        raise InputError(faults)
    return [value for value in values.values() if value is not None]


def _known(key: str, known: Constants, problem: Problem) -> float | None:
    if key == "smoothness":
        return known.lipschitz
    if key == "variance":
        return known.variance
    return None if known.minimum is None else problem.value(problem.start()) - known.minimum
