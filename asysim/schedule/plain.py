"""Which scenarios the plain schedule of AsySG-con can play, and with which arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

from asysim.coordination.settings import Asynchronous, Ringmaster, SoftSync
from asysim.laws.simple import NO_TIME

if TYPE_CHECKING:
    from asysim.scenario import Scenario


class Plain(TypedDict, total=False):
    """Arguments of `ConsistentSchedule` that are the method's own."""

    gradients_per_update: int
    bound: int | None
    beyond: Literal["wait", "discard"]


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
    rule, algorithm = scenario.coordination, scenario.algorithm
    if isinstance(rule, SoftSync):
        return {"gradients_per_update": rule.gradients}
    if isinstance(rule, Ringmaster) and rule.late == "ignore":
        return {"bound": rule.delay - 1, "beyond": "discard"}
    if rule is not None and not isinstance(rule, Asynchronous):
        return None
    if algorithm.beyond_bound == "restart" and algorithm.staleness_bound is not None:
        return None
    return {
        "gradients_per_update": algorithm.gradients_per_update,
        "bound": algorithm.staleness_bound,
        "beyond": "discard" if algorithm.beyond_bound == "discard" else "wait",
    }
