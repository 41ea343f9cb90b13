"""The server's service times, from when gradients arrived and when they were applied.

In a queue served in order of arrival, service i is what lies between its end and the later of its
arrival and the end of service i − 1: Lindley's recursion, the other way round. A rule may apply a
gradient later than its service ended, with another one. Of gradients applied at one instant only
the last to arrive has just been served, since what a rule allows it allows when somebody arrives;
for the others the end of their service is not known, and so is not the next one's beginning.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asysim.calibration.reads import begins, rested, served
from asysim.calibration.recorded import RecordedRun
from asysim.calibration.times import Times, own_previous, stage
from asysim.ground.arrays import Ints

_MOST = 20_000  # gradients that its mean is looked for in
_ENOUGH = 30  # services seen one by one; with fewer only their mean is looked for


@dataclass(frozen=True, eq=False)
class Queue:
    """What a run tells of its server.

    Attributes
    ----------
    times
        Service times that are known one by one.
    mean
        In nanoseconds, from several services at a time, if they all are alike; None: not known.
    """

    times: Times
    mean: float | None = None


def service(run: RecordedRun, number: int) -> Queue:
    """Return the service times of a run."""
    if run.is_locked_memory:
        return Queue(_under_lock(run, number))
    worker, seen = run.trace.worker, served(run)
    read = 0 if run.unshared is None else run.unshared.read
    begin = begins(run, seen, read)
    ticks = np.zeros(len(worker), dtype=np.int64)
    ticks[seen.rows] = seen.ends - begin
    chosen = np.zeros(len(worker), dtype=np.bool_)
    free = rested(run, seen, read) if read else seen.alone
    # Behind a read of random length, a service's beginning is known roughly.
    chosen[seen.rows] = free if free.sum() >= _ENOUGH else seen.alone
    times = stage("service", run, number, ticks, chosen & run.usable)
    if len(times) >= _ENOUGH:
        return Queue(times)
    return Queue(times, _one_for_all(seen.comes, seen.ends, seen.known))


def _one_for_all(comes: Ints, ends: Ints, known: NDArray[np.bool_]) -> float | None:
    """Return the one service time that explains every end that is known, to a tick; or None."""
    if not known.any():
        return None
    comes, ends, known = comes[:_MOST], ends[:_MOST], known[:_MOST]
    most = int((ends - comes)[known].min()) + 1
    arrivals, finishes, sure = comes.tolist(), ends.tolist(), known.tolist()

    def error(service: int) -> tuple[int, int]:
        """Return by how many ticks all ends are late in all, and the worst of them is off."""
        free, total, worst = 0, 0, 0
        for came, end, is_known in zip(arrivals, finishes, sure, strict=True):
            free = max(came, free) + service
            if is_known:
                total += free - end
                worst = max(worst, abs(free - end))
                free = end
        return total, worst

    service = bisect_left(range(most), 0, key=lambda service: error(service)[0])
    return float(service) if error(service)[1] <= 2 else None


def _under_lock(run: RecordedRun, number: int) -> Times:
    """Return how long the lock was held for an update: until anybody next had it.

    Whoever has made an update asks for the lock again at once, so it is not idle for long.
    """
    read, applied = run.trace.ticks[0], run.trace.ticks[4]
    instants = np.sort(np.concatenate([read, applied]))
    after = np.searchsorted(instants, applied, "right")
    has_next = after < len(instants)
    ticks = instants[np.minimum(after, len(instants) - 1)] - applied
    return stage("service", run, number, ticks, run.usable & has_next)


def lock_latency(run: RecordedRun, number: int) -> Times:
    """Return how long it took to get the lock for an update where nobody had it: as a push.

    Seen where the last to have had it made a read that was over before the gradient was done.
    """
    read, ready, done, _, applied = run.trace.ticks
    order = np.argsort(read)
    last = np.searchsorted(read[order], applied, "left") - 1
    before = order[np.maximum(last, 0)]
    updates = np.sort(applied)
    made = np.searchsorted(updates, applied, "left") - 1
    update_before = np.where(made >= 0, updates[np.maximum(made, 0)], -1)
    if run.scenario.algorithm.gradients_per_update > 1:
        last = np.full(len(read), -1)  # all of an update have the instant of its last
    idle = (last >= 0) & (read[before] > update_before) & (ready[before] <= done)
    return stage("push", run, number, applied - done, run.usable & idle)


def locked_read(run: RecordedRun, number: int) -> Times:
    """Return how long the lock was held for a read: until the next in the queue had it.

    Somebody waits if the next to have it was done before, or made an update before.
    """
    worker, (read, ready, _, arrived, applied) = run.trace.worker, run.trace.ticks
    instants = np.concatenate([read, applied])
    asked = np.concatenate([own_previous(run, applied), arrived])
    order = np.argsort(instants, kind="stable")
    follower = order[np.minimum(np.searchsorted(instants[order], read, "right"), len(order) - 1)]
    waited = (asked[follower] < ready) & (np.tile(worker, 2)[follower] != worker)
    ends = np.where(waited, np.maximum(instants[follower], ready), ready)
    return stage("server read", run, number, ends - read, run.usable)


def idle_after(run: RecordedRun) -> Ints:
    """Return the nanoseconds from the end of each worker's gradient before to its read; (rows,)."""
    before = own_previous(run, run.trace.ticks[4])
    first = before == np.iinfo(np.int64).min
    return np.where(first, 0, np.maximum(run.trace.ticks[0] - before, 0))
