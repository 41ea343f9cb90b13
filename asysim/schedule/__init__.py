"""When: from a scenario to a stream of Gradients, by discrete-event simulation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

from asysim.schedule.building import (
    cluster,
    cluster_timing,
    memory_timing,
    power_clocks,
    rule_of,
)
from asysim.schedule.deadlock import patient
from asysim.schedule.engine import engine_of, plain_rule
from asysim.schedule.from_file import known_blocks
from asysim.schedule.reference.power import PowerClock
from asysim.trace.info import TraceInfo
from asysim.trace.row_table import BLOCK_SIZE
from asysim.trace.stream import Block, Stream

if TYPE_CHECKING:
    from asysim.scenario import Scenario

__all__ = ["cluster_timing", "memory_timing", "rule_of", "simulate", "trace_info"]


# Gradients without an update, before it is held that none will come: one that takes nanoseconds may
# be begun anew a million times while another's write to shared memory lasts.
_IN_VAIN = 3_000_000


class Sweeping(TypedDict, total=False):
    """Arguments of `InconsistentSchedule` that are the method's and the memory's own."""

    bound: int | None
    beyond: Literal["wait", "discard"]
    powers: Sequence[PowerClock | None] | None
    contention: float


def simulate(scenario: Scenario, dimension: int, *, block_size: int = BLOCK_SIZE) -> Stream:
    """Yield the scenario's gradients in blocks, in the order of their disposal.

    It is without end, but for a schedule from a file that is not repeated.

    Parameters
    ----------
    scenario
        Decides every instant; nothing here knows x.
    dimension
        n, the length of x, which decides the size of messages and the pace of sweeps.
    block_size
        Least number of rows in a piece; it changes nothing else.

    Raises
    ------
    InputError
        If the scenario insists on an engine that can't play it; or a schedule's file, which is
        read here, is not what it was.
    """
    if scenario.schedule is not None:
        return known_blocks(scenario.schedule, trace_info(scenario, dimension), block_size)
    make = _compiled if engine_of(scenario, dimension).name == "compiled" else _reference
    blocks = make(scenario, dimension, block_size)
    return patient(blocks, scenario.workers.count, _IN_VAIN)


def _reference(scenario: Scenario, dimension: int, block_size: int) -> Iterable[Block]:
    """Return the schedule as a SimPy simulation."""
    from asysim.schedule.reference.cluster import ClusterSchedule
    from asysim.schedule.reference.consistent import ConsistentSchedule
    from asysim.schedule.reference.inconsistent import InconsistentSchedule

    info = trace_info(scenario, dimension)
    if scenario.algorithm.name == "asysg-incon":
        timing = memory_timing(scenario, dimension)
        return InconsistentSchedule(timing, info, block_size=block_size, **_sweeping(scenario))
    plain = plain_rule(scenario)
    if plain is not None:
        timing_ = cluster_timing(scenario, dimension)
        return ConsistentSchedule(timing_, info, block_size=block_size, **plain)
    hardware = cluster(scenario, dimension)
    return ClusterSchedule(hardware, info, rule_of(scenario), block_size=block_size)


def _compiled(scenario: Scenario, dimension: int, block_size: int) -> Iterable[Block]:
    """Return its twin."""
    from asysim.schedule.compiled.cluster import CompiledCluster
    from asysim.schedule.compiled.consistent import CompiledConsistent
    from asysim.schedule.compiled.inconsistent import CompiledInconsistent

    info = trace_info(scenario, dimension)
    if scenario.algorithm.name == "asysg-incon":
        timing = memory_timing(scenario, dimension)
        return CompiledInconsistent(timing, info, block_size=block_size, **_sweeping(scenario))
    plain = plain_rule(scenario)
    if plain is not None:
        timing_ = cluster_timing(scenario, dimension)
        return CompiledConsistent(timing_, info, block_size=block_size, **plain)
    return CompiledCluster(cluster(scenario, dimension), info, scenario, block_size=block_size)


def _sweeping(scenario: Scenario) -> Sweeping:
    """Return the arguments of `InconsistentSchedule` that are the method's and the memory's own."""
    algorithm, powers = scenario.algorithm, power_clocks(scenario)
    return {
        "bound": algorithm.staleness_bound,
        "beyond": "discard" if algorithm.beyond_bound == "discard" else "wait",
        "powers": powers if any(powers) else None,
        "contention": 0.0 if scenario.memory is None else scenario.memory.contention,
    }


def trace_info(scenario: Scenario, dimension: int) -> TraceInfo:
    """Return what a simulated trace of this scenario says of itself."""
    from asysim.scenario import to_document

    document = to_document(scenario)
    del document["engine"]  # both give the same rows, and so the same file
    return TraceInfo(
        algorithm=scenario.algorithm.name,
        workers=scenario.workers.count,
        dimension=dimension,
        scenario=document,
    )
