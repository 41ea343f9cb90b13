"""Runs that are calibrated together, and how the times of a stage of all of them are fitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from asysim.calibration.checks import differs_with_workers
from asysim.calibration.recorded import Recorded
from asysim.calibration.staged import Stage, fit_stage
from asysim.calibration.times import Times, joined
from asysim.ground.arrays import Floats
from asysim.random.streams import Purpose, generator
from asysim.trace.gradient import NANOSECOND

_IMMATERIAL = 1e-3  # of a gradient's way round: real times that vary less are constants
_NEGLIGIBLE = 5e-3  # and if they differ less between workers or runs, they are alike
_NAMES = ("compute", "pull", "push", "service", "server read", "read sweep", "write sweep")


def stream(seed: int, name: str, draw: int | None = None) -> np.random.Generator:
    """Return the named random numbers of a stage: for its fit, or for one draw of it."""
    index = _NAMES.index(name) + (0 if draw is None else (draw + 1) << 8)
    return generator(seed, Purpose.CALIBRATION, index)


@dataclass(frozen=True, eq=False)
class Pool:
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

    runs: Sequence[Recorded]
    base: Recorded
    samples: int

    def times(self, kind: Callable[[Recorded, int], Times]) -> Times:
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
