"""Update rules: each a short file that names its paper. `base` says how they go together."""

from __future__ import annotations

from asysim.updates.base import (
    Correction,
    CorrectionRule,
    Given,
    KernelCorrection,
    StepRule,
    StepSchedule,
    UpdateRule,
    WatchesSteps,
    Weight,
    WeightRule,
)
from asysim.updates.constant import Constant
from asysim.updates.decaying import Decaying
from asysim.updates.delay_compensation import AdaptiveDelayCompensation, DelayCompensation
from asysim.updates.fedasync import Hinge, Polynomial
from asysim.updates.gap_aware import GapAware
from asysim.updates.koloskova import Koloskova
from asysim.updates.mishchenko import Mishchenko
from asysim.updates.momentum import HeavyBall
from asysim.updates.perturbation import Noise
from asysim.updates.staleness_aware import Inverse
from asysim.updates.theorem import theorem_condition, theorem_step

__all__ = [
    "AdaptiveDelayCompensation",
    "Constant",
    "Correction",
    "CorrectionRule",
    "Decaying",
    "DelayCompensation",
    "GapAware",
    "Given",
    "HeavyBall",
    "Hinge",
    "Inverse",
    "KernelCorrection",
    "Koloskova",
    "Mishchenko",
    "Noise",
    "Polynomial",
    "StepRule",
    "StepSchedule",
    "UpdateRule",
    "WatchesSteps",
    "Weight",
    "WeightRule",
    "theorem_condition",
    "theorem_step",
]
