"""For which problems and update rules replay has a compiled form, and for which it is worth it."""

from __future__ import annotations

from asysim.jit.values import is_compiled
from asysim.problems.base import Problem
from asysim.problems.compiled import CompiledProblem, model_of
from asysim.updates.base import Correction, KernelCorrection, StepSchedule, UpdateRule, is_pure

LARGEST = 4096
"""The largest n for which replay in Python takes longer by a tenth or more."""


def has_form(
    problem: Problem, *, step: float | StepSchedule, update: UpdateRule | None, seed: int
) -> bool:
    """Whether there is compiled code for a problem and what is ours of update rules."""
    if not isinstance(problem, CompiledProblem) and model_of(problem) is None:
        return False
    if not (isinstance(step, int | float) or is_pure(step)) or not 0 <= seed < 2**64:
        return False
    if update is None:
        return True
    return (
        type(update) is UpdateRule
        and (update.weight is None or is_pure(update.weight))
        and (update.correction is None or _is_compiled(update.correction))
    )


def _is_compiled(correction: Correction) -> bool:
    """Whether a correction is what its compiled kernels make of it, and nothing else."""
    kind = type(correction)
    if not issubclass(kind, KernelCorrection) or not is_compiled(kind.kernel):
        return False
    changed = kind.correct, kind.stepped
    return changed == (KernelCorrection.correct, KernelCorrection.stepped) and (
        kind.follow is None or is_compiled(kind.follow)
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
        As for `asysim.replay.replay`. A rule's part that does not say what it
        depends on, or has no compiled kernel, may do anything, and is left to Python.
    """
    return problem.dimension <= LARGEST and has_form(problem, step=step, update=update, seed=seed)
