"""Whether a fitted scenario, simulated, has the throughput of the runs that it was fitted to."""

from __future__ import annotations

import numpy as np

from asysim.calibration.recorded import RecordedRun
from asysim.errors import AsysimError
from asysim.scenario import Scenario
from asysim.schedule import simulate
from asysim.studies.task import with_workers
from asysim.trace.gradient import NANOSECOND
from asysim.trace.stream import limited, trace_of
from asysim.trace.trace import Trace

_PIECES = 32  # of a run, whose paces say how unsure its throughput is
_MOST = 50_000  # updates that are simulated
_OFF = 0.01
_FAR = 4.0  # standard deviations of both together


def off_the_record(scenario: Scenario, runs: list[RecordedRun]) -> list[str]:
    """Return sentences on runs that the fitted scenario does not have the throughput of."""
    in_order = sorted(runs, key=lambda run: run.workers)
    return [said for run in in_order if (said := _off(scenario, run))]


def _off(scenario: Scenario, run: RecordedRun) -> str:
    if run.trace.updates < 10 * _PIECES:
        return ""
    updates = min(run.trace.updates, _MOST)
    try:
        fitted = with_workers(scenario, run.workers)
        stream = limited(simulate(fitted, run.trace.info.dimension), updates=updates)
        made = trace_of(stream)
    except AsysimError:
        return ""  # what can't be simulated says so when it is
    again, error = _pace(made)
    recorded, noise = _pace(run.trace)
    off = again / recorded - 1
    if not abs(off) >= max(_OFF, _FAR * float(np.hypot(error, noise))):
        return ""
    return (
        f"the fitted scenario makes {again:,.6g} updates per second with {run.workers} "
        f"worker{'s' if run.workers > 1 else ''}, and {run.source} made {recorded:,.6g} "
        f"({off:+.1%}): something that all workers have in common is not in it. Record the number "
        "of workers that you want to know of"
    )


def _pace(trace: Trace) -> tuple[float, float]:
    """Return updates per second, and by what part of itself that is unsure; nan without time."""
    applied = trace.was_applied
    _, first = np.unique(trace.update[applied], return_index=True)  # of each update's gradients
    ends = np.sort(trace.ticks[4][applied][first])
    lasts = np.diff(ends[np.linspace(0, len(ends) - 1, _PIECES + 1).astype(int)]) * NANOSECOND
    if not lasts.any():
        return np.nan, np.nan
    unsure = float(lasts.std(ddof=1) / np.sqrt(_PIECES) / lasts.mean())
    return (len(ends) - 1) / float(lasts.sum()), unsure
