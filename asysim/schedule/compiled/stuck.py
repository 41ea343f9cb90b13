"""What a compiled cluster says when nothing can ever happen again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asysim.ground.arrays import Ints
from asysim.schedule.compiled.memory import workers_of
from asysim.schedule.compiled.names import (
    BARRIER,
    CLOCK,
    CONTRIBUTED,
    DOWN,
    DOWN_ORDER,
    LEFT,
    LEFT_ORDER,
    MEMBER,
    MINDFLAYER,
    NOW,
    ROUND,
    ROUND_ROBIN,
    RULE,
    SLACK,
    SSP,
    TRIALS,
    TRIALS_MADE,
    TURN,
)
from asysim.schedule.reference.deadlock import Deadlock, explain


def explained(m: Ints) -> Deadlock:
    """Say who waits for whom, as `ClusterSchedule` does."""
    crowd = workers_of(m)
    members = np.flatnonzero(crowd[:, MEMBER]).tolist()
    down, left = _since(crowd, DOWN, DOWN_ORDER), _since(crowd, LEFT, LEFT_ORDER)
    waiting = {w: _awaited(m, w, members) for w in members if w not in down}
    return explain(int(m[NOW]), waiting, down, left)


def _since(crowd: Ints, since: int, order: int) -> dict[int, int]:
    """Return when something came over workers, the first one first."""
    workers = np.flatnonzero(crowd[:, since] >= 0)
    workers = workers[np.argsort(crowd[workers, order])]
    return {int(w): int(crowd[w, since]) for w in workers}


def _awaited(m: Ints, worker: int, members: Sequence[int]) -> list[int]:
    """Return the workers without whose gradients this one can't go on."""
    crowd, rule = workers_of(m), m[RULE]
    if rule == ROUND_ROBIN:
        return [int(m[TURN])]
    if rule == BARRIER:
        return [w for w in members if crowd[w, CONTRIBUTED] != m[ROUND]]
    if rule == MINDFLAYER:
        return [w for w in members if crowd[w, TRIALS_MADE] < crowd[w, TRIALS]]
    if rule == SSP:
        limit = max(crowd[worker, CLOCK], 0) - m[SLACK]
        return np.flatnonzero((crowd[:, CLOCK] >= 0) & (crowd[:, CLOCK] < limit)).tolist()
    return [w for w in members if w != worker]
