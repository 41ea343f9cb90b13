"""The limit study: up to how many workers speedup stays linear, as K and M grow.

For each K and M the step is the theorem's, γ = sqrt(Δ/(MLKσ²)), and ε² is what the theorem
promises of K updates, 4σ sqrt(ΔL/(MK)). A run arrives at first order when the mean of ‖∇f(x_k)‖²
over all updates so far is at most ε², and at second order where ‖∇f(x_k)‖ ≤ ε and λ_min ≥ −√ε;
what it does not do within K updates counts as infinitely long. Speedup in iterations is p · K_1/K_p
by what arrivals took, and the limit is the p up to which it is ≥ share · p.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product, starmap
from pathlib import Path
from typing import NamedTuple

import numpy as np

from asysim.errors import unfit
from asysim.ground.machine import usable_cores
from asysim.ground.outputs import write_whole
from asysim.problems.base import Problem, TwiceDifferentiable
from asysim.replay.least_curvature import WITH_HVP
from asysim.replay.room import problem_of
from asysim.runs.outcome import DIVERGED
from asysim.scenario import Scenario, to_toml, vary
from asysim.scenario.limits import MULTIPLES, Limits
from asysim.studies.arrived import (
    ARRIVED,
    TARGETS,
    Arrived,
    Target,
    simulate_arrival,
    theorem_of,
)
from asysim.studies.executor import Executor, helpers, simulating
from asysim.studies.exponents import Arrivals, Growth, growth, with_limits
from asysim.studies.record import Job
from asysim.studies.store import SCENARIO, Store, stored, unwritten
from asysim.studies.task import Task, with_workers
from asysim.updates.theorem import Corollary

Progress = Callable[[int, int], None]

_HOPELESS = 0.5  # of the share: where two numbers of workers in a row have fallen so far, no more


class Cell(NamedTuple):
    """K and M."""

    updates: int
    batch_size: int


@dataclass(frozen=True, eq=False)
class Length:
    """What came of one K and one M.

    Attributes
    ----------
    corollary
        The theorem with its constants: step, ε², and the K that it asks for.
    arrivals
        Of each order, updates until arrival by p and seed.
    runs, diverged
        How many runs were made, and how many of them diverged.
    """

    corollary: Corollary
    arrivals: dict[Target, Arrivals]
    runs: int
    diverged: int

    @property
    def proven(self) -> float:
        """The most workers with the corollary's bound, of `proven`."""
        return proven(self.corollary)


def proven(corollary: Corollary) -> float:
    """Return the most workers, T + 1, with K ≥ 4MLΔ(T + 1)²/σ²; below 1: not even one."""
    return math.sqrt(corollary.updates / corollary.least_updates(0))


@dataclass(frozen=True, eq=False)
class LimitStudy:
    """A finished study.

    Attributes
    ----------
    scenario
        With its `limits` table filled in.
    lengths
        One for each K and M.
    cores
        Of the machine, as far as this process may use them.
    folder
        Where it is kept, if it is.
    """

    scenario: Scenario
    lengths: tuple[Length, ...]
    cores: int = 1
    folder: Path | None = None

    @property
    def share(self) -> float:
        """What part of p counts as linear."""
        return (self.scenario.limits or Limits()).share

    def growth(self, order: Target) -> Growth | None:
        """Return the exponents of the largest p; None if too few limits were found."""
        return growth(self._cells(order), self.share, seed=self.scenario.seed)

    def limits_found(self, order: Target) -> int:
        """Return with how many K and M the largest p was found."""
        return len(with_limits(self._cells(order), self.share))

    def _cells(self, order: Target) -> list[Arrivals]:
        return [length.arrivals[order] for length in self.lengths]


def limits(
    scenario: Scenario,
    *,
    problem: Problem | None = None,
    folder: str | Path | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> LimitStudy:
    """Find the largest p with linear speedup for each K and M, and how it grows with both.

    Parameters
    ----------
    scenario
        With ``algorithm.step = {kind = "theorem"}``; its `limits` table says which K, M and p.
    problem
        An objective of your own, instead of the scenario's, with `hvp`; computed in this process.
    folder
        Where runs are kept that are over; a study that is there already goes on where it stopped,
        and one of fewer seeds, or other K, M and p, lends its runs.
    processes
        That simulate at once; by default as many as there are cores. With more than one, a script
        needs Python's usual ``if __name__ == "__main__":``.
    progress
        Called when a run is over, with how many are, and how many there are so far to make.

    Raises
    ------
    InputError
        If the step is not the theorem's, one of its constants is not known, or the problem has no
        Hessian-vector products.
    """
    many = helpers(processes, problem)
    settled = settle(scenario)
    asked = settled.limits
    assert asked is not None
    built = problem_of(settled) if problem is None else problem
    if not isinstance(built, TwiceDifferentiable):
        raise unfit("problem.kind", f'"{settled.problem.kind}", which has none', WITH_HVP)
    bases = {
        cell: vary(
            settled.model_copy(update={"limits": None, "speedup": None}),
            f"run.updates={cell.updates}",
            f"algorithm.batch_size={cell.batch_size}",
        )
        for cell in starmap(Cell, product(asked.updates, asked.batch_sizes))
    }
    theorems = {cell: theorem_of(base, built) for cell, base in bases.items()}
    counts = {cell: asked.counts(proven(theorem)) for cell, theorem in theorems.items()}
    for p in sorted(set().union(*counts.values())):
        with_workers(settled, p)  # says now what can't be, rather than after hours
    with _stored(folder, bases, settled) as stores, simulating(many, problem) as executor:
        grid = _Grid(settled, bases, counts, stores)
        while grid.alive:
            grid.extend(executor, progress)
    found = []
    for cell, theorem in theorems.items():
        arrivals = {order: grid.arrivals(cell, order) for order in TARGETS}
        ended = grid.endings(cell)
        found.append(Length(theorem, arrivals, len(ended), ended.count(DIVERGED)))
    kept = None if folder is None else Path(folder)
    return LimitStudy(settled, tuple(found), len(usable_cores()), kept)


def settle(scenario: Scenario) -> Scenario:
    """Return a scenario whose `limits` table is filled in, if it can be studied.

    Raises
    ------
    InputError
        If its step is not the theorem's.
    """
    algorithm = scenario.algorithm
    if algorithm.name != "asysg-con":
        raise unfit("algorithm.name", f'"{algorithm.name}"', '"asysg-con", whose theorem it is')
    if getattr(algorithm.step, "kind", "") != "theorem":
        raise unfit(
            "algorithm.step",
            f"{algorithm.step:g}",
            '{kind = "theorem"}, perhaps with gap, smoothness and variance: for each K the step is '
            "another",
        )
    asked = scenario.limits or Limits()
    if asked.workers is None and asked.multiples is None:
        asked = asked.model_copy(update={"multiples": MULTIPLES})
    return scenario.model_copy(update={"limits": asked})


class _Grid:
    """Arrivals by K, M, p and seed, as they come."""

    def __init__(
        self,
        scenario: Scenario,
        bases: dict[Cell, Scenario],
        counts: dict[Cell, tuple[int, ...]],
        stores: dict[Cell, Store[Arrived]],
    ) -> None:
        asked = scenario.limits or Limits()
        self.share, self.alive = asked.share, set(bases)
        self._seeds = [scenario.seed + i for i in range(asked.seeds)]
        self._texts = {cell: to_toml(base) for cell, base in bases.items()}
        self._stores = stores
        self._waiting = {cell: list(own) for cell, own in counts.items()}
        self._found: dict[Cell, dict[Job, Arrived]] = {cell: {} for cell in bases}
        self._made = 0

    def extend(self, executor: Executor, progress: Progress | None) -> None:
        """Make the runs of the next number of workers where fewer have not shown it is hopeless."""
        tasks = []
        for cell in sorted(self.alive, key=lambda one: (-one.updates * one.batch_size, one)):
            store, workers = self._stores.get(cell), self._waiting[cell].pop(0)
            for seed in self._seeds:
                kept = store.find(workers, seed) if store else None
                if kept is None:
                    tasks.append(Task(self._texts[cell], workers, seed))
                else:
                    self._take(kept)
        of = self._made + len(tasks)
        self._tell(progress, of)
        for arrived in executor.results(tasks, simulate_arrival):
            store = self._stores.get(self._take(arrived))
            if store is not None:
                store.keep(arrived)
            self._tell(progress, of)
        self.alive = {
            cell for cell in self.alive if self._waiting[cell] and not self._is_hopeless(cell)
        }

    def arrivals(self, cell: Cell, order: Target) -> Arrivals:
        """Return what is known of one K and M."""
        found = self._found[cell]
        counts = tuple(sorted({workers for workers, _ in found}))
        table = [[found[p, seed].until(order) for seed in self._seeds] for p in counts]
        return Arrivals(*cell, counts, np.array(table, dtype=np.float64))

    def endings(self, cell: Cell) -> list[str]:
        """Return how the runs of one K and M ended."""
        return [arrived.status for arrived in self._found[cell].values()]

    def _take(self, arrived: Arrived) -> Cell:
        cell = Cell(arrived.updates, arrived.batch_size)
        self._found[cell][arrived.job] = arrived
        self._made += 1
        return cell

    def _is_hopeless(self, cell: Cell) -> bool:
        found = [self.arrivals(cell, order) for order in TARGETS]
        known = [one for one in found if one.is_comparable]
        return all((one.efficiency[-2:] < _HOPELESS * self.share).all() for one in known)

    def _tell(self, progress: Progress | None, of: int) -> None:
        if progress is not None:
            progress(self._made, of)


@contextmanager
def _stored(
    folder: str | Path | None, bases: dict[Cell, Scenario], settled: Scenario
) -> Iterator[dict[Cell, Store[Arrived]]]:
    """Yield a store for each K and M, in a folder of its own; none without a folder."""
    if folder is None:
        yield {}
        return
    folder = Path(folder)
    try:
        _check_ours(folder)
        with ExitStack() as stack:
            stores = {}
            for cell, base in bases.items():
                place = folder / f"K{cell.updates}-M{cell.batch_size}"
                store = stack.enter_context(stored(place, base, ARRIVED))
                assert store is not None
                stores[cell] = store
            write_whole(folder / SCENARIO, to_toml(settled))
            yield stores
    except OSError as error:
        raise unwritten(folder, error) from None


def _check_ours(folder: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder.is_dir() and any(folder.glob("K*-M*"))):
        wanted = (
            "a new or empty folder, or one that a limit study of this scenario left, perhaps of "
            "fewer seeds; --out names another"
        )
        raise unfit("study folder", "something else", wanted, str(folder))
