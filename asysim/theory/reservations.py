"""What else has to be so for a theorem to hold of a scenario, and what shows that it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from asysim.problems.base import Problem
from asysim.scenario import Scenario
from asysim.theory.assessment import RunFacts, symbols_of
from asysim.theory.ball import is_outside, radius_of, size_of
from asysim.theory.estimates import Estimate


def outside_of(
    scenario: Scenario, problem: Problem, seen: RunFacts, constants: Mapping[str, Estimate]
) -> str:
    """Say that a run went where the constants need not hold; empty if nothing shows that."""
    radius = _of_ball(scenario, problem, constants)
    if radius is not None:
        far = max(seen.points, key=lambda x: size_of(problem, x))
        if is_outside(problem, far):
            return (
                f"Its constants hold where ‖x‖ ≤ {radius:.4g}, and the run went to ‖x‖ = "
                f"{size_of(problem, far):.4g}."
            )
    sure = all(constants[one].origin == "known" for one in symbols_of(scenario))
    if seen.diverged and (radius is not None or not sure):
        held = "are assumed, or estimated at a few of its points" if radius is None else (
            f"hold where ‖x‖ ≤ {radius:.4g}"
        )  # fmt: skip
        return f"The run diverged, and its constants {held}."
    return ""


def doubts(
    scenario: Scenario, problem: Problem, constants: Mapping[str, Estimate]
) -> Iterator[str]:
    """Say what else has to be so."""
    larger = [one for one in symbols_of(scenario) if constants[one].may_be_larger]
    if larger:
        yield (
            f"{named(larger)}, estimated at the points looked at, may be larger elsewhere: "
            "what is met here may then fail."
        )
    radius = _of_ball(scenario, problem, constants)
    if radius is not None:
        yield f"Constants hold where ‖x‖ ≤ {radius:.4g}: of a run that leaves it nothing is said."


def named(symbols: Sequence[str]) -> str:
    """Return at least one symbol as words: Δ, L and σ²."""
    *first, last = symbols
    return f"{', '.join(first)} and {last}" if first else last


def _of_ball(
    scenario: Scenario, problem: Problem, constants: Mapping[str, Estimate]
) -> float | None:
    """Return the radius of the ball that a constant of the theorem holds in; None: all over."""
    bounded = [one for one in symbols_of(scenario) if one != "Δ"]  # f* is that of all space
    known = any(constants[one].origin == "known" for one in bounded)
    return radius_of(problem) if known else None
