"""Calibration: from recorded runs, simulated or real, to a scenario with the same times."""

from asysim.calibration.calibration import SAMPLES, Calibration, calibrate
from asysim.calibration.fit import (
    CONSTANT,
    ESTIMATED,
    FITS,
    NONE_FITS,
    TOO_FEW,
    UNTESTED,
    Estimate,
    Fit,
)
from asysim.calibration.goodness import Goodness, goodness

__all__ = [
    "CONSTANT",
    "ESTIMATED",
    "FITS",
    "NONE_FITS",
    "SAMPLES",
    "TOO_FEW",
    "UNTESTED",
    "Calibration",
    "Estimate",
    "Fit",
    "Goodness",
    "calibrate",
    "goodness",
]
