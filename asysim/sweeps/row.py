"""A row of a sweep's table: what came of one run, in numbers that can be compared."""

from __future__ import annotations

from typing import NamedTuple

from asysim.errors import InputError, clipped
from asysim.runs.crossing import crossing
from asysim.runs.outcome import ENDED_WELL, Outcome
from asysim.scenario import Scenario

REFUSED, FAILED = "refused", "failed"
"""How a run ended that never began: the scenario can't be had, or something raised an error."""
_MOST_WORDS = 500


class Result(NamedTuple):
    """What came of one run.

    Attributes
    ----------
    status
        How it ended: a word of `asysim.runs.outcome`, `REFUSED` or `FAILED`.
    reason
        If it did not end well, why.
    workers
        p.
    updates, gradients
        Updates made, and gradients disposed of.
    seconds, worker_seconds
        Simulated time until the last update; p times that.
    throughput
        Updates per second.
    loss, gradient_norm2
        f and ‖∇f‖² at the end.
    mean_gradient_norm2
        Mean of ‖∇f‖² over the evaluations.
    mean_staleness, max_staleness
        Of the gradients applied.
    met
        Whether the target was; None without a target.
    updates_to_target, gradients_to_target, seconds_to_target, worker_seconds_to_target
        When, between two evaluations (`asysim.runs.crossing`). If it was not met: how far the run
        went, so that these are bounds from below.
    """

    status: str
    reason: str | None = None
    workers: int | None = None
    updates: int | None = None
    gradients: int | None = None
    seconds: float | None = None
    worker_seconds: float | None = None
    throughput: float | None = None
    loss: float | None = None
    gradient_norm2: float | None = None
    mean_gradient_norm2: float | None = None
    mean_staleness: float | None = None
    max_staleness: int | None = None
    met: bool | None = None
    updates_to_target: float | None = None
    gradients_to_target: float | None = None
    seconds_to_target: float | None = None
    worker_seconds_to_target: float | None = None

    @property
    def ended_well(self) -> bool:
        """Whether the run came to its target or its end."""
        return self.status in ENDED_WELL


def result_of(scenario: Scenario, outcome: Outcome) -> Result:
    """Return what came of a run."""
    p, length = scenario.workers.count, scenario.run
    well = outcome.status in ENDED_WELL
    result = Result(outcome.status, None if well else outcome.message, p, outcome.updates)
    if outcome.points:
        last = outcome.points[-1]
        result = result._replace(
            gradients=last.gradients,
            seconds=last.seconds,
            worker_seconds=p * last.seconds,
            throughput=last.update / last.seconds if last.seconds else None,
            loss=last.loss,
            gradient_norm2=last.gradient_norm2,
            mean_gradient_norm2=last.mean_gradient_norm2,
            mean_staleness=last.mean_staleness,
            max_staleness=last.max_staleness,
        )
    if length.has_target:
        where = crossing(outcome.points, length)
        result = result._replace(
            met=where.met,
            updates_to_target=where.updates,
            gradients_to_target=where.gradients,
            seconds_to_target=where.seconds,
            worker_seconds_to_target=p * where.seconds,
        )
    return result


def refused(error: InputError) -> Result:
    """Return what came of a run that can't be had."""
    told = (f"{fault.key}: found {fault.found}; {fault.expected}" for fault in error.faults)
    return Result(REFUSED, clipped("; ".join(told), _MOST_WORDS))


def failed(error: Exception) -> Result:
    """Return what came of a run in which something raised an error."""
    return Result(FAILED, clipped(f"{type(error).__name__}: {error}", _MOST_WORDS))
