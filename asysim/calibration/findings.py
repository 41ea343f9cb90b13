"""What a calibration finds: fitted stages, what is kept as it was, and what has to be said."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from asysim.calibration.checks import dependence_in_time
from asysim.calibration.pooled import Pool
from asysim.calibration.recorded import WARM_UP
from asysim.calibration.staged import Stage, numbered
from asysim.calibration.times import Times
from asysim.calibration.unsharing import Shared, find_shared
from asysim.runs.outcome import COMPLETE, REACHED
from asysim.trace.gradient import NANOSECOND


@dataclass
class Findings:
    """Fitted stages by name, what is kept as it was and why, and what a person should know.

    Parameters
    ----------
    pool
        The runs.
    """

    pool: Pool
    stages: dict[str, Stage] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    shared: Shared = field(default_factory=Shared)

    def take_apart(self) -> None:
        """Find what all workers share, and go on with times that are free of it."""
        pool = self.pool
        if any(run.is_real or run.hides_messages or run.hides_service for run in pool.runs):
            return
        self.shared, runs, unclear = find_shared(list(pool.runs), pool.base)
        self.doubt(unclear)
        base = runs[list(pool.runs).index(pool.base)]
        self.pool = Pool(runs, base, pool.samples)

    @property
    def busiest(self) -> float:
        """Mean seconds that a gradient takes whatever all workers share: the narrowest of it."""
        served = self.shared.read * NANOSECOND
        service = self.stages.get("service")
        if service is not None and len(service.times):
            served += float(service.times.seconds.mean())
        elif service is not None:
            served += service.fits[0].estimates["value"].value
        return max(served, self.shared.longest)

    def keep(self, what: str, why: str) -> None:
        """Note that something can't be told, and stays as the scenario has it.

        A scenario says nothing of a real machine, where it is taken to take no time.
        """
        self.kept[what] = why
        real = self.pool.base.is_real
        then = "is taken to be nothing" if real else "is kept as the scenario has it"
        self.warnings.append(f"{what} can't be told, and {then}: {why}")

    def warn(self, said: str) -> None:
        """Take note of a warning, if it says something."""
        if said:
            self.warnings.append(said)

    def doubt(self, said: str) -> None:
        """Take note of a reason not to trust other numbers of workers, if it says one."""
        if said:
            self.doubts.append(said)

    def comparable(self, times: Times) -> Times:
        """Return times that can be of one law: those with the most workers, if p matters."""
        said = self.pool.differ(times)
        self.warn(said)
        return self.pool.of_most_workers(times) if said else times

    def look_at_order(self, times: Times) -> None:
        """Find out whether times depend on those before."""
        self.warn(dependence_in_time(times, self.pool.negligible))

    def look_at_traces(self) -> None:
        """Say what is to be known of the traces themselves."""
        base = self.pool.base
        if base.is_real:
            part = f"{WARM_UP:.0%}"
            self.warn(f"real times: the first {part} of each worker's gradients are left out")
        if base.clock_every > 1:
            self.warn(
                f"one gradient in {base.clock_every} has its instants measured; the others are "
                "used for their mean pace alone"
            )
        for run in self.pool.runs:
            if run.trace.info.status not in (COMPLETE, REACHED):
                self.warn(f"{run.source} is of a run that ended as: {run.trace.info.status}")
            silent = sorted(set(range(run.workers)) - set(np.unique(run.trace.worker).tolist()))
            if silent:
                self.warn(
                    f"{run.source} has no gradient of {numbered(silent)}: taken to be like others"
                )
        if base.scenario.workers.power is not None and not base.is_real:
            self.warn("workers.power is left out: what it made of computing times is in their law")
