"""Which candidates there are: all rules with their constants, steps, batch sizes and workers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from asysim.advice.candidate import Candidate
from asysim.advice.crew import ScenarioCrew
from asysim.coordination.base import Settings
from asysim.coordination.rules import RULES
from asysim.errors import InputError, unfit
from asysim.ground.outside import kind_of
from asysim.ground.toml_text import toml
from asysim.scenario import Scenario
from asysim.studies.task import with_workers

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""By which steps are longer than the scenario's. More go up than down: what makes an update of
several gradients, or drops those that are old, bears longer steps than what does neither."""

ASYNCHRONOUS = "asynchronous"
_BOUND = "staleness bound, waits"
_FEWEST_WORKERS, _COUNTS = 2, 5
_PLAIN = ("coordination=", "algorithm.gradients_per_update=", "algorithm.staleness_bound=",
          "algorithm.beyond_bound=")  # fmt: skip
"""What leaves a scenario without a rule."""


@dataclass(frozen=True)
class Wanted:
    """What is to be looked at; None: what suits the scenario.

    Attributes
    ----------
    methods
        Kinds of rules.
    steps
        γ.
    workers, batch_sizes
        p and M.
    """

    methods: tuple[str, ...] | None = None
    steps: tuple[float, ...] | None = None
    workers: tuple[int, ...] | None = None
    batch_sizes: tuple[int, ...] | None = None

    @classmethod
    def of(
        cls, methods: Sequence[str] | None, steps: Sequence[float] | None,
        workers: Sequence[int] | None, batch_sizes: Sequence[int] | None,
    ) -> Wanted:  # fmt: skip
        """Return it of sequences of any kind; an empty one asks for nothing, as none does."""
        return cls(
            tuple(methods or ()) or None, tuple(steps or ()) or None, tuple(workers or ()) or None,
            tuple(batch_sizes or ()) or None,
        )  # fmt: skip


def kinds() -> tuple[str, ...]:
    """Return what methods may be: all rules, the bound T, and the scenario's own."""
    return (*map(kind_of, RULES), "bound", "own")


def candidates_of(scenario: Scenario, wanted: Wanted | None = None) -> tuple[Candidate, ...]:
    """Return all that are to be looked at, those with most workers first.

    Raises
    ------
    InputError
        If something that is wanted can't be had, or nothing is left.
    """
    wanted = wanted or Wanted()
    _check(wanted)
    steps = _steps(scenario, wanted)
    found: dict[str, Candidate] = {}
    why: InputError | None = None
    for p in sorted(wanted.workers or worker_counts(scenario.workers.count), reverse=True):
        for size in wanted.batch_sizes or (scenario.algorithm.batch_size,):
            for method, constants, changes in _methods(scenario, p, wanted.methods):
                one = Candidate(method, constants, p, size, steps[0], changes)
                try:  # a rule that so many workers can't have, or the cluster
                    one.scenario(scenario)
                except InputError as error:
                    why = error
                    continue
                for step in steps:
                    made = Candidate(method, constants, p, size, step, changes)
                    found.setdefault(made.name, made)
    if not found:
        raise why or unfit("--methods", "none of a scenario's own", "methods that it can have")
    return tuple(found.values())


def worker_counts(most: int) -> tuple[int, ...]:
    """Return powers of two up to p, and p: the five largest, since more are seldom slower."""
    powers = [2**i for i in range(most.bit_length()) if _FEWEST_WORKERS <= 2**i < most]
    return tuple([*powers, most][-_COUNTS:])


def as_it_stands(scenario: Scenario, workers: int | None = None) -> Candidate:
    """Return a scenario's own setting as a candidate."""
    step = toml(_document(scenario)["step"])
    size = scenario.algorithm.batch_size
    return Candidate(*_own(scenario), workers or scenario.workers.count, size, step)


def _own(scenario: Scenario) -> tuple[str, str]:
    """Return how a scenario is coordinated, and with which constants, in words."""
    algorithm, rule = scenario.algorithm, scenario.coordination
    if algorithm.name == "asysg-incon":
        return "lock-free", ""
    if rule is not None and rule.kind != "asynchronous":
        return _named(rule), _constants(rule)
    several, bound = algorithm.gradients_per_update, algorithm.staleness_bound
    folded = f"gradients = {several}" if several > 1 else ""
    if bound is None:
        return "softsync" if folded else "asynchronous", folded
    waits = algorithm.beyond_bound == "wait"
    name = _BOUND if waits else f"staleness bound, {algorithm.beyond_bound}s"
    return name, ", ".join(filter(None, (f"T = {bound}", folded)))


def _methods(
    scenario: Scenario, workers: int, asked: Sequence[str] | None
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield methods with their constants, in words and as changes."""
    own = None
    if asked is None or "own" in asked:
        yield *_own(scenario), ()
        own = scenario.played
    if scenario.algorithm.name == "asysg-incon":
        return  # which has no server that could do anything of this
    crew = ScenarioCrew(with_workers(scenario, workers, *_PLAIN))
    for rule in RULES:
        for variant in rule.variants(crew):
            if _played(variant, scenario) != own and (asked is None or variant.kind in asked):
                table = variant.model_dump(mode="json", exclude_none=True)
                changes = (*_PLAIN[1:], f"coordination={toml(table)}")
                yield _named(variant), _constants(variant), changes
    if asked is None or "bound" in asked:
        for bound in crew.parts(1 / 2, 1, 2):
            yield _BOUND, f"T = {bound}", (*_PLAIN, f"algorithm.staleness_bound={bound}")


def _played(rule: Settings, scenario: Scenario) -> Settings:
    """Return what a rule comes to if nothing else is asked for."""
    plain = {"gradients_per_update": 1, "staleness_bound": None}
    return rule.played(scenario.algorithm.model_copy(update=plain))


def _named(rule: Settings) -> str:
    """Return a rule's name; what stops gradients half way is a method of its own."""
    can_do_without = "late" in type(rule).model_fields
    return f"{rule.kind}, stops" if can_do_without and rule.stopping() else str(rule.kind)


def _constants(rule: Settings) -> str:
    table: dict[str, Any] = rule.model_dump(mode="json", exclude_none=True, exclude={"kind"})
    return ", ".join(f"{key} = {_short(value)}" for key, value in table.items() if key != "late")


def _short(value: Any) -> str:
    return f"{len(value)} values" if isinstance(value, list) else str(value)


def _document(scenario: Scenario) -> dict[str, Any]:
    return scenario.algorithm.model_dump(mode="json", exclude_none=True)


def _steps(scenario: Scenario, wanted: Wanted) -> list[str]:
    """Return the steps to be tried, in TOML, the shortest first."""
    if wanted.steps is not None:
        return [toml(step) for step in sorted(set(wanted.steps))]
    own = scenario.algorithm.step
    if isinstance(own, int | float):
        return [toml(float(f"{own * factor:.6g}")) for factor in FACTORS]
    longer = [own.scaled(factor) for factor in FACTORS]
    if own.needs_updates or any(one is None for one in longer):
        if own.needs_updates:
            raise unfit(
                "algorithm.step", f"{own.kind}, which is of a run of a given length",
                "a number: what is looked for is the shortest run; or give --steps",
            )  # fmt: skip
        return [toml(_document(scenario)["step"])]
    return [toml(one.model_dump(mode="json", exclude_none=True)) for one in longer if one]


def _check(wanted: Wanted) -> None:
    known = kinds()
    for method in wanted.methods or ():
        if method not in known:
            raise unfit("--methods", method, f"some of {', '.join(known)}", "command line")
    for step in wanted.steps or ():
        if not (math.isfinite(step) and step > 0):
            raise unfit("--steps", f"{step:g}", "numbers more than 0", "command line")
    for flag, counts in (("--workers", wanted.workers), ("--batch-sizes", wanted.batch_sizes)):
        for count in counts or ():
            if count < 1:
                raise unfit(flag, str(count), "whole numbers from 1", "command line")
