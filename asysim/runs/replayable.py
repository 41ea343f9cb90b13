"""Whether a recorded trace holds what replay needs, and could have happened at all."""

from __future__ import annotations

from asysim.errors import Fault, InputError
from asysim.problems.base import Problem
from asysim.scenario import Scenario
from asysim.trace.feasible import Feasibility
from asysim.trace.trace import Trace


def check_replayable(trace: Trace, scenario: Scenario, problem: Problem) -> None:
    """Raise InputError, with all that is wrong, unless the scenario can run on the trace."""
    info, algorithm = trace.info, scenario.algorithm
    faults = Feasibility(info).faults(trace)
    if not info.exact:
        faults.append(
            Fault(
                key="trace",
                found="reads that could not be observed (exact = false)",
                expected="can't be replayed: a real lock-free run does not say what its reads saw",
            )
        )
    if algorithm.write != "dense" and trace.sweeps is None:
        faults.append(
            Fault(
                key="algorithm.write",
                found=f'"{algorithm.write}"',
                expected='should be "dense": this trace has consistent reads, and names no blocks',
            )
        )
    if algorithm.name == "asysg-incon" and len(trace.staleness) != trace.updates:
        faults.append(
            Fault(
                key="algorithm.name",
                found='"asysg-incon"',
                expected='should be "asysg-con": this trace folds several gradients into an update',
            )
        )
    if trace.sweeps is not None and info.dimension != problem.dimension:
        faults.append(
            Fault(
                key="problem",
                found=f"{problem.dimension} coordinates",
                expected=f"should have {info.dimension}, as the recorded sweeps do",
            )
        )
    if faults:
        raise InputError(faults)
