"""The coordination rule that a scenario asks for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from asysim.coordination import (
    Asynchronous,
    Barrier,
    Coordination,
    Desk,
    Dropping,
    MindFlayer,
    Rennala,
    RoundRobin,
    StaleSynchronous,
    Waiting,
    settings,
)
from asysim.trace.gradient import NANOSECOND

if TYPE_CHECKING:
    from asysim.scenario import Scenario


def rule_of(scenario: Scenario) -> Callable[[Desk], Coordination]:
    """Return what makes the rule that a scenario asks for."""
    rule, algorithm, workers = scenario.coordination, scenario.algorithm, scenario.workers.count
    match rule:
        case settings.StaleSynchronous(slack=slack):
            return partial(StaleSynchronous, slack=slack)
        case settings.Synchronous():
            return Barrier
        case settings.Backup(needed=needed, late=late):
            return partial(Barrier, needed=needed, stop=late == "stop")
        case settings.SoftSync(gradients=gradients):
            return partial(Asynchronous, per_update=gradients)
        case settings.RoundRobin():
            return RoundRobin
        case settings.Rennala(batch=batch):
            return partial(Rennala, batch=batch)
        case settings.Ringmaster(delay=delay, late=late):
            return partial(Dropping, bound=delay - 1, stop=late == "stop")
        case settings.MindFlayer(trials=trials, seconds=seconds):
            limits = seconds if isinstance(seconds, list) else [seconds] * workers
            return partial(
                MindFlayer,
                trials=trials if isinstance(trials, list) else [trials] * workers,
                limits=[max(1, round(limit / NANOSECOND)) for limit in limits],
            )
    per_update, bound = algorithm.gradients_per_update, algorithm.staleness_bound
    if bound is None:
        return partial(Asynchronous, per_update=per_update)
    if algorithm.beyond_bound == "wait":
        return partial(Waiting, bound=bound, per_update=per_update)
    stop = algorithm.beyond_bound == "restart"
    return partial(Dropping, bound=bound, per_update=per_update, stop=stop)
