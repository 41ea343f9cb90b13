"""Which of the schedules plays a scenario, and which engine: SimPy, or the compiled twin."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from asysim.coordination.base import Plain
from asysim.errors import unfit
from asysim.laws import Constant
from asysim.laws.simple import NO_TIME
from asysim.schedule.building import cluster_timing

if TYPE_CHECKING:
    from asysim.scenario import Scenario


def plain_rule(scenario: Scenario) -> Plain | None:
    """Return how `ConsistentSchedule` plays a scenario; None if it takes `ClusterSchedule`.

    Latencies, one queue in order of arrival and nobody lost need one event for each gradient.
    """
    workers, network, server = scenario.workers, scenario.network, scenario.server
    if scenario.faults is not None or workers.power is not None:
        return None
    for group in workers.groups:
        if group.power is not None or group.joins > 0 or group.leaves is not None:
            return None
    if network is not None and network.server_bandwidth is not None:
        return None
    if server is not None and (server.shards > 1 or server.pauses or server.read != NO_TIME):
        return None
    return scenario.played.plain()


def is_certain(scenario: Scenario, dimension: int) -> bool:
    """Whether the schedule is known to be the same whatever the seed: then one serves all runs.

    Only where `ConsistentSchedule` plays it: it draws nothing but times; or where a file has it.
    """
    if scenario.schedule is not None:
        return True
    if scenario.algorithm.name != "asysg-con" or plain_rule(scenario) is None:
        return False
    if scenario.workers.speed_law is not None:
        return False
    timing = cluster_timing(scenario, dimension)
    steps = [timing.service, timing.read, timing.send, timing.receive]
    for own in timing.kinds:
        steps += [own.compute, *own.messages]
    return all(isinstance(step.law, Constant) for step in steps)


class Engine(NamedTuple):
    """What plays a schedule.

    Attributes
    ----------
    name
        ``compiled`` or ``simpy``; or ``file``, where nothing is simulated.
    lacks
        The scenario's key for which SimPy had to be taken; None if nothing had.
    """

    name: str
    lacks: str | None


def engine_of(scenario: Scenario, dimension: int) -> Engine:
    """Return which engine plays a scenario whose x has so many coordinates.

    Raises
    ------
    InputError
        If the scenario insists on the compiled one, which does not know something that it asks for.
    """
    if scenario.schedule is not None:
        return Engine("file", None)
    if scenario.engine == "simpy":
        return Engine("simpy", None)
    lacks = _lacks(scenario, dimension)
    if lacks is None:
        return Engine("compiled", None)
    if scenario.engine == "compiled":
        raise unfit("engine", '"compiled"', f'"auto" or "simpy": it does not know this {lacks}')
    return Engine("simpy", lacks)


def takes_simpy(scenario: Scenario) -> bool:
    """Whether a whole cluster is one for SimPy, as far as it is known before it is built."""
    from asysim.schedule.compiled.heap import holds

    shards = 1 if scenario.server is None else scenario.server.shards
    known = holds(scenario.workers.count, shards) and scenario.played.hooks() is not None
    return scenario.engine == "simpy" or not known


def _lacks(scenario: Scenario, dimension: int) -> str | None:
    """Return a key that the compiled engine does not know, if the scenario has one."""
    if scenario.algorithm.name == "asysg-incon":
        from asysim.schedule.compiled import inconsistent

        return inconsistent.covers(scenario)
    if plain_rule(scenario) is not None:
        return None
    from asysim.schedule.building import cluster
    from asysim.schedule.compiled.cluster import covers

    return covers(scenario, cluster(scenario, dimension))
