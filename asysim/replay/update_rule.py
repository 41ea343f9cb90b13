"""From what a scenario says of the update rule to the rule."""

from __future__ import annotations

from typing import NamedTuple

from asysim.problems.base import Problem
from asysim.scenario import Scenario
from asysim.updates.base import Given, StepRule, StepSchedule, UpdateRule
from asysim.updates.settings import Update
from asysim.updates.theorem import Corollary, TheoremStep


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
    algorithm, update = scenario.algorithm, scenario.update
    given = Given(
        problem,
        workers=scenario.workers.count if workers is None else workers,
        batch_size=algorithm.batch_size,
        updates=scenario.run.updates,
    )
    step, theorem = algorithm.step, None
    if isinstance(step, TheoremStep):
        theorem = step.corollary(given)
        step = theorem.step
    length = step.rule(given) if isinstance(step, StepRule) else step
    if update is None or update == Update():
        return Rules(length, None, theorem)
    made = UpdateRule(
        weight=None if update.weight is None else update.weight.rule(given),
        correction=None if update.correction is None else update.correction.rule(given),
        momentum=update.momentum,
        average=update.average,
    )
    return Rules(length, made, theorem)
