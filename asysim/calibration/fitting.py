"""From runs to findings: which stages a gradient has, in the order of its way round."""

from __future__ import annotations

from asysim.calibration import stages
from asysim.calibration.findings import Findings
from asysim.calibration.memory import fit_memory
from asysim.calibration.messages import fit_lock, fit_messages
from asysim.calibration.pooled import Pool
from asysim.calibration.serving import fit_server


def findings(pool: Pool) -> Findings:
    """Fit every stage of some runs."""
    found = Findings(pool)
    found.look_at_traces()
    if not pool.base.is_lock_free:
        found.take_apart()
        pool = found.pool
    compute = found.comparable(pool.times(stages.compute))
    found.look_at_order(compute)
    found.stages["compute"] = pool.fit(compute, scaling=True)
    if pool.base.is_lock_free:
        fit_memory(found)
        return found
    if pool.base.is_locked_memory:
        fit_lock(found)
    else:
        fit_messages(found)
    fit_server(found)
    return found
