"""The papers behind what a scenario uses, as BibTeX; the entries are in papers.bib."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

from asysim.problems.quadratic import QuadraticSettings
from asysim.scenario import Scenario

ALWAYS = ("asysim", "lian2015asynchronous")
SADDLE = "wang2019second"
UNIVERSAL = "tyurin2024tight"


def bibliography() -> dict[str, str]:
    """Return all entries of papers.bib, in their order, by their keys."""
    text = files("asysim").joinpath("papers.bib").read_text(encoding="utf-8")
    entries = [entry.strip() for entry in re.split(r"\n(?=@)", text)]
    return {entry.partition("{")[2].partition(",")[0]: entry for entry in entries}


def papers_of(scenario: Scenario) -> list[str]:
    """Return the keys of what a scenario uses: asysim, the algorithm, then each rule; each once."""
    return list(dict.fromkeys((*ALWAYS, *_of_rules(scenario), *_of_setting(scenario))))


def cite(scenario: Scenario) -> str:
    """Return BibTeX of what a scenario uses."""
    entries = bibliography()
    return "\n\n".join(entries[key] for key in papers_of(scenario)) + "\n"


def _of_rules(scenario: Scenario) -> Iterator[str]:
    """Yield the papers of the coordination rule and the update rule."""
    yield from getattr(scenario.coordination, "papers", ())
    yield from getattr(scenario.algorithm.step, "papers", ())
    if scenario.update is not None:
        yield from scenario.update.papers


def _of_setting(scenario: Scenario) -> Iterator[str]:
    """Yield the papers of the problem and of the model of the workers."""
    problem, workers = scenario.problem, scenario.workers
    if isinstance(problem, QuadraticSettings) and min(problem.eigenvalues or (0.0,)) < 0:
        yield SADDLE
    yield from problem.papers
    everybody = (workers, *getattr(workers, "groups", ()))
    if any(getattr(some, "power", None) is not None for some in everybody):
        yield UNIVERSAL
