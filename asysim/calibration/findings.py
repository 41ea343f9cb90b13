"""What a calibration finds: fitted stages, what is kept as it was, and what has to be said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from asysim.calibration.alike import dependence_in_time, differs_with_workers
from asysim.calibration.recorded import WARM_UP, RecordedRun
from asysim.calibration.shared import Shared, find_shared
from asysim.calibration.stage import Stage, fit_stage, numbered
from asysim.calibration.times import Times, joined
from asysim.ground.arrays import Floats
from asysim.random.streams import Purpose, generator
from asysim.runs.outcome import COMPLETE, REACHED
from asysim.trace.gradient import NANOSECOND

_IMMATERIAL = 1e-3  # of a gradient's way round: real times that vary less are constants
_NEGLIGIBLE = 5e-3  # and if they differ less between workers or runs, they are alike
_NAMES = ("compute", "pull", "push", "service", "server read", "read sweep", "write sweep")


def stream(seed: int, name: str, draw: int | None = None) -> np.random.Generator:
    """Return the named random numbers of a stage: for its fit, or for one draw of it."""
    index = _NAMES.index(name) + (0 if draw is None else (draw + 1) << 8)
    return generator(seed, Purpose.CALIBRATION, index)


@dataclass(frozen=True, eq=False)
class Record:
    """Runs that are calibrated together.

    Attributes
    ----------
    runs
        Of one algorithm.
    base
        The one whose scenario is filled in: that of the most workers.
    samples
        For the tests whether laws fit; 0: none.
    """

    runs: Sequence[RecordedRun]
    base: RecordedRun
    samples: int

    def times(self, kind: Callable[[RecordedRun, int], Times]) -> Times:
        """Return the times of one kind of all runs."""
        parts = [kind(run, number) for number, run in enumerate(self.runs)]
        return joined(parts[0].name, parts)

    def message_bytes(self, times: Times, way: int) -> Floats:
        """Return the size of each message, of pulls (0) or of pushes (1); (n,)."""
        return np.array([run.message_bytes[way] for run in self.runs])[times.run]

    def fit(self, times: Times, **how: Any) -> Stage:
        """Fit a stage, by `fit_stage` with these options."""
        options: dict[str, Any] = {
            "immaterial": self.immaterial, "negligible": self.negligible, "samples": self.samples,
        } | how  # fmt: skip
        workers = self.base.workers
        return fit_stage(times, workers, stream(self.base.scenario.seed, times.name), **options)

    @property
    def immaterial(self) -> float:
        """Seconds by which times may vary and still be a constant."""
        return _IMMATERIAL * self._cycle if self.base.is_real else 0.0

    @property
    def negligible(self) -> float:
        """Seconds by which typical times may differ and still be alike."""
        return _NEGLIGIBLE * self._cycle if self.base.is_real else 0.0

    @cached_property
    def _cycle(self) -> float:
        """Mean seconds of a gradient's way round."""
        ticks = [run.trace.ticks[4] - run.trace.ticks[0] for run in self.runs]
        return float(np.concatenate(ticks).mean()) * NANOSECOND

    def differ(self, times: Times) -> str:
        """Say whether times depend on the number of workers; empty if not."""
        if not differs_with_workers(times, self.runs, self.negligible):
            return ""
        *few, most = sorted({run.workers for run in self.runs})
        return (
            f"{times.name}: times differ between {', '.join(map(str, few))} and {most} workers "
            f"(cores or memory are shared?); those with {most} are used, and a prediction for more "
            "workers assumes that this goes no further"
        )

    def of_most_workers(self, times: Times) -> Times:
        """Return the times of the runs with the most workers."""
        most = np.array([run.workers == self.base.workers for run in self.runs])
        return times.where(most[times.run])


@dataclass
class Findings:
    """Fitted stages by name, what is kept as it was and why, and what a person should know.

    Parameters
    ----------
    record
        The runs.
    """

    record: Record
    stages: dict[str, Stage] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    shared: Shared = field(default_factory=Shared)

    def take_apart(self) -> None:
        """Find what all workers share, and go on with times that are free of it."""
        record = self.record
        if any(run.is_real or run.hides_messages or run.hides_service for run in record.runs):
            return
        self.shared, runs, unclear = find_shared(list(record.runs), record.base)
        self.doubt(unclear)
        base = runs[list(record.runs).index(record.base)]
        self.record = Record(runs, base, record.samples)

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
        real = self.record.base.is_real
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
        said = self.record.differ(times)
        self.warn(said)
        return self.record.of_most_workers(times) if said else times

    def look_at_order(self, times: Times) -> None:
        """Find out whether times depend on those before."""
        self.warn(dependence_in_time(times, self.record.negligible))

    def look_at_traces(self) -> None:
        """Say what is to be known of the traces themselves."""
        base = self.record.base
        if base.is_real:
            part = f"{WARM_UP:.0%}"
            self.warn(f"real times: the first {part} of each worker's gradients are left out")
        if base.clock_every > 1:
            self.warn(
                f"one gradient in {base.clock_every} has its instants measured; the others are "
                "used for their mean pace alone"
            )
        for run in self.record.runs:
            if run.trace.info.status not in (COMPLETE, REACHED):
                self.warn(f"{run.source} is of a run that ended as: {run.trace.info.status}")
            silent = sorted(set(range(run.workers)) - set(np.unique(run.trace.worker).tolist()))
            if silent:
                self.warn(
                    f"{run.source} has no gradient of {numbered(silent)}: taken to be like others"
                )
        if base.scenario.workers.power is not None and not base.is_real:
            self.warn("workers.power is left out: what it made of computing times is in their law")
