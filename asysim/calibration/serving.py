"""The parameter server: its service times, or the one that explains updates of many gradients."""

from __future__ import annotations

import numpy as np

from asysim.calibration.findings import Findings
from asysim.calibration.fit import CONSTANT, LEAST, Estimate, Fit, constant
from asysim.calibration.queue import Queue, service
from asysim.calibration.staged import Stage
from asysim.calibration.times import Times, joined
from asysim.trace.gradient import NANOSECOND

_TICKS = 2  # by which runs may differ in a constant service time


def fit_server(found: Findings) -> None:
    """Fit the server's service."""
    pool = found.pool
    why = next((run.hides_service for run in pool.runs if run.hides_service), "")
    if why:
        found.keep("server", why)
        return
    queues = [service(run, number) for number, run in enumerate(pool.runs)]
    times = found.comparable(joined("service", [queue.times for queue in queues]))
    if pool.base.is_locked_memory and pool.base.scenario.idle_workers:
        found.warn(
            "service: workers that wait for T look for leave under the lock, so how long an update "
            "takes the server is told too high"
        )
    if len(times) >= LEAST:
        found.stages["service"] = pool.fit(times, apart=False)
    else:
        _mean_service(queues, times, found)


def _mean_service(queues: list[Queue], times: Times, found: Findings) -> None:
    """Take the one service time that explains all updates, if there is one."""
    means = [queue.mean for queue in queues if queue.mean is not None]
    if len(means) < len(queues) or max(means) - min(means) > _TICKS:
        found.keep("server.service", "gradients are applied together, so only the last is seen")
        return
    value = float(np.median(means)) * NANOSECOND
    half = 1.5 * NANOSECOND  # what several services at a time leave open
    estimate = Estimate(value, max(0.0, value - half), value + half)
    rows = sum(len(run.trace) for run in found.pool.runs)
    fit = Fit("service", constant(value), {"value": estimate}, rows, verdict=CONSTANT)
    classes = [0] * found.pool.base.workers
    found.stages["service"] = Stage("service", times, classes, [fit], [])
