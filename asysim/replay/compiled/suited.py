"""For which problems and update rules replay has a compiled form, and for which it is worth it."""

from __future__ import annotations

from asysim.problems.base import Problem
from asysim.problems.compiled import CompiledProblem, model_of
from asysim.replay.ruled import Constant
from asysim.updates import (
    AdaptiveDelayCompensation,
    Decaying,
    DelayCompensation,
    GapAware,
    Hinge,
    Inverse,
    Koloskova,
    Mishchenko,
    Polynomial,
)
from asysim.updates.base import StepSchedule, UpdateRule

LARGEST = 4096
"""The largest n for which replay in Python takes longer by a tenth or more."""

_STEPS = (float, int, Constant, Decaying)
_WEIGHTS = (Hinge, Inverse, Koloskova, Mishchenko, Polynomial)
_CORRECTIONS = (AdaptiveDelayCompensation, DelayCompensation, GapAware)


def has_form(
    problem: Problem, *, step: float | StepSchedule, update: UpdateRule | None, seed: int
) -> bool:
    """Whether there is compiled code for a problem and what is ours of update rules."""
    if not isinstance(problem, CompiledProblem) and model_of(problem) is None:
        return False
    if not (isinstance(step, float) or type(step) in _STEPS) or not 0 <= seed < 2**64:
        return False
    if update is None:
        return True
    return (
        type(update) is UpdateRule
        and (update.weight is None or type(update.weight) in _WEIGHTS)
        and (update.correction is None or type(update.correction) in _CORRECTIONS)
    )


def suits(
    problem: Problem, update: UpdateRule | None = None, *, step: float | StepSchedule, seed: int = 1
) -> bool:
    """Whether `CompiledReplay` can do what `asysim.replay.replay` would, and is faster.

    Parameters
    ----------
    problem
        The objective, compiled or one that could be.
    update, step, seed
        As for `asysim.replay.replay`. A rule's part that is not one of `asysim.updates` may
        do anything at all, and is left to Python.
    """
    return problem.dimension <= LARGEST and has_form(problem, step=step, update=update, seed=seed)
