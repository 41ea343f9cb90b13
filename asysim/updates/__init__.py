"""Update rules: each a short file that names its paper. `base` says how they go together."""

from __future__ import annotations

from asysim.updates.base import Correction, StepSchedule, UpdateRule, WatchesSteps, Weight
from asysim.updates.decaying import Decaying
from asysim.updates.delay_adaptive import Koloskova, Mishchenko
from asysim.updates.delay_compensation import AdaptiveDelayCompensation, DelayCompensation
from asysim.updates.fedasync import Hinge, Polynomial
from asysim.updates.gap_aware import GapAware
from asysim.updates.momentum import HeavyBall
from asysim.updates.staleness_aware import Inverse
from asysim.updates.theorem import theorem_condition, theorem_step

__all__ = [
    "AdaptiveDelayCompensation",
    "Correction",
    "Decaying",
    "DelayCompensation",
    "GapAware",
    "HeavyBall",
    "Hinge",
    "Inverse",
    "Koloskova",
    "Mishchenko",
    "Polynomial",
    "StepSchedule",
    "UpdateRule",
    "WatchesSteps",
    "Weight",
    "theorem_condition",
    "theorem_step",
]
