"""The counts of `asysim.replay.state.State`, as compiled code keeps them."""

from __future__ import annotations

from asysim.ground.arrays import Ints
from asysim.jit.compiler import compiled
from asysim.replay.compiled.planning import APPLIED, PASSED, UPDATE, VERSION
from asysim.replay.state import State

UPDATES, GRADIENTS, TICKS, STALENESS_SUM, STALENESS_MAX, APPLIED_ROWS, X, ROW, SIZE = range(9)
"""Of a state; and the row of the pool that x lies in, the next row of the plan, and how many
numbers these are."""

_NAMES = ("updates", "gradients", "ticks", "staleness_sum", "staleness_max", "applied")


def load(counts: Ints, state: State) -> None:
    """Begin where a state stands."""
    for i, name in enumerate(_NAMES):
        counts[i] = getattr(state, name)


def store(counts: Ints, state: State) -> None:
    """Tell a state the counts."""
    for name, count in zip(_NAMES, counts.tolist(), strict=False):
        setattr(state, name, count)


@compiled
def count_row(counts: Ints, plan: Ints, j: int) -> None:
    """Count a gradient that is applied."""
    staleness = plan[j, UPDATE] - plan[j, VERSION]
    counts[GRADIENTS] += 1 + plan[j, PASSED]
    counts[APPLIED_ROWS] += 1
    counts[STALENESS_SUM] += staleness
    if staleness > counts[STALENESS_MAX]:
        counts[STALENESS_MAX] = staleness


@compiled
def count_update(counts: Ints, plan: Ints, j: int) -> None:
    """Count an update that was made, of which this is the last gradient."""
    counts[UPDATES] = plan[j, UPDATE] + 1
    if plan[j, APPLIED] > counts[TICKS]:
        counts[TICKS] = plan[j, APPLIED]
