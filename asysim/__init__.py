"""asysim: how many workers can asynchronous SGD use before staleness eats the speedup.

import asysim

scenario = asysim.load("scenarios/digits.toml", "workers.count=16")
run = asysim.run(scenario)
run.trace.staleness.mean(), run.curve
asysim.plots.convergence(run)
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asysim.advice.advice import Advice as Advice
    from asysim.advice.advice import advise as advise
    from asysim.calibration import calibrate as calibrate
    from asysim.delays.making import staleness as staleness
    from asysim.delays.study import StalenessStudy as StalenessStudy
    from asysim.errors import AsysimError as AsysimError
    from asysim.errors import InputError as InputError
    from asysim.runs.assessed import assess as assess
    from asysim.runs.kept_run import load_run as load_run
    from asysim.runs.outcome import Run as Run
    from asysim.runs.replayed import rerun as rerun
    from asysim.runs.resuming import resume as resume
    from asysim.runs.run import run as run
    from asysim.scenario import Scenario as Scenario
    from asysim.scenario import vary as vary
    from asysim.scenario.load import load as load
    from asysim.show import plots as plots
    from asysim.studies.escape import EscapeStudy as EscapeStudy
    from asysim.studies.escape import escape as escape
    from asysim.studies.limits import LimitStudy as LimitStudy
    from asysim.studies.limits import limits as limits
    from asysim.studies.plan import plan as plan
    from asysim.studies.speedup import SpeedupStudy as SpeedupStudy
    from asysim.studies.speedup import speedup as speedup
    from asysim.sweeps.compared import compare as compare
    from asysim.sweeps.sweep import SweepStudy as SweepStudy
    from asysim.sweeps.sweep import sweep as sweep
    from asysim.theory.assessment import Assessment as Assessment
    from asysim.trace import Trace as Trace
    from asysim.trace.gradient import Gradient as Gradient

_HOMES = {
    "Advice": "advice.advice",
    "advise": "advice.advice",
    "AsysimError": "errors",
    "Assessment": "theory.assessment",
    "assess": "runs.assessed",
    "InputError": "errors",
    "load_run": "runs.kept_run",
    "Run": "runs.outcome",
    "rerun": "runs.replayed",
    "run": "runs.run",
    "resume": "runs.resuming",
    "Scenario": "scenario",
    "load": "scenario",
    "vary": "scenario",
    "EscapeStudy": "studies.escape",
    "SpeedupStudy": "studies.speedup",
    "LimitStudy": "studies.limits",
    "limits": "studies.limits",
    "calibrate": "calibration",
    "escape": "studies.escape",
    "plan": "studies.plan",
    "speedup": "studies.speedup",
    "StalenessStudy": "delays.study",
    "staleness": "delays.making",
    "SweepStudy": "sweeps.sweep",
    "compare": "sweeps.compared",
    "sweep": "sweeps.sweep",
    "Gradient": "trace",
    "Trace": "trace",
}
__all__ = ["__version__", "plots", *_HOMES]
__version__ = "0.1.0"


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    # Names are imported when they are first used: `asysim --help` needs none of them.
    if name == "plots":
        return importlib.import_module("asysim.show.plots")
    if name in _HOMES:
        return getattr(importlib.import_module(f"asysim.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'asysim' has no attribute '{name}'")


if "IPython" in sys.modules:
    importlib.import_module("asysim.show.notebook").register()
