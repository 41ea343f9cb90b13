"""One run of a limit study: when it arrived at first and at second order."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field

from asysim.problems.base import Problem
from asysim.replay.update_rule import rules_of
from asysim.runs.arrival import arrival
from asysim.runs.kept import Status
from asysim.scenario import Scenario
from asysim.studies.record import Job, Simulated
from asysim.studies.store import Kind
from asysim.studies.task import Task
from asysim.sweeps.built import built_problem
from asysim.updates.theorem import Corollary

Target = Literal["first", "second"]
TARGETS: tuple[Target, Target] = ("first", "second")

_Updates = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Arrived(Simulated):
    """What one run came to.

    Attributes
    ----------
    updates, batch_size, workers, seed
        Which run it is: K, M and p.
    first, second
        Updates until `Arrival`; None: it never arrived.
    status
        How it ended.
    """

    updates: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    workers: int = Field(ge=1)
    seed: int = Field(ge=0)
    first: _Updates | None
    second: _Updates | None
    status: Status

    @property
    def job(self) -> Job:
        """Number of workers, and the seed."""
        return self.workers, self.seed

    def until(self, order: Target) -> float:
        """Return the updates until arrival, infinite if there was none."""
        found: float | None = getattr(self, order)
        return math.inf if found is None else found


ARRIVED = Kind(Arrived.from_json, lambda _: (), "first")


def simulate_arrival(task: Task, problem: Problem | None = None) -> Arrived | None:
    """Make one run; None if it was interrupted."""
    scenario = task.scenario()
    if problem is None:
        problem = built_problem(scenario)
    theorem = theorem_of(scenario, problem)
    found = arrival(scenario, problem, theorem.bound)
    if found is None:
        return None
    return Arrived(
        updates=theorem.updates, batch_size=theorem.batch_size, workers=task.workers,
        seed=task.seed, first=_finite(found.first), second=_finite(found.second),
        status=found.status,
    )  # fmt: skip


def theorem_of(scenario: Scenario, problem: Problem) -> Corollary:
    """Return the theorem with the constants of a settled scenario."""
    found = rules_of(scenario, problem).theorem
    assert found is not None  # `settle` has seen to it
    return found


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
