"""What the instants of a run's rows say of each stage of a gradient's way round."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from asysim.calibration.queue import idle_after
from asysim.calibration.recorded import Recorded
from asysim.calibration.times import Times, own_previous, stage, under_way
from asysim.ground.arrays import Ints
from asysim.trace.gradient import LOST, NANOSECOND


def compute(run: Recorded, number: int) -> Times:
    """Return computing times: from x in hand to the gradient done.

    On a real machine a worker has more to do between a gradient and its next read, which counts as
    computing; not where it may have waited for leave to read, or for the lock.
    """
    _, ready, done, _, applied = run.trace.ticks
    ticks = done - ready
    whole = ~run.ended_early | (done < applied)
    waits = run.scenario.algorithm.staleness_bound is not None or not _asks_at_once(run)
    if run.is_real and not (run.is_emulated or run.is_locked_memory or waits):
        ticks = ticks + (_uncounted(run) if run.clock_every > 1 else idle_after(run))
    return stage("compute", run, number, ticks, whole & run.usable)


def _asks_at_once(run: Recorded) -> bool:
    """Whether a worker may read as soon as its gradient is applied."""
    return getattr(run.scenario.coordination, "kind", "asynchronous") in (
        "asynchronous", "softsync", "rennala", "ringmaster",
    )  # fmt: skip


def _uncounted(run: Recorded) -> int:
    """Return what a gradient takes beyond its stages, where few of them were measured one by one.

    The rows between two that were measured are interpolated, so that they have the mean pace.
    """
    read, applied = run.trace.ticks[0], run.trace.ticks[4]
    before = own_previous(run, read)
    rows = before > np.iinfo(np.int64).min
    cycle = float((read - before)[rows].mean()) if rows.any() else 0.0
    stages = float((applied - read)[run.usable].mean()) if run.usable.any() else 0.0
    return max(0, round(cycle - stages))


def pull(run: Recorded, number: int) -> Times:
    """Return how long x was on its way to the workers."""
    _, ready, _, _, applied = run.trace.ticks
    sent, there = run.sent, ~run.ended_early | (ready < applied)
    chosen = there & run.usable
    times = stage("pull", run, number, ready - sent, chosen, under_way(sent, ready))
    if run.unshared is None or not run.unshared.read:
        return times
    # Where reads vary, less than the mean of one may be left; the mean of what is left is right.
    mean = float((ready - sent)[chosen].mean()) * NANOSECOND if chosen.any() else 0.0
    kept = float(times.seconds.mean()) if len(times) else 0.0
    return replace(times, seconds=times.seconds * (max(0.0, mean) / kept)) if kept else times


def push(run: Recorded, number: int) -> Times:
    """Return how long gradients were on their way to the server."""
    done, came = run.trace.ticks[2], run.came
    there = ~run.ended_early & run.usable
    return stage("push", run, number, came - done, there, under_way(done, came))


def read_sweep(run: Recorded, number: int) -> Times:
    """Return how long lock-free reads took, beyond a write in whose sweep they were made."""
    read, ready, _, _, applied = run.trace.ticks
    begun = np.maximum(read, own_previous(run, applied))
    return stage("read sweep", run, number, ready - begun, run.usable)


def write_sweep(run: Recorded, number: int) -> Times:
    """Return how long writing all of x would take at the pace of each write, and beside whom."""
    arrived, applied = run.trace.ticks[3:]
    others, share = np.zeros(len(arrived), dtype=np.int64), _share_written(run)
    written = run.trace.was_applied & (share > 0)
    others[written] = _writes_in_progress(run, written)
    pace = np.divide(applied - arrived, share, out=np.zeros(len(share)), where=share > 0)
    return stage("write sweep", run, number, pace, written & run.usable, others)


def _share_written(run: Recorded) -> NDArray[np.float64]:
    """Return which part of x each row's update wrote; (rows,)."""
    spans = run.trace.sweeps or run.trace.brackets
    if spans is None:
        return np.ones(len(run.trace))
    return (spans.hi - spans.lo) / run.trace.info.dimension


def _writes_in_progress(run: Recorded, written: NDArray[np.bool_]) -> Ints:
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


def resolution(run: Recorded) -> float:
    """Return the median ticks of a write as it was recorded; 0 if there is none."""
    rows = run.trace.was_applied & (run.trace.update != LOST)
    written = (run.trace.ticks[4] - run.trace.ticks[3])[rows]
    return float(np.median(written)) if len(written) else 0.0


def rounding(run: Recorded) -> float:
    """Return by how many ticks the pace of a write of a part of x may be off; 0 if all is written.

    What a part took is a whole number of ticks, which stands for as many as there are parts.
    """
    share = _share_written(run)[run.trace.was_applied]
    least = float(share[share > 0].min(initial=1.0))
    return 0.0 if least > 0.999 else 3 / least
