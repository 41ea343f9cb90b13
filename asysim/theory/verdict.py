"""Whether a theorem says something of a step: met, perhaps if, not met or vacuous, and why."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np

from asysim.ground.arrays import Floats
from asysim.scenario import Scenario
from asysim.theory.consistent import Consistent
from asysim.theory.expectations import gradients_per_update
from asysim.theory.lock_free import LockFree

MET: Final = "met"
MET_IF: Final = "met if T is enforced"
NOT_MET: Final = "not met"
VACUOUS: Final = "vacuous"
SILENT: Final = "silent"
Word = Literal["met", "met if T is enforced", "not met", "vacuous", "silent"]
Theorem: TypeAlias = Consistent | LockFree


@dataclass(frozen=True)
class Verdict:
    """What a theorem comes to for a step, a K and a T.

    Attributes
    ----------
    word
        The condition is met, and the bound tells something; that would be so if T were enforced,
        which nothing does; it is not met; it is met, and the bound is no less than what is known
        at x_1; or the theorem is of something else.
    condition
        What has to be at most 1; None where it can't be reckoned.
    bound
        Of the mean of E‖∇f‖², weighed by γ_k, over K updates; None unless the condition is met,
        with a T that no gradient exceeds.
    sentences
        Why.
    """

    word: Word
    condition: float | None
    bound: float | None
    sentences: tuple[str, ...]

    @classmethod
    def silent(cls, *sentences: str) -> Verdict:
        """Return the verdict where the theorem says nothing."""
        return cls(SILENT, None, None, sentences)

    def but(self, *sentences: str) -> Verdict:
        """Return the same with more to be said."""
        return replace(self, sentences=(*self.sentences, *sentences))


def judge(
    theorem: Theorem, step: float | Floats, updates: int, start_norm2: float, *,
    is_proven: bool = True,
) -> Verdict:  # fmt: skip
    """Hold a theorem's condition and its bound against a step.

    Parameters
    ----------
    theorem
        With its constants.
    step
        γ, or γ_k, shape (K,).
    updates
        K.
    start_norm2
        ‖∇f(x_1)‖²: a bound above it would hold of an x that never moves.
    is_proven
        Whether no gradient's staleness is above the theorem's T.
    """
    varies = isinstance(step, np.ndarray)
    if isinstance(step, np.ndarray):
        with np.errstate(over="ignore", invalid="ignore"):
            condition = float(theorem.conditions(step).max())
            bound = float(theorem.bounds(step)[-1])
    else:
        condition, bound = theorem.condition(step), theorem.bound(step, updates)
    if not math.isfinite(condition):
        huge = "constants so large that the condition is beyond all numbers: no step would meet it"
        return Verdict(VACUOUS, None, None, (huge,))
    name, asked = _asked(theorem, varies=varies)
    at = "the largest of γ_k" if varies else f"γ = {step:.4g}"
    said = (
        f"{name} asks {asked} ≤ 1 with T = {theorem.staleness_bound}: with {at} it is "
        f"{condition:.3g}"
    )
    if not condition <= 1:
        return Verdict(NOT_MET, condition, None, (f"{said}, so it says nothing.",))
    mean = "mean of E‖∇f‖²" + (", weighed by γ_k," if varies else "")
    is_ = "is" if is_proven else "would be"
    told = f"The {mean} over {updates:,} updates {is_} at most {bound:.3g}"
    proven = bound if is_proven else None
    if theorem.gap == 0:
        nothing = "Δ = 0: x_1 is a minimum, and there is nothing to go down to."
        return Verdict(VACUOUS, condition, proven, (f"{said}.", nothing))
    if not bound < start_norm2:
        why = f"{told}, which is no less than ‖∇f(x_1)‖² = {start_norm2:.3g}: an x that never moves"
        return Verdict(VACUOUS, condition, proven, (f"{said}.", f"{why} keeps to it too."))
    if not is_proven:
        told += f" if T were {theorem.staleness_bound}, which nothing enforces"
    word: Word = MET if is_proven else MET_IF
    told += f"; ‖∇f(x_1)‖² = {start_norm2:.3g}."
    return Verdict(word, condition, proven, (f"{said}.", told))


def not_in_theorem(scenario: Scenario) -> tuple[str, ...]:
    """Return keys of what the scenario's update has that the theorem's has not."""
    return tuple(_besides(scenario))


def _besides(scenario: Scenario) -> Iterator[str]:
    update, algorithm = scenario.update, scenario.algorithm
    if algorithm.name == "asysg-incon" and algorithm.write != "coordinate":
        yield f'algorithm.write = "{algorithm.write}"'
    if gradients_per_update(scenario) != 1 and scenario.schedule is not None:
        yield "update of several gradients"
    elif gradients_per_update(scenario) != 1:
        rule = scenario.coordination
        yield (
            "algorithm.gradients_per_update"
            if rule is None or rule.kind == "asynchronous"
            else f'coordination.kind = "{rule.kind}"'
        )
    if update is not None:
        if update.momentum:
            yield "update.momentum"
        if update.weight is not None and not update.weight.is_one:
            yield "update.weight"
        if update.correction is not None:
            yield "update.correction"
        if update.perturbation is not None:
            yield "update.perturbation"


def _asked(theorem: Theorem, *, varies: bool) -> tuple[str, str]:
    """Return what a theorem is called, with what its constants are, and what it asks."""
    if isinstance(theorem, Consistent):
        if varies:
            return "Theorem 1 (as recalled)", "LMγ_k + 2L²M²Tγ_k Σ_κ γ_{k+κ}"
        return "Theorem 1 (as derived)", "LMγ + 2(LMTγ)²"
    if varies:
        return (
            "Theorem 3 (for steps that vary, as derived)",
            "ML_maxγ_k + (2M²L_T²/n) Σ_κ γ_{k+κ}(γ_k + Σ_l γ_l/√n)",
        )
    twice = "2" if theorem.recalled else ""
    whose = "as recalled" if theorem.recalled else "as derived"
    return (
        f"Theorem 3 ({whose})",
        f"{twice}ML_maxγ + 2M²L_T²γ²T(√n+T−1)/n^(3/2)",
    )
