"""Queues gone through again: when each job left, from when each came."""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np

from asysim.ground.arrays import Floats, Ints


def fifo(comes: Ints, work: int) -> Ints:
    """Return when each of several equal jobs is done, first come first served; (n,) in order.

    D_i = max(C_i, D_{i−1}) + work, so D_i − i·work never falls below what it was.
    """
    turns = np.arange(len(comes)) * work
    done: Ints = np.maximum.accumulate(comes - turns) + turns + work
    return done


def shared(comes: Floats, work: Floats) -> Floats:
    """Return when each job is done where all present go on at equal parts of a unit rate; (n,).

    Jobs may be in any order. Whoever had been present from the beginning would have been `given` so
    much by now; a job leaves when that has grown by its work since it came.
    """
    leaves = np.zeros(len(comes))
    present: list[tuple[float, int]] = []
    given, now = 0.0, 0.0
    order = np.argsort(comes, kind="stable")
    jobs = zip(order.tolist(), comes[order].tolist(), work[order].tolist(), strict=True)
    for job, came, needs in jobs:
        while present:
            end = now + (present[0][0] - given) * len(present)
            if end > came:
                break
            now, given = end, present[0][0]
            leaves[heappop(present)[1]] = end
        if present:
            given += (came - now) / len(present)
        now = came
        heappush(present, (given + needs, job))
    while present:
        now += (present[0][0] - given) * len(present)
        given, job = heappop(present)
        leaves[job] = now
    return leaves
