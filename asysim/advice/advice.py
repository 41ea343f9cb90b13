"""Advice: a search over methods, constants, steps, batch sizes and workers, and its check."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path

from asysim.advice.candidate import Candidate
from asysim.advice.candidates import ASYNCHRONOUS, Wanted, candidates_of
from asysim.advice.halving import Bracket, expected_runs, search_seeds
from asysim.advice.journal import kept
from asysim.advice.measured import Measured
from asysim.advice.search import Search
from asysim.advice.standing import mean_place
from asysim.advice.trials import Trials, over_seeds
from asysim.errors import unfit
from asysim.ground.one_line import OneLine
from asysim.problems.base import Problem
from asysim.scenario import Scenario, to_toml, vary
from asysim.scenario.models import STUDIES
from asysim.studies.executor import Progress
from asysim.studies.geometric_mean import GeometricMean
from asysim.sweeps.maker import making

SEEDS = 8
"""On which a claim is checked."""
_CELL_SEEDS = 2  # beyond the one that chose the best of a method among as many workers
_ROOM = 3.0  # times the best, beyond which nobody is waited for in the check


@dataclass(frozen=True)
class Stop:
    """What would have been advised after so many gradients.

    Attributes
    ----------
    spent
        Gradients until then.
    choice
        The best known, with what it comes to on the seeds of the check.
    """

    spent: int
    choice: Measured


@dataclass(frozen=True, eq=False, repr=False)
class Advice(OneLine):
    """What to do, and how sure that is.

    Attributes
    ----------
    scenario
        The one that was asked about.
    candidates
        How many were looked at.
    steps
        Those that they have, the shortest first.
    winner
        The best, on fresh seeds.
    stands
        The scenario as it stands, on the same.
    methods
        The best of each method, on the same; the best method first.
    cells
        The best of each method with each number of workers, on seeds that did not choose it: those
        of the check if it was measured on them.
    stops
        What would have been advised earlier.
    spent, checking
        Gradients of the search, and of all that was measured after it.
    folder
        Where it is kept, if it is.
    """

    scenario: Scenario
    candidates: int
    steps: tuple[str, ...]
    winner: Measured
    stands: Measured
    methods: tuple[Measured, ...]
    cells: tuple[Measured, ...]
    stops: tuple[Stop, ...]
    spent: int
    checking: int
    folder: Path | None = None

    @property
    def line(self) -> str:
        """Its name, and what is advised."""
        best = self.winner.candidate
        return f"{self.scenario.name}: {best.setting}, step {best.step}, {best.workers} workers"

    @property
    def gain(self) -> GeometricMean | None:
        """How many times as soon as the scenario as it stands the winner is there."""
        return self.winner.sooner_than(self.stands)

    @property
    def plain(self) -> Measured | None:
        """The best of plain asynchronous SGD, if it was looked at."""
        found = [one for one in self.methods if one.candidate.method == ASYNCHRONOUS]
        return found[0] if found else None

    @property
    def best(self) -> Scenario:
        """The scenario that is advised."""
        found = self.winner.candidate.scenario(self.scenario)
        return found.model_copy(update={"name": f"{self.scenario.name[:90]}-advised"})


def advise(
    scenario: Scenario,
    *,
    target: float | None = None,
    methods: Sequence[str] | None = None,
    steps: Sequence[float] | None = None,
    workers: Sequence[int] | None = None,
    batch_sizes: Sequence[int] | None = None,
    seeds: int = SEEDS,
    budget: float | None = None,
    problem: Problem | None = None,
    folder: str | Path | None = None,
    processes: int | None = None,
    executor: futures.Executor | None = None,
    progress: Progress | None = None,
) -> Advice:
    """Find out which method, step and number of workers come to a target soonest.

    Parameters
    ----------
    scenario
        The cluster and the problem; how it is coordinated now is what advice is compared with.
    target
        The loss to be reached; by default the scenario's own target.
    methods
        Kinds of coordination rules, ``bound`` for the staleness bound T, ``own`` for the
        scenario's own rule; by default all.
    steps
        γ; by default the scenario's own times 1/4, 1/2, 1, 2, 4 and 8.
    workers
        p; by default the five largest powers of two up to the scenario's number, and that.
    batch_sizes
        M; by default the scenario's own. A gradient of another takes as many times as long, unless
        `workers.compute` says itself what it takes.
    seeds
        That the advice is checked on, which had no part in the search.
    budget
        Gradients after which the search looks no further, and takes what it has.
    problem
        An objective of your own, instead of the scenario's; computed in this process unless an
        executor is given, which has to be able to pickle it.
    folder
        Where runs are kept that are over; a search that is there already goes on where it stopped.
    processes
        That simulate at once; by default as many as there are cores. With more than one, a script
        needs Python's usual ``if __name__ == "__main__":``.
    executor
        What simulates, in place of them.
    progress
        Called when a run is over: how many are, of how many are expected.

    Raises
    ------
    InputError
        If there is no target, the start meets it, or what is asked for can't be had.
    """
    base = aimed(scenario, target)
    if seeds < 1:
        raise unfit("--seeds", str(seeds), "at least 1", "command line")
    if budget is not None and not budget > 0:
        raise unfit("--budget", f"{budget:g}", "more than 0 gradients", "command line")
    wanted = Wanted.of(methods, steps, workers, batch_sizes)
    candidates = candidates_of(base, wanted)
    widest = math.inf if budget is None else budget
    text = to_toml(base)
    with making(processes, executor, problem) as maker, kept(folder, text) as journal:
        expected = expected_runs(candidates) + _checks(candidates, seeds)
        trials = Trials(text, maker, journal, progress, expected=expected)
        search = Search(base, candidates, trials, budget=widest, widen=steps is None)
        search.run()
        spent = trials.spent
        return _checked(search, seeds, spent, journal.folder)


def aimed(scenario: Scenario, target: float | None = None) -> Scenario:
    """Return a scenario with what is to be reached, and without tables of other studies.

    Raises
    ------
    InputError
        If nothing is.
    """
    changes = [] if target is None else [f"run.target_loss={target!r}", "run.target_gradient="]
    found = vary(scenario, *(f"{table}=" for table in STUDIES), "run.second_order=", *changes)
    if not found.run.has_target:
        wanted = "a loss to be reached: advice is on the way there (or run.target_loss)"
        raise unfit("--target", "no target", wanted, scenario.name)
    return found


def _checked(search: Search, seeds: int, spent: int, folder: Path | None) -> Advice:
    """Measure what was found on seeds that had no part in it."""
    base, trials = search.base, search.trials
    cells = [one for part in search.brackets for one in _cells(search, part)]
    winner = search.winner
    fresh = [base.seed + search_seeds() + i for i in range(seeds)]
    longest = max((trial.seconds for trial in search.known(winner)), default=search.reference)
    limit, longer = _ROOM * longest, max(_ROOM * longest, 2 * search.reference)
    best: dict[str, Candidate] = {}
    for one in sorted(cells, key=lambda one: _within(one, limit)):
        best.setdefault(one.candidate.method, one.candidate)
    best[winner.method] = winner
    choices = list(dict.fromkeys([winner, *best.values(), *(one for _, one in search.stops)]))
    found = over_seeds(trials, choices, fresh, limit)
    found |= over_seeds(trials, [search.stands], fresh, longer)
    measured = {one: Measured(one, runs) for one, runs in found.items()}
    methods = sorted((measured[one] for one in best.values()), key=lambda m: mean_place(m.trials))
    return Advice(
        base, len(search.candidates), search.steps,
        measured[winner], measured[search.stands],
        tuple(methods), tuple(measured.get(one.candidate, one) for one in cells),
        tuple(Stop(at, measured[one]) for at, one in search.stops),
        spent, trials.spent - spent, folder,
    )  # fmt: skip


def _checks(candidates: Sequence[Candidate], seeds: int) -> int:
    """Return how many runs the check will have, about."""
    cells = {(one.method, one.workers) for one in candidates}
    methods = {method for method, _ in cells}
    return _CELL_SEEDS * len(cells) + seeds * (1 + len(methods))


def _within(one: Measured, limit: float) -> tuple[int, float, int]:
    """Return how the best of a method stands among those of other numbers of workers.

    Beyond the limit all are alike, whether they were stopped or not, and most workers are best.
    """
    times = [trial.seconds if trial.met else math.inf for trial in one.trials]
    late = sum(seconds > limit for seconds in times)
    capped = math.fsum(min(seconds, limit) for seconds in times)
    return late, capped, -one.candidate.workers


def _cells(search: Search, part: Bracket) -> list[Measured]:
    """Measure the best of each method with as many workers."""
    best = part.best_of_methods()
    if (winner := search.winner) in part.trials:
        best[winner.method] = winner
    first, choices = search.base.seed + 1, list(best.values())
    limit = _ROOM * next(iter(part.trials.values())).seconds
    runs = over_seeds(search.trials, choices, range(first, first + _CELL_SEEDS), limit)
    return [Measured(one, runs[one]) for one in choices]
