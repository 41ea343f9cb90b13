"""Notes on a run: sentences that a user should read beside its numbers.

A note is computed from what is known of a run: its scenario, its trace, its outcome. Whoever has
something to say of runs adds a function here; each place that shows a run shows all notes.
"""

from __future__ import annotations

from collections.abc import Iterator

from asysim.runs.outcome import DIVERGED, Run
from asysim.scenario import Scenario
from asysim.scenario.traced import of_its_scenario
from asysim.schedule.rounding import Step, steps_of
from asysim.show.summary import seconds
from asysim.show.theorem import RunVerdict, step
from asysim.trace.kept_trace import Recorded

_MANY = 0.01  # of a law's draws that the clock takes for 0
_MUCH = 1e-3  # of a law's mean that the clock adds or takes away
_RISE = 0.1  # of the loss at the start


def heading(run: Run) -> str:
    """Return what was run, behind the scenario's name: which algorithm, and with what."""
    algorithm = run.scenario.algorithm
    return (
        f"{algorithm.name}, {run.scenario.workers.count} workers, γ = {step(run)}, "
        f"M = {algorithm.batch_size}"
    )


def notes(run: Run) -> list[str]:
    """Return all that there is to say of a run."""
    verdict = RunVerdict.of(run)
    schedule = run.scenario.schedule
    return [
        *([] if schedule is None else [schedule.sentence]),
        *_waiting(run.scenario),
        *trace_notes(run.recorded, run.scenario),
        *([] if verdict is None or verdict.holds else [verdict.sentence]),
        *_risen(run),
        *run.outcome.notes,
    ]


def trace_notes(trace: Recorded, scenario: Scenario | None = None) -> list[str]:
    """Return what there is to say of what happened when; a trace knows its scenario as a rule."""
    if trace.info.clock != "simulated":
        return []
    dimension = trace.info.dimension
    steps = of_its_scenario(trace.info, lambda known: list(steps_of(known, dimension)), scenario)
    rounded = (note for step in steps or () for note in _rounded(step))
    return list(dict.fromkeys((*_at_once(trace), *rounded)))


def _waiting(scenario: Scenario) -> Iterator[str]:
    idle = scenario.idle_workers
    if idle:
        yield (
            f"T = {scenario.algorithm.staleness_bound} leaves room for "
            f"{scenario.workers.count - idle} gradients under way: at any time {idle} or more "
            "workers wait"
        )


def _at_once(trace: Recorded) -> Iterator[str]:
    counts = trace.counts
    if not counts.updates or counts.seconds > 0:
        return
    said = "no time passed: everything happened at one instant, and a rate in time means nothing"
    worker = int(counts.disposed.argmax())
    if counts.disposed[worker] == counts.gradients and trace.info.workers > 1:
        said += f"; worker {worker} did all, since the others' turn never came"
    yield said


def _rounded(step: Step) -> Iterator[str]:
    rounding, mean = step.rounding, step.mean
    if rounding.vanishing == 1:
        yield (
            f"{step.key} takes {seconds(mean)}, which the clock, of whole nanoseconds, counts as 0"
        )
    elif rounding.vanishing >= _MANY:
        yield (
            f"{step.key}: {rounding.vanishing:.0%} of its draws are below half a nanosecond, "
            "and the clock, of whole nanoseconds, counts them as 0"
        )
    elif step.error > _MUCH * mean:
        yield (
            f"{step.key}: the clock counts whole nanoseconds, and makes "
            f"{seconds(rounding.mean)} of a mean of {seconds(mean)}"
        )


def _risen(run: Run) -> Iterator[str]:
    if run.status == DIVERGED or not run.outcome.points:
        return
    first, last = run.outcome.points[0].loss, run.outcome.points[-1].loss
    if first != 0 and last - first > _RISE * abs(first):
        yield f"the loss ends at {last:.4g}, above the {first:.4g} that it began with"
