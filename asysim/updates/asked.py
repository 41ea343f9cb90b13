"""Rules are asked for what they make, and for numbers: what is no such thing is told."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, cast

import numpy as np

from asysim.errors import InputError, found_as, unfit
from asysim.ground.arrays import Floats, as_real
from asysim.updates.base import (
    Correction,
    CorrectionRule,
    Given,
    StepRule,
    StepSchedule,
    Weight,
    WeightRule,
)

_STEP = "a finite number ≥ 0"
_WEIGHT = "a finite number"


def step_at(schedule: StepSchedule, update: int) -> float:
    """Return γ_k of an update.

    Raises
    ------
    InputError
        Naming the rule and the update, if it is not a finite number ≥ 0.
    """
    step = schedule.at(update)
    if type(step) is float and 0.0 <= step < math.inf:
        return step
    number = as_real(step)
    if number is None or not 0.0 <= number < math.inf:
        raise _unfit("algorithm.step", schedule, step, f"for update {update}", _STEP)
    return number


def steps_at(schedule: StepSchedule, updates: Iterable[int]) -> Floats:
    """Return γ_k of many updates, shape (updates,); as `step_at`."""
    return np.array([step_at(schedule, update) for update in updates], dtype=np.float64)


def weight_of(weight: Weight, staleness: int, step: float) -> float:
    """Return the factor of a gradient.

    Raises
    ------
    InputError
        Naming the rule, τ and γ_k, if it is not a finite number.
    """
    factor = weight.weight(staleness, step)
    if type(factor) is float and math.isfinite(factor):
        return factor
    number = as_real(factor)
    if number is None or not math.isfinite(number):
        when = f"for staleness {staleness} and γ {step:g}"
        raise _unfit("update.weight", weight, factor, when, _WEIGHT)
    return number


def made_step(step: StepRule, given: Given) -> float | StepSchedule:
    """Return γ, or what says γ_k, as a step's own `rule` makes it; or raise InputError."""
    made: Any = step.rule(given)
    number = as_real(made)
    if number is None:
        return cast("StepSchedule", _having("at", made, "algorithm.step", step))
    if not 0 <= number < math.inf:
        raise _unfit("algorithm.step", step, made, "by `rule`", f"{_STEP}, or an object with `at`")
    return number


def made_weight(weight: WeightRule, given: Given) -> Weight | None:
    """Return what says the weights, as `rule` makes it; or raise InputError."""
    made: Any = weight.rule(given)
    return (
        None if made is None else cast("Weight", _having("weight", made, "update.weight", weight))
    )


def made_correction(correction: CorrectionRule, given: Given) -> Correction:
    """Return what corrects gradients, as `rule` makes it; or raise InputError."""
    made = _having("correct", correction.rule(given), "update.correction", correction)
    return cast("Correction", made)


def _having(method: str, made: object, key: str, rule: object) -> object:
    """Return what a rule has made, if it has a method."""
    if isinstance(made, type) or not callable(getattr(made, method, None)):
        raise _unfit(key, rule, made, "by `rule`", f"an object with a method `{method}`")
    return made


def _unfit(key: str, rule: Any, found: object, when: str, wanted: str) -> InputError:
    return unfit(key, f"{found_as(found)} {when}, from {type(rule).__name__}", wanted)
