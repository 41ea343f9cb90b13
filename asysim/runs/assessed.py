"""What both papers' theory comes to for a scenario, or for a run beside what it showed."""

from __future__ import annotations

from asysim.problems.base import Problem
from asysim.replay.room import problem_of
from asysim.runs.outcome import DIVERGED, Run
from asysim.scenario import Scenario
from asysim.theory import assessing
from asysim.theory.assessment import Assessment, RunFacts


def assess(
    given: Scenario | Run,
    *,
    problem: Problem | None = None,
    points: int | None = None,
    samples: int = 256,
    tolerance: float = 1e-4,
    recalled: bool = False,
) -> Assessment:
    """Say what both papers' theory comes to, with the problem's own constants: `asysim theory`.

    A notebook shows it as tables, and `asysim.plots.theory` draws it.

    Parameters
    ----------
    given
        A scenario, or a run: K, T, f* and the points for estimates are then those that it showed.
    problem
        An objective of your own, instead of the scenario's, or of the run's own.
    points, samples, tolerance, recalled
        As in `asysim.theory.assessing.assess`.

    Raises
    ------
    InputError
        If K is not known, or an option is out of range.
    """
    scenario = given.scenario if isinstance(given, Run) else given
    if problem is None and isinstance(given, Run):
        problem = given.problem
    objective = problem_of(scenario, problem)
    return assessing.assess(
        scenario, objective, seen=seen_of(given, objective) if isinstance(given, Run) else None,
        points=points, samples=samples, tolerance=tolerance, recalled=recalled,
    )  # fmt: skip


def seen_of(run: Run, problem: Problem) -> RunFacts:
    """Return what a run shows of its problem's constants."""
    outcome = run.outcome
    return RunFacts(
        updates=outcome.updates,
        staleness=run.recorded.counts.max_staleness if outcome.updates else 0,
        points=(problem.start(), outcome.x_ergodic, outcome.x),
        least=min(point.loss for point in outcome.points),
        diverged=outcome.status == DIVERGED,
    )
