"""Whether a recorded trace holds what replay needs, and could have happened at all."""

from __future__ import annotations

import numpy as np

from asysim.errors import Fault, InputError
from asysim.problems.base import Problem
from asysim.scenario import Scenario
from asysim.trace import LOST, Trace


def _impossible(trace: Trace) -> list[Fault]:
    """Return what is wrong with rows that no schedule could have made: the first of each kind."""
    applied = trace.update[trace.was_applied]
    steps = np.diff(applied, prepend=trace.updates_at_start - 1)
    steps[0:1] += applied[0:1] == trace.updates_at_start - 1
    gap = np.zeros(len(trace), dtype=bool)
    gap[trace.was_applied] = (steps != 0) & (steps != 1)
    kinds = {
        "worker": ((trace.worker < 0) | (trace.worker >= trace.info.workers), trace.worker,
                   f"a worker is one of 0 … {trace.info.workers - 1}"),
        "draw": (trace.draw < 0, trace.draw, "a draw is counted from 0"),
        "update": ((trace.update < LOST) | gap, trace.update,
                   "updates are numbered from 0 without a gap; −1 is a lost gradient"),
        "version": ((trace.version < 0) | (trace.age < 0), trace.version,
                    "a version is between 0 and the updates made before the row's own"),
    }  # fmt: skip
    return [
        Fault(f"{name} of row {row}", str(column[row]), expected)
        for name, (wrong, column, expected) in kinds.items()
        for row in np.flatnonzero(wrong)[:1]
    ]


def check_replayable(trace: Trace, scenario: Scenario, problem: Problem) -> None:
    """Raise InputError, with all that is wrong, unless the scenario can run on the trace."""
    info, algorithm = trace.info, scenario.algorithm
    faults = _impossible(trace)
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
