"""When: from a scenario to a stream of Gradients, by discrete-event simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asysim.errors import unfit
from asysim.laws import Constant
from asysim.randomness import Purpose
from asysim.schedule.rows import BLOCK_SIZE
from asysim.schedule.timing import ClusterTiming, Duration, MemoryTiming
from asysim.stream import Stream
from asysim.trace import TraceInfo

if TYPE_CHECKING:
    from asysim.scenario import Scenario

_BYTES_PER_COORDINATE = 8
_AT_ONCE = Constant(value=0.0)


def simulate(scenario: Scenario, dimension: int, *, block_size: int = BLOCK_SIZE) -> Stream:
    """Yield the scenario's gradients in blocks, in the order of their disposal, without end.

    Parameters
    ----------
    scenario
        Decides every instant; nothing here knows x.
    dimension
        n, the length of x, which decides the size of messages and the pace of sweeps.
    block_size
        Least number of rows in a piece; it changes nothing else.
    """
    from asysim.schedule.consistent import ConsistentSchedule
    from asysim.schedule.inconsistent import InconsistentSchedule

    algorithm = scenario.algorithm
    info = trace_info(scenario, dimension)
    if algorithm.name == "asysg-con":
        return iter(
            ConsistentSchedule(
                cluster_timing(scenario, dimension),
                info,
                gradients_per_update=algorithm.gradients_per_update,
                bound=algorithm.staleness_bound,
                beyond=algorithm.beyond_bound,
                block_size=block_size,
            )
        )
    return iter(
        InconsistentSchedule(
            memory_timing(scenario, dimension),
            info,
            bound=algorithm.staleness_bound,
            beyond=algorithm.beyond_bound,
            block_size=block_size,
        )
    )


def trace_info(scenario: Scenario, dimension: int) -> TraceInfo:
    """Return what a simulated trace of this scenario says of itself."""
    from asysim.scenario import to_document

    return TraceInfo(
        algorithm=scenario.algorithm.name,
        workers=scenario.workers.count,
        dimension=dimension,
        scenario=to_document(scenario),
    )


def cluster_timing(scenario: Scenario, dimension: int) -> ClusterTiming:
    """Return the laws of a parameter server's network, as the scenario gives them."""
    network, server, workers = scenario.network, scenario.server, scenario.workers
    transfer = 0.0
    if network is not None and network.bandwidth is not None:
        size = network.message_bytes or _BYTES_PER_COORDINATE * dimension
        transfer = size / network.bandwidth
    return ClusterTiming(
        seed=scenario.seed,
        speeds=workers.speeds,
        pull=Duration(_AT_ONCE if network is None else network.pull, Purpose.PULL, transfer),
        compute=Duration(workers.compute, Purpose.COMPUTE),
        push=Duration(_AT_ONCE if network is None else network.push, Purpose.PUSH, transfer),
        service=Duration(_AT_ONCE if server is None else server.service, Purpose.SERVICE),
    )


def memory_timing(scenario: Scenario, dimension: int) -> MemoryTiming:
    """Return the laws of a shared memory, as the scenario gives them."""
    memory, workers, algorithm = scenario.memory, scenario.workers, scenario.algorithm
    blocks = {"dense": 1, "coordinate": dimension, "block": algorithm.blocks}[algorithm.write]
    if blocks is not None and blocks > dimension:
        raise unfit("algorithm.blocks", str(blocks), f"at most {dimension}, the length of x")
    return MemoryTiming(
        seed=scenario.seed,
        speeds=workers.speeds,
        read=Duration(_AT_ONCE if memory is None else memory.read, Purpose.READ_SWEEP),
        compute=Duration(workers.compute, Purpose.COMPUTE),
        write=Duration(_AT_ONCE if memory is None else memory.write, Purpose.WRITE_SWEEP),
        blocks=blocks or 1,
    )
