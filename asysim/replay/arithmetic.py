"""How gradients are computed: by compiled kernels or in NumPy, one by one or several at once."""

from __future__ import annotations

from typing import NamedTuple

from asysim.errors import unfit
from asysim.problems.base import Problem
from asysim.scenario import Scenario
from asysim.scenario.replay import Replay
from asysim.trace.info import TraceInfo


class Computed(NamedTuple):
    """A problem as its gradients are to be computed.

    Attributes
    ----------
    problem
        It, or a `CompiledProblem` of it.
    arithmetic
        ``compiled`` or ``numpy``, as a trace says it.
    together
        How many gradients it is asked for at once, at most.
    """

    problem: Problem
    arithmetic: str
    together: int


def computed(scenario: Scenario, problem: Problem, recorded: TraceInfo | None = None) -> Computed:
    """Return a problem as a scenario, or else a trace, wants it computed.

    Parameters
    ----------
    scenario
        Its `replay` table decides.
    problem
        The objective.
    recorded
        What a trace that is replayed says of itself: without a word from the scenario its gradients
        are computed as they were.

    Raises
    ------
    InputError
        If compiled kernels are asked for, and there are none for the problem.
    """
    asked = scenario.replay or Replay()
    arithmetic = asked.arithmetic
    if arithmetic == "auto" and recorded is not None:
        arithmetic = "numpy" if recorded.arithmetic == "numpy" else "compiled"
    if arithmetic != "numpy":
        from asysim.problems.compiled import CompiledProblem, model_of

        if model_of(problem) is not None:
            return Computed(CompiledProblem(problem), "compiled", 1)
        if arithmetic == "compiled":
            kind = type(problem).__name__
            raise unfit(
                "replay.arithmetic", f'"compiled" for {kind}', '"numpy": it has no compiled kernels'
            )
    return Computed(problem, "numpy", asked.together)
