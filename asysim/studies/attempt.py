"""One run of a study: a number of workers, a seed, and what came of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import isfinite
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from asysim.replay.curve import Point
from asysim.runs.crossing import Crossing, crossing
from asysim.runs.kept import Measured, Status, read_as
from asysim.runs.outcome import COMPLETE, ENDED_WELL, MISSED, REACHED, Outcome
from asysim.scenario import Scenario
from asysim.studies.record import Job

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
        return self.status in ENDED_WELL

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
