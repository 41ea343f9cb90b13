"""One run of a study: a number of workers, a seed, and what came of them.

Where a run first came to its target is told between two evaluations. The loss of a run is noisy:
the first evaluation below a target is early by luck, and the more so the more evaluations there
are. So w evaluations in a row make one smoothed point, the mean of their losses at the mean of
their updates and seconds; and the crossing is where the straight line between two smoothed points
meets the target. w is `run.smoothing`, and the run itself ends by the same means.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import isfinite
from statistics import fmean
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from asysim.ground.arrays import Floats
from asysim.replay.curve import Point
from asysim.runs.kept import Measured, Status, read_as
from asysim.runs.outcome import COMPLETE, MISSED, REACHED, Outcome
from asysim.scenario import Scenario
from asysim.scenario.models import Length
from asysim.studies.record import Job


@dataclass(frozen=True)
class Crossing:
    """Where a target was met, or how far a run went that did not meet it.

    Attributes
    ----------
    met
        Whether the target was.
    updates, gradients, seconds
        When, by interpolation; all zero if the first smoothed point was below the target. Of a run
        that did not meet it: how long it was.
    """

    met: bool
    updates: float
    gradients: float
    seconds: float


def crossing(points: Sequence[Point], length: Length) -> Crossing:
    """Find where a run's smoothed curve first meets a target of `run`, whichever is first."""
    found = [
        where
        for target, name in (
            (length.target_loss, "loss"),
            (length.target_gradient, "gradient_norm2"),
        )
        if target is not None
        for where in [_first_below(points, name, target, length.smoothing)]
        if where is not None
    ]
    if found:
        return min(found, key=lambda where: where.updates)
    last = points[-1] if points else None
    if last is None:
        return Crossing(False, 0.0, 0.0, 0.0)
    return Crossing(False, float(last.update), float(last.gradients), last.seconds)


def _first_below(points: Sequence[Point], name: str, target: float, window: int) -> Crossing | None:
    if len(points) < window:
        return None
    values = smoothed([getattr(point, name) for point in points], window)
    (below,) = np.nonzero(values <= target)
    if not len(below):
        return None
    after = int(below[0])
    if after == 0:
        return Crossing(True, 0.0, 0.0, 0.0)
    part = (values[after - 1] - target) / (values[after - 1] - values[after])
    places = []
    for axis in ("update", "gradients", "seconds"):
        where = smoothed([getattr(point, axis) for point in points], window)
        places.append(float(where[after - 1] + part * (where[after] - where[after - 1])))
    return Crossing(True, *places)


def smoothed(values: Sequence[float], window: int) -> Floats:
    """Return the mean of each `window` values in a row, shape (len(values) − window + 1,).

    By the same sum as a run's own judgement, so that the two agree to the last bit.
    """
    means = [fmean(values[i : i + window]) for i in range(len(values) - window + 1)]
    return np.array(means, dtype=np.float64)


Curve = tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]
"""Updates, seconds and loss of evaluations: three lists of one length."""

_MOST_POINTS = 200


@dataclass(frozen=True)
class Attempt:
    """What one run came to.

    Attributes
    ----------
    workers, seed
        Which run it is.
    status, message
        How it ended: words of `asysim.runs.outcome`, and a sentence.
    crossing
        Where it met the target, or how far it went without.
    throughput
        Updates per second over the whole run.
    staleness
        Mean τ of the gradients applied.
    curve
        Some of its evaluations, for pictures.
    measured
        Of a real run, what was measured of the hardware.
    """

    workers: int
    seed: int
    status: str
    message: str
    crossing: Crossing
    throughput: float
    staleness: float
    curve: Curve
    measured: dict[str, Any]

    @property
    def job(self) -> Job:
        """Which run of its study it is."""
        return self.workers, self.seed

    @property
    def backend(self) -> str | None:
        """Which one made it for real; None if it was simulated."""
        found: str | None = self.measured.get("backend")
        return found

    @property
    def ended_well(self) -> bool:
        """Whether it went on until the target or its planned end: not diverged, not cut short."""
        return self.status in (COMPLETE, REACHED, MISSED)

    @property
    def behind(self) -> float:
        """Of an emulated run, the part of its workers' time by which gradients were late."""
        emulation = self.measured.get("emulation")
        _, seconds, _ = self.curve
        if not emulation or not seconds or seconds[-1] <= 0:
            return 0.0
        return float(emulation["slip_seconds"]) / (self.workers * seconds[-1])

    @classmethod
    def of(cls, scenario: Scenario, outcome: Outcome) -> Self:
        """Summarise a run."""
        points = outcome.points
        last = points[-1] if points else None
        where = crossing(points, scenario.run)
        status = outcome.status
        if status == COMPLETE:  # it was not to stop at the target
            status = REACHED if where.met else MISSED
        return cls(
            workers=scenario.workers.count,
            seed=scenario.seed,
            status=status,
            message=outcome.message,
            crossing=where,
            throughput=last.update / last.seconds if last and last.seconds else float("nan"),
            staleness=last.mean_staleness if last else float("nan"),
            curve=_thinned(points),
            measured=outcome.measured,
        )

    def to_json(self) -> str:
        """Return it as text that `from_json` reads back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read it back; raises ValueError for text that is something else."""
        kept = read_as(_Kept, text)
        document = kept.model_dump()
        return cls(**document | {"crossing": Crossing(**document["crossing"])})


_NotLess = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _KeptCrossing(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    met: bool
    updates: _NotLess
    gradients: _NotLess
    seconds: _NotLess


class _Kept(BaseModel):
    """An attempt as it lies in a file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    workers: int = Field(ge=1)
    seed: int = Field(ge=0)
    status: Status
    message: str
    crossing: _KeptCrossing
    throughput: float
    staleness: float
    curve: Curve
    measured: Measured

    @field_validator("curve")
    @classmethod
    def _in_order(cls, curve: Curve) -> Curve:
        updates, seconds, loss = curve
        if not len(updates) == len(seconds) == len(loss):
            raise ValueError("three lists of different lengths")
        if not all(a < b for a, b in pairwise((-1, *updates))):
            raise ValueError("updates that do not rise")
        if not all(isfinite(number) for number in (*seconds, *loss)):
            raise ValueError("a number that is not finite")
        return curve


def _thinned(points: tuple[Point, ...]) -> Curve:
    places = np.unique(np.linspace(0, len(points) - 1, min(len(points), _MOST_POINTS)).astype(int))
    kept = [points[i] for i in places]
    return (
        tuple(point.update for point in kept),
        tuple(point.seconds for point in kept),
        tuple(point.loss for point in kept),
    )
