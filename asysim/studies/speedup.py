"""The speedup study: how much sooner p workers come to the target than one."""

from __future__ import annotations

from concurrent import futures
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from asysim.errors import unfit
from asysim.ground.machine import usable_cores
from asysim.ground.one_line import OneLine
from asysim.problems.base import Problem
from asysim.scenario import Scenario, to_toml
from asysim.scenario.speedup import Speedup
from asysim.studies.comparison import Cell, Comparison, comparisons
from asysim.studies.executor import Progress, large_first, seed_by_seed, sweep
from asysim.studies.geometric_mean import GeometricMean
from asysim.studies.making import real_attempt, simulate_attempt
from asysim.studies.store import ATTEMPT, stored
from asysim.studies.task import Task, check_simulated, with_workers
from asysim.sweeps.maker import making


@dataclass(frozen=True, eq=False, repr=False)
class SpeedupStudy(OneLine):
    """A finished study.

    Attributes
    ----------
    scenario
        With its `speedup` table filled in.
    rows
        One for each number of workers, 1 first.
    on
        The real backend, None if simulated.
    cores
        Of the machine, as far as this process may use them.
    folder
        Where it is kept, if it is.
    """

    scenario: Scenario
    rows: tuple[Comparison, ...]
    on: str | None = None
    cores: int = 1
    folder: Path | None = None

    @property
    def line(self) -> str:
        """Its name, and what was compared."""
        workers = ", ".join(str(row.workers) for row in self.rows)
        how = f"on {self.on}" if self.on else "simulated"
        return f"{self.scenario.name}: {workers} workers, {how}"

    def cell(self, row: Comparison, kind: str) -> Cell | None:
        """Return a speedup, "iteration" or "time", beside the reference's, if both are there."""
        settings = self.scenario.speedup
        reference = settings.reference if settings else None
        theirs = getattr(reference, kind) if reference else None
        ours: GeometricMean | None = getattr(row, kind)
        if reference is None or theirs is None or ours is None or ours.bound:
            return None
        known = dict(zip(reference.workers, theirs, strict=True))
        return Cell(ours.value, known[row.workers]) if row.workers in known else None

    def largest_deviation(self, kind: str) -> tuple[float, int] | None:
        """Return the largest deviation from the reference, and with how many workers it is."""
        found = [(cell, row.workers) for row in self.rows if (cell := self.cell(row, kind))]
        if not found:
            return None
        cell, workers = max(found, key=lambda one: abs(one[0].deviation))
        return cell.deviation, workers


def speedup(
    scenario: Scenario,
    *,
    on: str | None = None,
    problem: Problem | None = None,
    folder: str | Path | None = None,
    processes: int | None = None,
    executor: futures.Executor | None = None,
    progress: Progress | None = None,
) -> SpeedupStudy:
    """Run a scenario with several numbers of workers and seeds until its target, and compare.

    Parameters
    ----------
    scenario
        With a target in `run`; its `speedup` table says which numbers of workers, and how many
        seeds.
    on
        ``threads``, ``processes`` or ``mpi``: for real, one run after the other.
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
        Called when a run is over.

    Raises
    ------
    InputError
        If the scenario has no target, starts below it, or can't have so many workers.
    """
    settled = settle(scenario)
    assert settled.speedup is not None
    counts, seeds = settled.speedup.counts(settled.workers.count), settled.speedup.seeds
    text = to_toml(settled)
    tasks = [Task(text, p, settled.seed + i) for p in counts for i in range(seeds)]

    for p in counts:
        with_workers(settled, p)  # says now what can't be, rather than after hours
    makes = making(processes, executor, problem) if on is None else making(1, problem=problem)
    make = simulate_attempt if on is None else partial(real_attempt, on=on)
    order = large_first if on is None else seed_by_seed
    with makes as maker, stored(folder, settled, ATTEMPT, on) as store:
        found = sweep(tasks, maker, store, progress, make, order)
        return SpeedupStudy(
            settled,
            comparisons(settled, found, on=on),
            on,
            len(usable_cores()),
            store.folder if store else None,
        )


def settle(scenario: Scenario) -> Scenario:
    """Return a scenario whose `speedup` table is filled in, if it can be studied.

    Raises
    ------
    InputError
        If it has no target, or a schedule from a file.
    """
    check_simulated(scenario)
    if not scenario.run.has_target:
        wanted = "what is to be reached (or run.target_gradient): speedups compare ways to it"
        raise unfit("run.target_loss", "no target", wanted)
    settings = scenario.speedup or Speedup()
    counts = settings.counts(scenario.workers.count)
    changed = settings.model_copy(update={"workers": counts})
    return scenario.model_copy(update={"speedup": changed})
