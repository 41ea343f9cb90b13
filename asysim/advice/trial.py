"""One run of a search: a candidate, a seed, how long it may last, and what came of it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field

from asysim.advice.candidate import Candidate
from asysim.errors import InputError
from asysim.problems.base import Problem
from asysim.runs.crossing import crossing, smoothed
from asysim.runs.kept import read_as
from asysim.runs.outcome import COMPLETE, DIVERGED, INTERRUPTED, MISSED, REACHED, Outcome
from asysim.scenario import Scenario, vary
from asysim.studies.record import Job
from asysim.studies.task import parsed
from asysim.sweeps.built import built_problem

Key = tuple[str, int, float | None]
"""A candidate's name, a seed, and how long a run may last: what tells a run from all others."""
REFUSED = "refused"
"""How a run ended that could not begin, or go on: its message says why."""


class Asked(NamedTuple):
    """A run to be made, as it travels to another process.

    Attributes
    ----------
    base
        The scenario, as TOML.
    candidate
        What it is changed to.
    seed
        Names all draws: gradient i of worker j takes as long for every candidate.
    seconds
        Simulated time after which it is stopped; None: as long as the scenario lasts.
    """

    base: str
    candidate: Candidate
    seed: int
    seconds: float | None

    @property
    def job(self) -> Job:
        """By which runs are sorted."""
        return self.candidate.workers, self.seed

    @property
    def key(self) -> Key:
        """Which run of its search it is."""
        return self.candidate.name, self.seed, self.seconds

    def scenario(self) -> Scenario:
        """Return the scenario of the run."""
        return _settled(self.base, self.candidate, self.seed, self.seconds)


_NotLess = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Trial(BaseModel):
    """What came of a run.

    Attributes
    ----------
    name, seed, asked
        Which one: `Asked.key`.
    status, message
        How it ended.
    met
        Whether the target was.
    seconds, updates
        When; of a run that did not meet it how long it was: the target is later.
    spent
        Gradients computed, also those after the target, or discarded.
    level
        The least smoothed loss (or ‖∇f‖², if that is the target): how far it came; None if it
        diverged.
    staleness
        Mean τ.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    name: str
    seed: int = Field(ge=0)
    asked: _NotLess | None
    status: str
    message: str
    met: bool
    seconds: _NotLess
    updates: _NotLess
    spent: int = Field(ge=0)
    level: float | None
    staleness: _NotLess

    @property
    def key(self) -> Key:
        """Which run of its search it is."""
        return self.name, self.seed, self.asked

    @property
    def is_lost(self) -> bool:
        """Whether it would never meet the target, however long it went on."""
        return not self.met and self.status not in (COMPLETE, MISSED, REACHED)

    @property
    def is_over(self) -> bool:
        """Whether a longer run would come to the same."""
        return self.met or self.is_lost

    @classmethod
    def of(cls, asked: Asked, scenario: Scenario, outcome: Outcome) -> Self:
        """Summarise a run."""
        points = outcome.points
        where = crossing(points, scenario.run)
        last = points[-1] if points else None
        name, seed, seconds = asked.key
        status, until = outcome.status, where.seconds
        if seconds is not None and status == MISSED:
            until = max(until, seconds)  # its last update may have been long before
        return cls(
            name=name, seed=seed, asked=seconds, status=status, message=outcome.message,
            met=where.met, seconds=until, updates=where.updates,
            spent=last.gradients if last else 0,
            level=None if status == DIVERGED or not points else _level(outcome, scenario),
            staleness=last.mean_staleness if last else 0.0,
        )  # fmt: skip

    @classmethod
    def refused(cls, asked: Asked, why: InputError) -> Self:
        """Return what is kept of a run that could not begin."""
        name, seed, seconds = asked.key
        return cls(
            name=name, seed=seed, asked=seconds, status=REFUSED, message=str(why), met=False,
            seconds=0.0, updates=0.0, spent=0, level=None, staleness=0.0,
        )  # fmt: skip

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read it back; raises ValueError for text that is something else."""
        return read_as(cls, text)


def make_trial(asked: Asked, problem: Problem | None = None) -> Trial | None:
    """Make a run; None if it was interrupted."""
    from asysim.runs.replayed import compute

    try:
        scenario = asked.scenario()
        objective = built_problem(scenario) if problem is None else problem
        outcome = compute(scenario, problem=objective)
    except InputError as error:
        return Trial.refused(asked, error)
    return None if outcome.status == INTERRUPTED else Trial.of(asked, scenario, outcome)


@lru_cache(maxsize=1)
def _settled(base: str, candidate: Candidate, seed: int, seconds: float | None) -> Scenario:
    scenario = candidate.scenario(parsed(base))
    if seconds is None:
        return scenario.model_copy(update={"seed": seed})
    return vary(scenario, f"run.seconds={seconds!r}", "run.updates=", f"seed={seed}")


def _level(outcome: Outcome, scenario: Scenario) -> float | None:
    """Return the least mean of evaluations in a row, of what the target is on.

    The least so far, since it is the first crossing that counts: a loss that has a peak just when
    the run is stopped says nothing of that.
    """
    name = "gradient_norm2" if scenario.run.target_loss is None else "loss"
    # Not the start, which all have in common.
    values = [getattr(point, name) for point in outcome.points[1:] or outcome.points]
    found = float(smoothed(values, min(len(values), scenario.run.smoothing)).min())
    return found if math.isfinite(found) else None
