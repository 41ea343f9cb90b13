"""T of a scenario: a bound of every τ that is enforced or proven; or what would be assumed."""

from __future__ import annotations

from typing import NamedTuple

from asysim.scenario import Scenario
from asysim.schedule import cluster_timing, simulate
from asysim.schedule.engine import is_certain
from asysim.trace.stream import limited

MOST_SIMULATED = 2_000_000
"""Updates of a schedule that is looked at for its largest τ."""
_ROUNDS = 4  # of workers that take turns, to see that they do


class Staleness(NamedTuple):
    """T, and where it is from.

    Attributes
    ----------
    bound
        T.
    words
        Whose it is.
    is_proven
        Whether no τ is larger; otherwise theory holds only if none is.
    """

    bound: int
    words: str
    is_proven: bool = True


def staleness_of(
    scenario: Scenario, dimension: int, updates: int, *, largest: int | None = None
) -> Staleness:
    """Return a scenario's T.

    Parameters
    ----------
    scenario
        With p workers.
    dimension
        n.
    updates
        K.
    largest
        The largest τ of a run of it; None: there is no run.
    """
    rule, p, schedule = scenario.played, scenario.workers.count, scenario.schedule
    if schedule is not None:
        if largest is None:
            return Staleness(schedule.known.largest, f"the largest in {schedule.named}")
        return Staleness(largest, f"the largest of the run, whose schedule is {schedule.named}")
    if rule.is_fresh:
        return Staleness(0, "every gradient is of the current x")
    most = rule.most_staleness(p)
    told = scenario.algorithm.staleness_bound is not None or "bound" in (rule.plain() or {})
    if told and most is not None:
        return Staleness(most, "enforced")
    if largest is not None:
        return Staleness(largest, "the largest of the run, for nothing enforces a T")
    if p == 1:
        return Staleness(0, "a worker that is alone misses no update")
    if most is not None:
        return Staleness(most, f'which coordination.kind = "{rule.kind}" keeps to')
    if is_certain(scenario, dimension):
        return _of_fixed_times(scenario, dimension, updates)
    return _assumed(p)


def _of_fixed_times(scenario: Scenario, dimension: int, updates: int) -> Staleness:
    """Return T of a schedule that is the same whatever the seed, by looking at it."""
    p = scenario.workers.count
    alike = len(set(cluster_timing(scenario, dimension).workers)) == 1
    length = min(updates, _ROUNDS * p) if alike else updates
    if length > MOST_SIMULATED:
        return _assumed(p)
    blocks = limited(simulate(scenario, dimension), updates=length)
    largest = max((int(block.rows.staleness.max(initial=0)) for block in blocks), default=0)
    if alike and largest < p:  # and so in all rounds to come, each of which is like the one before
        return Staleness(p - 1, (
            "p − 1: nothing enforces a T, but equal workers whose times are fixed take turns"
        ))  # fmt: skip
    if alike and length < updates:
        return _assumed(p)
    return Staleness(largest, (
        f"the largest in {updates:,} updates, of a schedule whose times are fixed; nothing "
        "enforces a T"
    ))  # fmt: skip


def _assumed(workers: int) -> Staleness:
    return Staleness(workers - 1, (
        "p − 1, which nothing enforces: what equal workers of fixed times have; where times are "
        "random, it is the mean, and single gradients are older"
    ), is_proven=False)  # fmt: skip
