"""One run of a study: a number of workers, a seed, and what came of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np

from asysim.outcome import COMPLETE, MISSED, REACHED, Outcome
from asysim.replay.curve import Point
from asysim.scenario import Scenario
from asysim.studies.crossing import Crossing, crossing


@dataclass(frozen=True)
class Attempt:
    """What one run came to.

    Attributes
    ----------
    workers, seed
        Which run it is.
    status, message
        How it ended: words of `asysim.outcome`, and a sentence.
    crossing
        Where it met the target, or how far it went without.
    throughput
        Updates per second over the whole run.
    staleness
        Mean τ of the gradients applied.
    curve
        Updates, seconds and loss of some of its evaluations, three lists, for pictures.
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
    curve: tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]
    measured: dict[str, Any]

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
        document = json.loads(text)
        names = {field.name for field in fields(cls)}
        if not isinstance(document, dict) or document.keys() != names:
            raise ValueError("not an attempt of a study")
        try:
            updates, seconds, loss = document["curve"]
            document["crossing"] = Crossing(**document["crossing"])
        except TypeError as error:
            raise ValueError(str(error)) from None
        document["curve"] = tuple(updates), tuple(seconds), tuple(loss)
        return cls(**document)


_MOST_POINTS = 200


def _thinned(
    points: tuple[Point, ...],
) -> tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]:
    places = np.unique(np.linspace(0, len(points) - 1, min(len(points), _MOST_POINTS)).astype(int))
    kept = [points[i] for i in places]
    return (
        tuple(point.update for point in kept),
        tuple(point.seconds for point in kept),
        tuple(point.loss for point in kept),
    )
