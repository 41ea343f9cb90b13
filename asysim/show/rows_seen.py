"""What pictures show of a trace's rows, counted piece by piece: no more of it is in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from asysim.ground.arrays import Floats, Ints
from asysim.trace.gradient import NANOSECOND, TIMES
from asysim.trace.kept_trace import KeptTrace, Recorded
from asysim.trace.trace import Trace

if TYPE_CHECKING:
    from asysim.runs.outcome import Run


def recorded(run: Run | Recorded) -> Recorded:
    """Return the rows of a run, or those that were given."""
    return run if isinstance(run, Trace | KeptTrace) else run.recorded


def windows(trace: Recorded, length: int, count: int) -> tuple[Ints, Ints, Ints]:
    """Return the least, the sum and the largest τ of windows of so many applied gradients.

    Parameters
    ----------
    trace
        What happened when.
    length
        Gradients in a window.
    count
        Windows; gradients after them are left out.

    Returns
    -------
    tuple
        Three arrays of shape (count,).
    """
    least = np.full(count, np.iinfo(np.int64).max)
    total, most = np.zeros(count, np.int64), np.zeros(count, np.int64)
    before = 0
    for rows in trace.pieces():
        tau = rows.staleness[: max(0, count * length - before)]
        if len(tau):
            first, last = before // length, (before + len(tau) - 1) // length + 1
            edges = np.maximum(np.arange(first, last) * length - before, 0)
            here = slice(first, last)
            least[here] = np.minimum(least[here], np.minimum.reduceat(tau, edges))
            total[here] += np.add.reduceat(tau, edges)
            most[here] = np.maximum(most[here], np.maximum.reduceat(tau, edges))
            before += len(tau)
    return least, total, most


def between(
    trace: Recorded, start: float, end: float
) -> tuple[Ints, NDArray[np.bool_], dict[str, Floats]]:
    """Return the gradients that were under way between two instants.

    Parameters
    ----------
    trace
        What happened when.
    start, end
        In seconds.

    Returns
    -------
    tuple
        Their workers; whether they were applied; their times in seconds, by the names in `TIMES`.
    """
    workers, applied, ticks = [], [], []
    for rows in trace.pieces():
        shown = (rows.seconds("applied") >= start) & (rows.seconds("read") <= end)
        workers.append(rows.worker[shown])
        applied.append(rows.was_applied[shown])
        ticks.append(rows.ticks[:, shown])
    nothing = np.zeros((len(TIMES), 0), np.int64)
    seconds = np.concatenate([nothing, *ticks], axis=1) * NANOSECOND
    return (
        np.concatenate([np.zeros(0, np.int64), *workers]),
        np.concatenate([np.zeros(0, np.bool_), *applied]),
        dict(zip(TIMES, seconds, strict=True)),
    )
