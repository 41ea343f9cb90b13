"""The plan: how many workers to take, from a run on a few of them.

A recorded run is calibrated (`asysim.calibration`): laws of computing, of messages and of the
server are fitted to its times. The scenario that comes of it is simulated, with real gradients,
for more and more workers, each run with parameters drawn anew from what the fit leaves open. So a
band holds what a run's own luck does and what the measurement does not tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from asysim.errors import InputError, unfit
from asysim.ground.one_line import OneLine
from asysim.problems.base import Problem
from asysim.replay.curve import Point
from asysim.runs.crossing import crossing
from asysim.scenario import Scenario, to_toml, vary
from asysim.studies.attempt import Attempt
from asysim.studies.executor import Progress, sweep
from asysim.studies.forecast import Forecast
from asysim.studies.making import simulate_attempt
from asysim.studies.store import ATTEMPT, stored
from asysim.studies.task import Task, with_workers
from asysim.sweeps.maker import making

LINEAR = 0.8
"""Speedup / p down to which a speedup counts as linear."""
_LITTLE = 0.98  # what is left of the time, if more workers bring something
_PATIENCE = 3  # numbers of workers in a row that may bring little before the search ends
_MOST = 1024


class Calibrated(Protocol):
    """Whatever gives a scenario, and others from within its uncertainty."""

    def scenario(self, *, sample: int | None = None) -> Scenario: ...


@dataclass(frozen=True, eq=False, repr=False)
class Plan(OneLine):
    """What is foretold of several numbers of workers, and which of them to take.

    Attributes
    ----------
    scenario
        The calibrated one, with the target.
    forecasts
        By number of workers, 1 first.
    measured
        Numbers of workers that were measured, and seconds to the target if a run came there.
    folder
        Where the simulated runs are kept, if they are.
    """

    scenario: Scenario
    forecasts: tuple[Forecast, ...]
    measured: tuple[tuple[int, float | None], ...] = ()
    folder: Path | None = None

    @property
    def line(self) -> str:
        """Its name, and for how many workers something is foretold."""
        return (
            f"{self.scenario.name}: {', '.join(str(one.workers) for one in self.forecasts)} workers"
        )

    @property
    def known(self) -> list[Forecast]:
        """Forecasts with a time."""
        return [one for one in self.forecasts if one.seconds is not None]

    @property
    def fastest(self) -> Forecast:
        """The one with the shortest time."""
        return min(self.known, key=lambda one: one.seconds.value if one.seconds else 0.0)

    @property
    def cheapest(self) -> Forecast:
        """The one with the fewest worker-seconds."""
        return min(self.known, key=lambda one: one.worker_seconds or 0.0)

    @property
    def knee(self) -> Forecast:
        """Where efficiency per time is largest: S(p) / p / t_p.

        The knee of the execution time-efficiency profile (Eager, Zahorjan & Lazowska 1989, as
        recalled): before it more workers save more time than they cost efficiency.
        """
        return max(self.known, key=lambda one: 1 / ((one.worker_seconds or 1) * _seconds(one)))

    @property
    def linear_until(self) -> float:
        """The p at which speedup / p falls below 80 %, between two forecasts by interpolation.

        The largest p whose runs reach the target if it never does.
        """
        known = [one for one in self.known if one.efficiency is not None]
        for before, after in pairwise(known):
            high, low = before.efficiency or 0.0, after.efficiency or 0.0
            if low < LINEAR:
                part = (high - LINEAR) / (high - low)
                return before.workers + part * (after.workers - before.workers)
        return float(known[-1].workers) if known else 1.0

    @property
    def is_linear_throughout(self) -> bool:
        """Whether speedup / p stays at 80 % or above for all p looked at, and all arrive."""
        return all(one.efficiency is not None and one.efficiency >= LINEAR
                   for one in self.forecasts)  # fmt: skip

    @property
    def fastest_range(self) -> tuple[int, int]:
        """Which p is fastest in single runs: the 5 % and 95 % quantiles over them."""
        table = np.array([[a.crossing.seconds for a in one.attempts] for one in self.known])
        winners = np.array([one.workers for one in self.known])[table.argmin(axis=0)]
        low, high = np.quantile(winners, [0.05, 0.95], method="nearest")
        return int(low), int(high)


def plan(
    calibration: Calibrated,
    *,
    target_loss: float | None = None,
    changes: Sequence[str] = (),
    workers: Sequence[int] | None = None,
    samples: int = 8,
    measured: Sequence[tuple[int, float | None]] = (),
    problem: Problem | None = None,
    folder: str | Path | None = None,
    processes: int | None = None,
    executor: futures.Executor | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Simulate a calibrated scenario for more and more workers until more bring nothing.

    Parameters
    ----------
    calibration
        From `asysim.calibrate`.
    target_loss
        What is to be reached; by default what the recorded run was to reach.
    changes
        KEY=VALUE for what is simulated, such as ``run.updates=100000``.
    workers
        Numbers of workers; by default 1, 2, 3, 4, 6, 8, 12, … until three in a row shorten the
        time by less than 2 %.
    samples
        Runs for each, every one with parameters drawn anew.
    measured
        Numbers of workers that were measured, and seconds to the target if a run came there.
    problem
        An objective of your own, computed in this process unless an executor is given.
    folder
        Where runs are kept that are over; an interrupted plan goes on there.
    processes
        That simulate at once; by default as many as there are cores.
    executor
        What simulates, in place of them.
    progress
        Called when a run is over: how many are, of how many known so far.

    Raises
    ------
    InputError
        If there is no target, or not even one worker reaches it.
    """
    base = aimed(calibration.scenario(), target_loss, changes)
    seeds = [base.seed + i for i in range(samples)]
    drawn = [aimed(calibration.scenario(sample=i), target_loss, changes) for i in range(samples)]
    texts = dict(zip(seeds, map(to_toml, drawn), strict=True))
    forecasts: list[Forecast] = []

    def told(over: int, of: int) -> None:
        if progress is not None:
            before = len(forecasts) * samples
            progress(before + over, before + of)

    makes = making(processes if problem is None else 1, executor, problem)
    with makes as maker, stored(folder, base, ATTEMPT) as store:
        for p in _counts(forecasts) if workers is None else sorted({1, *workers}):
            with_workers(base, p)  # says now what can't be
            tasks = [Task(text, p, seed) for seed, text in texts.items()]
            found = sweep(tasks, maker, store, told, simulate_attempt)
            attempts = [found[task.job] for task in tasks]
            forecasts.append(
                Forecast.of(attempts, forecasts[0].attempts if forecasts else attempts)
            )
            if forecasts[0].seconds is None:
                raise _out_of_reach(base, attempts)
    return Plan(base, tuple(forecasts), tuple(measured), store.folder if store else None)


def aimed(
    scenario: Scenario, target_loss: float | None = None, changes: Sequence[str] = ()
) -> Scenario:
    """Return a calibrated scenario with what is to be reached.

    Raises
    ------
    InputError
        If nothing is.
    """
    more = [f"run.target_loss={target_loss!r}"] if target_loss is not None else []
    found = vary(scenario, "run.seconds=", "speedup=", *changes, *more)
    if not found.run.has_target:
        wanted = "a loss: the recorded run was not asked to reach one"
        raise unfit("--target", "no target", wanted, scenario.name)
    return found


def measured_time(points: Sequence[Point], scenario: Scenario) -> float | None:
    """Return when a measured run met the target of a scenario, in seconds; None if it did not."""
    if not points:
        return None
    where = crossing(points, scenario.run)
    return where.seconds if where.met else None


def _counts(forecasts: list[Forecast]) -> Iterator[int]:
    """Yield 1, 2, 3, 4, 6, 8, 12, … until more workers have brought little for a while."""
    p = 1
    while p <= _MOST and not _brings_nothing(forecasts):
        yield p
        p = p + 1 if p < 3 else p * 4 // 3 if p & (p - 1) else p * 3 // 2


def _brings_nothing(forecasts: list[Forecast]) -> bool:
    if len(forecasts) <= _PATIENCE:
        return False
    best = min(_seconds(one) for one in forecasts[:-_PATIENCE])
    return all(_seconds(one) > _LITTLE * best for one in forecasts[-_PATIENCE:])


def _seconds(forecast: Forecast) -> float:
    return float("inf") if forecast.seconds is None else forecast.seconds.value


def _out_of_reach(scenario: Scenario, attempts: Sequence[Attempt]) -> InputError:
    missed = next(attempt for attempt in attempts if not attempt.crossing.met)
    limit = scenario.run.updates
    larger = f", or run.updates larger than {limit}" if limit is not None else ""
    found = f"{missed.message} with one worker"
    return unfit("--target", found, f"within reach{larger}", scenario.name)
