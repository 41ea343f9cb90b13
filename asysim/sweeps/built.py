"""The problem of many runs: data are made, or read, once in a process."""

from __future__ import annotations

from asysim.problems.base import Problem
from asysim.replay.room import problem_of
from asysim.scenario import Scenario

_built: dict[str, Problem] = {}
"""The problem of the last run in this process, by its settings: data are made or read once."""


def built_problem(scenario: Scenario) -> Problem:
    """Return the problem of a scenario; the last one that was built serves all its runs."""
    key = scenario.problem.model_dump_json()
    if key not in _built:
        problem = problem_of(scenario)
        _built.clear()
        _built[key] = problem
    return _built[key]
