"""An update rule at work: from what a scenario says of it to what one replay makes of gradients."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from asysim.errors import unfit
from asysim.ground.arrays import Vector
from asysim.problems.base import Problem
from asysim.replay.gradients import GradientSource
from asysim.replay.state import Memory, State
from asysim.replay.version_memory import RowFacts
from asysim.scenario import Scenario
from asysim.updates.asked import (
    made_correction,
    made_step,
    made_weight,
    step_at,
    weight_of,
)
from asysim.updates.base import (
    Correction,
    Given,
    KernelCorrection,
    StepRule,
    StepSchedule,
    UpdateRule,
    WatchesSteps,
    Weight,
)
from asysim.updates.constant import Constant
from asysim.updates.momentum import HeavyBall
from asysim.updates.perturbation import Noise, Perturber
from asysim.updates.settings import Update
from asysim.updates.theorem import Corollary, TheoremStep


class Ruled:
    """Step, weight, correction, momentum and noise, with what they remember of this replay.

    Parameters
    ----------
    steps
        γ_k.
    rule
        The rest. It is copied.
    seed
        Names the noise.

    Attributes
    ----------
    corrects
        Whether the x that a gradient was read at is needed again when it is applied.
    plain
        Whether an update that is one gradient is x −= γ_k · gradient.
    """

    def __init__(self, steps: StepSchedule, rule: UpdateRule, *, seed: int) -> None:
        rule = copy.deepcopy(rule)
        self.steps = steps
        self.corrects = rule.correction is not None
        self._perturb = Perturber(rule.perturbation, seed) if rule.perturbation.scale else None
        known = self._perturb is None and rule.weight is None and not rule.momentum
        self.plain = known and not self.corrects
        self._rule = rule
        self._ball = HeavyBall(rule.momentum) if rule.momentum else None
        self._watcher = rule.correction if isinstance(rule.correction, WatchesSteps) else None

    def over(self, gradients: GradientSource, state: State) -> GradientSource:
        """Return the gradients corrected and weighed, for a replay that advances `state`."""
        if self._rule.correction is not None:
            gradients = _Corrected(gradients, self._rule.correction, state)
        if self._rule.weight is not None:
            gradients = _Weighed(gradients, self._rule.weight, self.steps)
        return gradients

    def settle(self, update: int, total: Vector, count: int) -> tuple[Vector, float]:
        """Return v_{k+1} and γ_k for the sum of an update's gradients, which may be changed."""
        step = step_at(self.steps, update)
        if self._rule.average and count > 1:
            total *= 1 / count
        velocity = total if self._ball is None else self._ball.velocity(total)
        if self._perturb is not None:
            if velocity is not total:  # v is remembered without the noise
                total[:] = velocity
            self._perturb(total, update)
            velocity = total
        if self._watcher is not None:
            self._watcher.stepped(velocity, step)
        return velocity, step

    def memory(self) -> Memory:
        """Return what is remembered, which goes on changing."""
        correction = self._rule.correction
        velocity = None if self._ball is None else self._ball.last
        if isinstance(correction, KernelCorrection):
            return Memory(velocity, correction.memory, correction.numbers)
        return Memory(velocity)

    def recall(self, memory: Memory) -> None:
        """Begin with what another one remembered."""
        correction = self._rule.correction
        if self._ball is not None:
            self._ball.last = memory.velocity
        if isinstance(correction, KernelCorrection) and memory.numbers is not None:
            correction.memory, correction.numbers = memory.vector, memory.numbers


def at_work(
    step: float | StepSchedule, update: UpdateRule | None, *, seed: int
) -> tuple[float, Ruled | None]:
    """Return γ, and no rule where x −= γ · gradients is all; otherwise the rule, which says γ_k."""
    if not isinstance(step, int | float):
        return 0.0, Ruled(step, UpdateRule() if update is None else update, seed=seed)
    return float(step), None if update is None else Ruled(Constant(step), update, seed=seed)


def check_server(rule: str, update: UpdateRule | None) -> None:
    """Raise InputError if a part of an update rule needs a server, and memory has no locks."""
    if rule == "asysg-incon" and update is not None and update.needs_server:
        parts = "a correction, momentum, average or perturbation"
        raise unfit("update", parts, f'left out with rule "{rule}"')


class _Weighed:
    def __init__(self, gradients: GradientSource, weight: Weight, steps: StepSchedule) -> None:
        self._gradients, self._weight, self._steps = gradients, weight, steps

    def begin(self, x: Vector, row: RowFacts) -> tuple[Any, float]:
        _, _, version, update, _ = row
        weight = weight_of(self._weight, update - version, step_at(self._steps, update))
        return self._gradients.begin(x, row), weight

    def finish(self, begun: tuple[Any, float]) -> Vector:
        inner, weight = begun
        gradient = self._gradients.finish(inner)
        if weight != 1:
            gradient *= weight
        return gradient


class _Corrected:
    """Begins no gradient before it is applied: then the current x is what a correction asks for."""

    def __init__(self, gradients: GradientSource, correction: Correction, state: State) -> None:
        self._gradients, self._correction, self._state = gradients, correction, state

    def begin(self, x: Vector, row: RowFacts) -> Vector:
        gradient = self._gradients.finish(self._gradients.begin(x, row))
        self._correction.correct(gradient, self._state.x, x)
        return gradient

    def finish(self, begun: Vector) -> Vector:
        return begun


class Rules(NamedTuple):
    """Step lengths, what else there is to an update rule if anything, and whose step it is."""

    step: float | StepSchedule
    update: UpdateRule | None
    theorem: Corollary | None = None

    @property
    def momentum(self) -> float:
        """β; 0 without an update rule."""
        return 0.0 if self.update is None else self.update.momentum

    @property
    def perturbation(self) -> float:
        """Root of E‖ζ‖², of the noise in an update; 0 without an update rule."""
        return 0.0 if self.update is None else self.update.perturbation.scale


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
    length = made_step(step, given) if isinstance(step, StepRule) else step
    if update is None or update == Update():
        return Rules(length, None, theorem)
    made = UpdateRule(
        weight=None if update.weight is None else made_weight(update.weight, given),
        correction=None if update.correction is None else made_correction(update.correction, given),
        momentum=update.momentum,
        average=update.average,
        perturbation=Noise() if update.perturbation is None else update.perturbation.rule(),
    )
    return Rules(length, made, theorem)
