"""The limit study: up to how many workers speedup stays linear, as K and M grow.

For each K and M the step is the theorem's, γ = sqrt(Δ/(MLKσ²)), and ε² is what the theorem
promises of K updates, 4σ sqrt(ΔL/(MK)). A run arrives at first order when the mean of ‖∇f(x_k)‖²
over all updates so far is at most ε², and at second order where ‖∇f(x_k)‖ ≤ ε and λ_min ≥ −√ε;
what it does not do within K updates counts as infinitely long. Speedup in iterations is p · K_1/K_p
by what arrivals took, and the limit is the p up to which it is ≥ share · p.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from asysim.errors import unfit
from asysim.ground.machine import usable_cores
from asysim.ground.one_line import OneLine
from asysim.ground.outputs import write_whole
from asysim.problems.base import Problem
from asysim.replay.room import problem_of
from asysim.runs.outcome import DIVERGED
from asysim.scenario import Scenario, to_toml
from asysim.scenario.limits import MULTIPLES, Limits
from asysim.studies.arrived import (
    ARRIVED,
    TARGETS,
    Arrived,
    Target,
)
from asysim.studies.executor import Progress
from asysim.studies.exponents import Arrivals, Growth, growth, with_limits
from asysim.studies.limit_grid import Cell, Grid
from asysim.studies.limit_layout import Layout, proven
from asysim.studies.store import SCENARIO, Store, stored, unwritten
from asysim.studies.task import check_simulated
from asysim.sweeps.maker import making
from asysim.theory.verdict import not_in_theorem
from asysim.updates.theorem import Corollary


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
        """The most workers with the corollary's bound, of `limit_layout.proven`."""
        return proven(self.corollary)


@dataclass(frozen=True, eq=False, repr=False)
class LimitStudy(OneLine):
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
    def line(self) -> str:
        """Its name, how many K and M it has, and how many limits were found."""
        found = " and ".join(f"{self.limits_found(order)} to {order} order" for order in TARGETS)
        many = len(self.lengths)
        return f"{self.scenario.name}: {many} pairs of K and M, limits found: {found}"

    @property
    def besides(self) -> tuple[str, ...]:
        """Keys of what its update has that those of the bounds have not; empty: they are of it."""
        return not_in_theorem(self.scenario)

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
    executor: futures.Executor | None = None,
    progress: Progress | None = None,
) -> LimitStudy:
    """Find the largest p with linear speedup for each K and M, and how it grows with both.

    Parameters
    ----------
    scenario
        With ``algorithm.step = {kind = "theorem"}``; its `limits` table says which K, M and p.
    problem
        An objective of your own, instead of the scenario's, with `hvp`; computed in this process
        unless an executor is given, which has to be able to pickle it.
    folder
        Where runs are kept that are over; a study that is there already goes on where it stopped,
        and one of fewer seeds, or other K, M and p, lends its runs.
    processes
        That simulate at once; by default as many as there are cores. With more than one, a script
        needs Python's usual ``if __name__ == "__main__":``.
    executor
        What simulates, in place of them.
    progress
        Called when a run is over, with how many are, and how many there are so far to make.

    Raises
    ------
    InputError
        If the step is not the theorem's, or as `asysim.studies.limit_layout.Layout.of` says.
    """
    settled = settle(scenario)
    built = problem_of(settled, problem)
    bases, theorems, counts = Layout.of(settled, built)
    makes = making(processes, executor, problem)
    with makes as maker, _stored(folder, bases, settled) as stores:
        grid = Grid(settled, bases, counts, stores)
        while grid.alive:
            grid.extend(maker, progress)
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
        If its step is not the theorem's, or it has a schedule from a file.
    """
    check_simulated(scenario)
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
