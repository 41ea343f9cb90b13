"""What a real run is to do: a scenario with everything worked out that workers ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from asysim.errors import Fault, InputError, unfit
from asysim.ground.arrays import Ints, Vector
from asysim.problems.base import Problem
from asysim.replay.ergodic import turns
from asysim.replay.update_rule import Rules, rules_of
from asysim.scenario import Scenario, to_document
from asysim.scenario.backend import Backend
from asysim.trace.gradient import NANOSECOND
from asysim.trace.info import TraceInfo
from asysim.updates.asked import steps_at

HORIZON = 2**25
"""Updates at most, where the scenario names no number of them."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """What a real run is to do.

    Parameters
    ----------
    scenario
        Says all of it.
    problem
        The objective, as gradients are computed: compiled, or in NumPy.
    rules
        Step lengths and update rule.
    info
        Goes into the trace.
    """

    scenario: Scenario
    problem: Problem
    rules: Rules
    info: TraceInfo

    @property
    def workers(self) -> int:
        """P."""
        return self.scenario.workers.count

    @property
    def dimension(self) -> int:
        """N."""
        return self.problem.dimension

    @property
    def batch_size(self) -> int:
        """M."""
        return self.scenario.algorithm.batch_size

    @property
    def seed(self) -> int:
        """Names every draw."""
        return self.scenario.seed

    @property
    def updates(self) -> int:
        """K: the run stops when so many updates are made."""
        return self.scenario.run.updates or HORIZON

    @property
    def deadline(self) -> int:
        """The run stops at this instant, in nanoseconds from its start."""
        seconds = self.scenario.run.seconds
        return 2**62 if seconds is None else round(seconds / NANOSECOND)

    @property
    def settings(self) -> Backend:
        """The scenario's `backend` table."""
        return self.scenario.backend or Backend()

    @cached_property
    def steps(self) -> Vector:
        """γ_k of each update k < K; one number if it is the same for all."""
        step = self.rules.step
        if isinstance(step, int | float):
            return np.array([step], dtype=np.float64)
        return steps_at(step, range(self.updates))

    @cached_property
    def evaluated(self) -> range:
        """The k at which x_k is evaluated, besides the last."""
        return range(0, self.updates, self.scenario.run.cadence)

    @cached_property
    def offered(self) -> Ints:
        """The k that the ergodic output takes in its turn, the last of those made being its own."""
        return np.array(turns(self.seed, self.rules.step, self.updates), dtype=np.int64)

    @cached_property
    def wanted(self) -> Ints:
        """All k at which a copy of x_k is wanted, in order."""
        evaluated = np.arange(0, self.updates, self.scenario.run.cadence, dtype=np.int64)
        return np.union1d(evaluated, self.offered)


def of_a_file(scenario: Scenario) -> Iterator[Fault]:
    """Tell of a schedule that is known before: real workers make one of their own."""
    if scenario.schedule is not None:
        expected = "should be left out, and workers be there: a real run's schedule is its own"
        yield Fault("schedule", f"that of {scenario.schedule.named}", expected)


def refuse(faults: Iterable[Fault]) -> None:
    """Raise InputError if there are any."""
    if found := tuple(faults):
        raise InputError(found)


def prepared(
    scenario: Scenario, problem: Problem, *, compiled: bool = False
) -> tuple[Assignment, Problem]:  # fmt: skip
    """Return what is to be done, and the problem that evaluates it.

    Parameters
    ----------
    scenario, problem
        Say it.
    compiled
        Whether gradients are to be compiled, or NumPy's.

    Raises
    ------
    InputError
        If there are no compiled ones.
    """
    rules = rules_of(scenario, problem)
    computed = problem
    if compiled:
        from asysim.problems.compiled import CompiledProblem, model_of

        if model_of(problem) is None:
            raise unfit(
                "--on", "threads",
                "processes: this problem has no compiled gradients, which threads need",
                "command line",
            )  # fmt: skip
        computed = CompiledProblem(problem)
    info = TraceInfo(
        algorithm=scenario.algorithm.name,
        workers=scenario.workers.count,
        dimension=problem.dimension,
        exact=scenario.algorithm.name == "asysg-con",
        clock="real",
        arithmetic="compiled" if compiled else "numpy",
        scenario=to_document(scenario),
    )
    return Assignment(scenario, computed, rules, info), problem
