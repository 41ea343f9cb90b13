"""The escape study: how many updates runs take to leave a saddle, against staleness.

Runs with some hundred to some ten thousand seeds begin where the problem says, at a saddle or near
it, and end at the very update after which they are farther than R from it for the first time.
Beside what they come to stands the law, where there is one (`asysim.theory.escape_prediction`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asysim.errors import unfit
from asysim.ground.machine import usable_cores
from asysim.ground.one_line import OneLine
from asysim.problems.base import Problem
from asysim.replay.room import problem_of
from asysim.scenario import Scenario, to_toml
from asysim.scenario.escape import Escape
from asysim.studies.escape_row import EscapeRow
from asysim.studies.executor import Progress, results
from asysim.studies.goal import Goal, goal_of
from asysim.studies.passage import EscapeTask, Passages, passages
from asysim.studies.store import Kind, Store, stored
from asysim.studies.task import with_workers
from asysim.sweeps.maker import Maker, making
from asysim.theory.escape_prediction import Prediction, prediction
from asysim.theory.saddle import Saddle, saddle_of
from asysim.trace.gradient import NANOSECOND

_MOST, _PIECES = 250, 8  # seeds in a task; tasks of each number of workers, at least


@dataclass(frozen=True, eq=False, repr=False)
class EscapeStudy(OneLine):
    """A finished study.

    Attributes
    ----------
    scenario
        With its `escape` table filled in.
    goal
        What the runs left.
    saddle
        What the law knows of it, or why there is no law.
    rows
        One for each number of workers.
    cores
        Of the machine, as far as this process may use them.
    folder
        Where it is kept, if it is.
    noiseless
        Whether runs begin where nothing leads away, and there is no noise: none can ever escape.
    """

    scenario: Scenario
    goal: Goal
    saddle: Saddle | str
    rows: tuple[EscapeRow, ...]
    cores: int = 1
    folder: Path | None = None
    noiseless: bool = False

    @property
    def line(self) -> str:
        """Its name, and how many runs escaped."""
        escaped = ", ".join(
            f"{int(row.escaped.sum()):,} of {len(row.escaped):,} with p = {row.workers}"
            for row in self.rows
        )
        return f"{self.scenario.name}: escaped: {escaped}"

    @property
    def settings(self) -> Escape:
        """The table."""
        assert self.scenario.escape is not None
        return self.scenario.escape


def decides(scenario: Scenario) -> Sequence[str]:
    """Return what decides each run of a settled study, as KEY=VALUE."""
    settings = scenario.escape
    if settings is None or settings.radius is None:
        return ()
    words = [f"escape.radius={settings.radius!r}", f"escape.afterwards={settings.afterwards}"]
    if settings.saddle is not None:
        words.append(f"escape.saddle={json.dumps(settings.saddle, ensure_ascii=False)}")
    return words


ESCAPE = Kind(Passages.from_json, decides, "inner")


def escape(
    scenario: Scenario,
    *,
    problem: Problem | None = None,
    folder: str | Path | None = None,
    processes: int | None = None,
    executor: futures.Executor | None = None,
    progress: Progress | None = None,
) -> EscapeStudy:
    """Run a scenario with several numbers of workers and many seeds until it has left a saddle.

    Parameters
    ----------
    scenario
        Its table `escape` says with which numbers of workers, how many seeds, from which saddle
        and how far; `run` how long at most.
    problem
        An objective of your own, instead of the scenario's; computed in this process unless an
        executor is given, which has to be able to pickle it.
    folder
        Where runs are kept that are over; a study that is there already goes on where it stopped,
        and one of fewer seeds or other numbers of workers lends its runs.
    processes
        That simulate at once; by default as many as there are cores. With more than one, a script
        needs Python's usual ``if __name__ == "__main__":``.
    executor
        What simulates, in place of them.
    progress
        Called when runs are over.

    Raises
    ------
    InputError
        If the problem knows no saddle and no radius is given, f falls away from none of the points
        that it knows, runs begin beyond the radius, or the scenario, or the file that has its
        schedule, can't have so many workers.
    """
    objective = problem_of(scenario, problem)
    settled, goal = settle(_of_a_file(scenario), objective)
    saddle: Saddle | str = "the law is for a saddle that is known"
    if goal.point is not None:
        saddle = saddle_of(objective, goal.point, goal.radius)
    assert settled.escape is not None
    counts = sorted(set(settled.escape.workers))
    text = to_toml(settled)
    scenarios = [with_workers(settled, p) for p in counts]  # says now what can't be
    makes = making(processes, executor, problem)
    with makes as maker, stored(folder, settled, ESCAPE) as store:
        seen = {p: _Seeds(p, settled.seed, settled.escape.seeds) for p in counts}
        if store is not None:
            for kept in filter(None, (store.find(*job) for job in store.jobs() if job[0] in seen)):
                seen[kept.workers].add(kept)
        _sweep(text, seen, maker, store, progress)
        rows = [
            seen[p].row(prediction(one, objective, saddle, goal.radius))
            for p, one in zip(counts, scenarios, strict=True)
        ]
        return EscapeStudy(
            settled, goal, saddle, tuple(rows), len(usable_cores()),
            store.folder if store else None, _noiseless(settled, objective, saddle, goal),
        )  # fmt: skip


def _of_a_file(scenario: Scenario) -> Scenario:
    """Return a scenario to be studied with the workers of its schedule's file, if that has one."""
    settings, own = scenario.escape or Escape(), [scenario.workers.count]
    if scenario.schedule is None or settings.workers == own:
        return scenario
    if "workers" in settings.model_fields_set:
        wanted = f"left out, or {own}: so many workers are in {scenario.schedule.named}"
        raise unfit("escape.workers", str(settings.workers), wanted)
    return scenario.model_copy(update={"escape": settings.model_copy(update={"workers": own})})


def _noiseless(scenario: Scenario, problem: Problem, saddle: Saddle | str, goal: Goal) -> bool:
    if goal.point is None or (scenario.update is not None and scenario.update.perturbation):
        return False
    if isinstance(saddle, str):
        return problem.words == 0 and goal.distance(problem.start()) == 0
    return not (saddle.noise.any() or saddle.start[: saddle.unstable].any())


def settle(scenario: Scenario, problem: Problem | None = None) -> tuple[Scenario, Goal]:
    """Return a scenario whose `escape` table is filled in, and what its runs are to leave.

    Raises
    ------
    InputError
        As `escape`.
    """
    settings = scenario.escape or Escape()
    with_table = scenario.model_copy(update={"escape": settings})
    goal = goal_of(with_table, problem_of(scenario, problem))
    filled = {"radius": goal.radius, "saddle": goal.point and goal.point.name}
    return scenario.model_copy(update={"escape": settings.model_copy(update=filled)}), goal


class _Seeds:
    """What is known so far of the runs of p workers."""

    def __init__(self, workers: int, first: int, count: int) -> None:
        self.workers, self._first, self.count = workers, first, count
        self._known: dict[int, tuple[int, int, bool, int, int, float]] = {}

    def add(self, found: Passages) -> None:
        """Take note of runs, as far as they are asked for."""
        columns = (found.updates, found.ticks, found.escaped, found.inner, found.returned,
                   found.staleness)  # fmt: skip
        for seed, line in enumerate(zip(*columns, strict=True), found.seed):
            if self._first <= seed < self._first + self.count:
                self._known[seed] = line

    @property
    def over(self) -> int:
        """How many runs are."""
        return len(self._known)

    def missing(self, base: str, processes: int) -> list[EscapeTask]:
        """Return tasks for those that are not, each of seeds in a row."""
        every = range(self._first, self._first + self.count)
        left = [seed for seed in every if seed not in self._known]
        most = max(1, min(_MOST, len(left) // (_PIECES * processes)))
        tasks: list[EscapeTask] = []
        for seed in left:
            last = tasks[-1] if tasks else None
            if last is not None and last.seed + last.seeds == seed and last.seeds < most:
                tasks[-1] = last._replace(seeds=last.seeds + 1)
            else:
                tasks.append(EscapeTask(base, self.workers, seed, 1))
        return tasks

    def row(self, foretold: Prediction | str) -> EscapeRow:
        """Return what all of them came to."""
        updates, ticks, escaped, inner, returned, staleness = (
            np.array(column) for column in zip(*(self._known[seed] for seed in sorted(self._known)),
                                               strict=True)
        )  # fmt: skip
        return EscapeRow(
            self.workers, updates, ticks * NANOSECOND, escaped, inner, returned, staleness, foretold
        )


def _sweep(
    base: str,
    seen: dict[int, _Seeds],
    maker: Maker,
    store: Store[Passages] | None,
    progress: Progress | None,
) -> None:
    """Make what is missing. A task that takes long comes to less than it asks: then again."""

    def told() -> None:
        if progress is not None:
            seeds = seen.values()
            progress(sum(one.over for one in seeds), sum(one.count for one in seeds))

    told()
    while tasks := [task for one in seen.values() for task in one.missing(base, maker.many)]:
        for found in results(maker, tasks, passages):
            if store is not None:
                store.keep(found)
            seen[found.workers].add(found)
            told()
