"""A run to be made: the same cluster with another number of workers, and a seed."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from asysim.errors import unfit
from asysim.scenario import Scenario, parse, to_document
from asysim.scenario.load import from_document
from asysim.scenario.models import STUDIES
from asysim.studies.record import Job


class Task(NamedTuple):
    """A run to be made, as it travels to another process.

    Attributes
    ----------
    base
        The scenario as TOML.
    workers, seed
        What is changed in it.
    """

    base: str
    workers: int
    seed: int

    @property
    def job(self) -> Job:
        """Which run of its study it is."""
        return self.workers, self.seed

    def scenario(self) -> Scenario:
        """Return the scenario of the run."""
        return with_workers(parsed(self.base), self.workers, f"seed={self.seed}")


def check_simulated(scenario: Scenario) -> None:
    """Raise InputError if a file has the schedule, where several numbers of workers are studied."""
    if scenario.schedule is not None:
        found = f"that of {scenario.schedule.named}, of {scenario.workers.count} workers"
        raise unfit("schedule", found, "left out: the study is of several numbers of workers")


def with_workers(scenario: Scenario, workers: int, *changes: str) -> Scenario:
    """Return a scenario with the first so many of its workers; more are like the last group.

    Parameters
    ----------
    scenario
        With or without `workers.groups`.
    workers
        p.
    changes
        KEY=VALUE for more.

    Raises
    ------
    InputError
        If the scenario asks for something that so many workers can't have: a speed for each of
        fewer, a rule that waits for more.
    """
    document = to_document(scenario)
    for study in STUDIES:  # what a run is compared with
        document.pop(study, None)
    table: dict[str, Any] = document["workers"]
    groups = table.get("groups") or []
    if groups:
        table["groups"] = _cut(groups, workers)
    else:
        table["count"] = workers
        if isinstance(table["speed"], list):
            table["speed"] = _speeds(table["speed"], workers)
    source = f"{scenario.name} with {workers} worker{'s' if workers > 1 else ''}"
    return from_document(document, *changes, source=source, read_files=False)


def _cut(groups: list[dict[str, Any]], workers: int) -> list[dict[str, Any]]:
    kept, left = [], workers
    for group in groups[:-1]:
        if left:
            kept.append(group | {"count": min(left, group["count"])})
            left -= kept[-1]["count"]
    return [*kept, groups[-1] | {"count": left}] if left else kept


def _speeds(speeds: list[float], workers: int) -> list[float]:
    if workers > len(speeds):
        wanted = (
            f"one for each of {workers} workers; or give workers.groups, of which the last is "
            "taken for all further workers"
        )
        raise unfit("workers.speed", f"{len(speeds)} factors", wanted, "scenario")
    return speeds[:workers]


@lru_cache(maxsize=1)
def parsed(text: str) -> Scenario:
    """Read a scenario; the tasks of a study have the same one, which is read once."""
    return parse(text)
