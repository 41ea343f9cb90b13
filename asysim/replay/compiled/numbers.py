"""Step lengths and weights of a block's rows, each asked of the rule's own Python."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from asysim.ground.arrays import Floats, Ints
from asysim.replay.compiled.pool import SQUARE, VELOCITY, Pool
from asysim.replay.standing import Memory
from asysim.updates.base import StepSchedule, UpdateRule, Weight
from asysim.updates.delay_compensation import AdaptiveDelayCompensation, DelayCompensation
from asysim.updates.gap_aware import GapAware

NOTHING, DELAY, ADAPTIVE, GAP = range(4)
"""Which correction a gradient gets."""

LONGEST, FORGOTTEN, STARTED = range(3)
"""What gap-aware remembers besides a vector: max γ, β^k, and whether there was an update."""


class RuleNumbers(NamedTuple):
    """An update rule as compiled code takes it; steps and weights come row by row."""

    weighs: bool
    correction: int
    strength: float
    decay: float
    share: float
    momentum: float
    average: bool


def rule_numbers(rule: UpdateRule) -> RuleNumbers:
    """Return the numbers of a rule.

    Raises
    ------
    TypeError
        If its correction is not one of `asysim.updates`.
    """
    correction, strength, decay, share = NOTHING, 0.0, 0.0, 1.0
    match rule.correction:
        case None:
            pass
        case DelayCompensation():
            correction, strength = DELAY, rule.correction._strength
        case AdaptiveDelayCompensation():
            correction, strength = ADAPTIVE, rule.correction._strength
            decay, share = rule.correction._decay, rule.correction._share
        case GapAware():
            correction, decay = GAP, rule.correction._decay
        case _:
            raise TypeError(f"no compiled code for a {type(rule.correction).__name__}")
    return RuleNumbers(
        rule.weight is not None, correction, float(strength), float(decay), float(share),
        float(rule.momentum), bool(rule.average),
    )  # fmt: skip


def remembered(rule: UpdateRule, pool: Pool) -> Floats:
    """Return what a rule's correction remembers besides a vector, which it writes into the pool."""
    memory, correction = np.array([0.0, 1.0, 0.0]), rule.correction
    if isinstance(correction, AdaptiveDelayCompensation | GapAware):
        if correction._square is not None:
            pool[SQUARE][:] = correction._square
        if isinstance(correction, GapAware):
            memory[:] = correction._longest, correction._forgotten, correction._square is not None
    return memory


def memory_of(rule: RuleNumbers, pool: Pool, memory: Floats) -> Memory:
    """Return what compiled code remembers, as `asysim.replay.ruled.Ruled.memory` does."""
    velocity = pool[VELOCITY] if rule.momentum > 0 else None
    if rule.correction == GAP:
        square = pool[SQUARE] if memory[STARTED] > 0 else None
        return Memory(velocity, square, float(memory[LONGEST]), float(memory[FORGOTTEN]))
    return Memory(velocity, pool[SQUARE] if rule.correction == ADAPTIVE else None)


def recall(known: Memory, pool: Pool, memory: Floats) -> None:
    """Begin with what another replay remembered."""
    for row, vector in ((VELOCITY, known.velocity), (SQUARE, known.square)):
        if vector is not None:
            pool[row][:] = vector
    memory[:] = known.longest, known.forgotten, known.square is not None


def steps_of(step: float | StepSchedule, updates: Ints) -> Floats:
    """Return γ_k of the update that each row names; shape (rows,)."""
    if isinstance(step, int | float):
        return np.full(len(updates), float(step))
    distinct, where = np.unique(updates, return_inverse=True)
    return np.array([step.at(update) for update in distinct.tolist()], dtype=np.float64)[where]


def weights_of(weight: Weight, staleness: Ints, steps: Floats) -> Floats:
    """Return each row's weight; shape (rows,)."""
    if len(steps) and (steps == steps[0]).all():
        step = float(steps[0])
        distinct, where = np.unique(staleness, return_inverse=True)
        values = [weight.weight(tau, step) for tau in distinct.tolist()]
        return np.array(values, dtype=np.float64)[where]
    pairs = list(zip(staleness.tolist(), steps.tolist(), strict=True))
    known = {pair: weight.weight(*pair) for pair in set(pairs)}
    return np.array([known[pair] for pair in pairs], dtype=np.float64)
