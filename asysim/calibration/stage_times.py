"""What the instants of a run's rows say of each stage of a gradient's way round."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from asysim.calibration.queue import idle_after
from asysim.calibration.recorded import RecordedRun
from asysim.calibration.times import Times, own_previous, stage
from asysim.ground.arrays import Ints
from asysim.trace.gradient import LOST, NANOSECOND


def compute(run: RecordedRun, number: int) -> Times:
    """Return computing times: from x in hand to the gradient done.

    On a real machine a worker has more to do between a gradient and its next read, which counts as
    computing; not where it may have waited for leave to read, or for the lock.
    """
    _, ready, done, _, applied = run.trace.ticks
    ticks = done - ready
    whole = ~run.ended_early | (done < applied)
    if run.is_real and not (run.is_emulated or run.is_locked_memory or run.waits_for_others):
        ticks = ticks + (_uncounted(run) if run.clock_every > 1 else idle_after(run))
    return stage("compute", run, number, ticks, whole & run.usable)


def _uncounted(run: RecordedRun) -> int:
    """Return what a gradient takes beyond its stages, where few of them were measured one by one.

    The rows between two that were measured are interpolated, so that they have the mean pace.
    """
    read, applied = run.trace.ticks[0], run.trace.ticks[4]
    before = own_previous(run, read)
    rows = before > np.iinfo(np.int64).min
    cycle = float((read - before)[rows].mean()) if rows.any() else 0.0
    stages = float((applied - read)[run.usable].mean()) if run.usable.any() else 0.0
    return max(0, round(cycle - stages))


def pull(run: RecordedRun, number: int) -> Times:
    """Return how long x was on its way to the workers."""
    _, ready, _, _, applied = run.trace.ticks
    left, there = ready - run.sent, ~run.ended_early | (ready < applied)
    chosen = there & run.usable
    times = stage("pull", run, number, left, chosen)
    if run.unshared is None or not run.unshared.read or not times.seconds.any():
        return times
    # Where reads vary, the mean of one may be more than a pull was long. What is left is then
    # counted as 0, which all others have to make up for: the mean with what is below 0 is right.
    mean = max(0.0, float(left[chosen].mean()) * NANOSECOND)
    return replace(times, seconds=times.seconds * (mean / float(times.seconds.mean())))


def push(run: RecordedRun, number: int) -> Times:
    """Return how long gradients were on their way to the server."""
    return stage("push", run, number, run.came - run.trace.ticks[2], run.whole)


def read_sweep(run: RecordedRun, number: int) -> Times:
    """Return how long lock-free reads took, beyond a write in whose sweep they were made."""
    read, ready, _, _, applied = run.trace.ticks
    begun = np.maximum(read, own_previous(run, applied))
    return stage("read sweep", run, number, ready - begun, run.usable)


def write_sweep(run: RecordedRun, number: int) -> Times:
    """Return how long writing all of x would take at the pace of each write, and beside whom."""
    arrived, applied = run.trace.ticks[3:]
    others, share = np.zeros(len(arrived), dtype=np.int64), _share_written(run)
    written = run.trace.was_applied & (share > 0)
    others[written] = _writes_in_progress(run, written)
    pace = np.divide(applied - arrived, share, out=np.zeros(len(share)), where=share > 0)
    return stage("write sweep", run, number, pace, written & run.usable, others)


def _share_written(run: RecordedRun) -> NDArray[np.float64]:
    """Return which part of x each row's update wrote; (rows,)."""
    spans = run.trace.sweeps or run.trace.brackets
    if spans is None:
        return np.ones(len(run.trace))
    return (spans.hi - spans.lo) / run.trace.info.dimension


def _writes_in_progress(run: RecordedRun, written: NDArray[np.bool_]) -> Ints:
    """Return how many earlier updates were still being written when each began."""
    update = run.trace.update[written]
    begin, end = run.trace.ticks[3][written], run.trace.ticks[4][written]
    order = np.argsort(update)
    # At one instant writes begin before others end, unless a bound lets them begin by that end.
    waits = run.scenario.algorithm.staleness_bound is not None
    over = np.searchsorted(np.sort(end), begin[order], "right" if waits else "left")
    progress = np.empty(len(update), dtype=np.int64)
    progress[order] = np.maximum(np.arange(len(update)) - over, 0)
    return progress


def resolution(run: RecordedRun) -> float:
    """Return the median ticks of a write as it was recorded; 0 if there is none."""
    rows = run.trace.was_applied & (run.trace.update != LOST)
    written = (run.trace.ticks[4] - run.trace.ticks[3])[rows]
    return float(np.median(written)) if len(written) else 0.0


def rounding(run: RecordedRun) -> float:
    """Return by how many ticks the pace of a write of a part of x may be off; 0 if all is written.

    What a part took is a whole number of ticks, which stands for as many as there are parts.
    """
    share = _share_written(run)[run.trace.was_applied]
    least = float(share[share > 0].min(initial=1.0))
    return 0.0 if least > 0.999 else 3 / least
