"""Whether a fitted scenario, simulated, has the throughput of the runs that it was fitted to."""

from __future__ import annotations

import numpy as np

from asysim.calibration.recorded import Recorded
from asysim.errors import AsysimError
from asysim.scenario import Scenario
from asysim.schedule import simulate
from asysim.studies.resize import with_workers
from asysim.trace.stream import limited

_MOST = 50_000  # gradients that are simulated
_OFF = 0.01
_SURE = 4.0  # standard deviations of both together
_PIECES = 32


def off_the_record(scenario: Scenario, runs: list[Recorded]) -> list[str]:
    """Return sentences on runs that the fitted scenario does not have the throughput of."""
    found = []
    for run in sorted(runs, key=lambda run: run.workers):
        said = _off(scenario, run)
        if said:
            found.append(said)
    return found


def _off(scenario: Scenario, run: Recorded) -> str:
    if run.trace.updates < 10 * _PIECES:
        return ""
    updates = min(run.trace.updates, _MOST)
    try:
        fitted = with_workers(scenario, run.workers)
        stream = limited(simulate(fitted, run.trace.info.dimension), updates=updates)
        ends = [np.asarray(block.rows.ticks[4][block.rows.was_applied]) for block in stream]
    except AsysimError:
        return ""  # what can't be simulated says so when it is
    again, error = _pace(np.concatenate(ends))
    recorded, noise = _pace(run.trace.ticks[4][run.trace.was_applied])
    off = again / recorded - 1
    if abs(off) < max(_OFF, _SURE * float(np.hypot(error, noise))):
        return ""
    return (
        f"the fitted scenario makes {again:,.4g} updates per second with {run.workers} "
        f"worker{'s' if run.workers > 1 else ''}, and {run.source} made {recorded:,.4g} "
        f"({off:+.1%}): something that all workers have in common is not in it. Record the number "
        "of workers that you want to know of"
    )


def _pace(ends: np.ndarray) -> tuple[float, float]:
    """Return updates per second, and by what part of itself that is unsure."""
    ends = np.unique(ends)
    if len(ends) <= 2 * _PIECES:
        return len(ends) / (ends[-1] * 1e-9), np.inf
    marks = ends[np.linspace(0, len(ends) - 1, _PIECES + 1).astype(int)]
    lasts = np.diff(marks).astype(np.float64)
    return (len(ends) - 1) / ((ends[-1] - ends[0]) * 1e-9), float(
        lasts.std(ddof=1) / np.sqrt(_PIECES) / lasts.mean()
    )
