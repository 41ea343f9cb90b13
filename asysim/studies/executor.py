"""What makes the runs of a study: this process, or several.

A sweep is a list of tasks, each done once by such an executor, and kept.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from asysim.errors import AsysimError
from asysim.ground.machine import usable_cores
from asysim.ground.process import (
    UNGUARDED,
    exit_codes,
    heeded,
    leave_if_coming_up,
    may_have_children,
    unguarded,
)
from asysim.problems.base import Problem
from asysim.replay.room import problem_of
from asysim.runs.outcome import INTERRUPTED, Outcome
from asysim.scenario import Scenario, to_toml, vary
from asysim.studies.attempt import Attempt
from asysim.studies.record import Job, Record
from asysim.studies.store import Store
from asysim.studies.task import Task


class Sortable(Protocol):
    """What is to be done, as far as its place in a row of such goes."""

    @property
    def workers(self) -> int: ...

    @property
    def seed(self) -> int: ...


class Keepable(Sortable, Protocol):
    """The same, of which is kept what it comes to."""

    @property
    def job(self) -> Job: ...


T = TypeVar("T", bound=Sortable)
K = TypeVar("K", bound=Keepable)
R = TypeVar("R")
Rec = TypeVar("Rec", bound=Record)
Make: TypeAlias = Callable[[T, Problem | None], R | None]
"""What makes of a task, with an objective in place of the scenario's, what it comes to; None if a
person interrupted it. A function that can be pickled, for other processes."""


class Executor(Protocol):
    """Whatever has tasks done."""

    def results(self, tasks: Sequence[T], make: Make[T, R]) -> Iterator[R]:
        """Yield what tasks come to, each when it is over."""
        ...


def sweep(
    tasks: Sequence[K],
    executor: Executor,
    store: Store[Rec] | None,
    told: Callable[[int], None],
    make: Make[K, Rec],
) -> dict[Job, Rec]:
    """Return what all tasks came to: from the store, or made now and kept there.

    Parameters
    ----------
    tasks
        Of one study.
    executor
        Makes those that are not in the store.
    store
        Where runs are kept that are over; None: nowhere.
    told
        Called with how many are over: at first, and after each.
    make
        What makes a run.
    """
    found = {task.job: kept for task in tasks if store and (kept := store.find(*task.job))}
    told(len(found))
    for made in executor.results([task for task in tasks if task.job not in found], make):
        if store is not None:
            store.keep(made)
        found[made.job] = made
        told(len(found))
    return found


def large_first(task: Sortable) -> tuple[int, int]:
    """Sort by workers, most first: what takes longest is not to be left for the end."""
    return -task.workers, task.seed


def seed_by_seed(task: Sortable) -> tuple[int, int]:
    """Sort by seeds: all numbers of workers with one, then with the next."""
    return task.seed, task.workers


@dataclass(frozen=True)
class Here:
    """Does one task after the other in this process.

    Attributes
    ----------
    problem
        In place of the scenario's.
    order
        Which come first: large runs, as a rule.
    """

    problem: Problem | None = None
    order: Callable[[Sortable], tuple[int, int]] = large_first

    def results(self, tasks: Sequence[T], make: Make[T, R]) -> Iterator[R]:
        """Yield what tasks come to."""
        with heeded() as asked:
            for task in sorted(tasks, key=self.order):
                asked.check()
                yield _ended(make(task, self.problem))
            asked.check()


@dataclass(frozen=True)
class Elsewhere:
    """Simulates in a pool, large runs first; one run alone in this process if the pool is its own.

    Attributes
    ----------
    pool
        Of processes, as a rule.
    problem
        In place of the scenario's, if it can be pickled.
    own
        Whether the pool is there for this alone, and need not be begun for one run.
    """

    pool: futures.Executor
    problem: Problem | None = None
    own: bool = False

    def results(self, tasks: Sequence[T], make: Make[T, R]) -> Iterator[R]:
        """Yield what tasks come to.

        Raises
        ------
        InputError
            If the processes ran the script that started them, for want of a main guard.
        AsysimError
            If one of the processes is killed.
        """
        if self.own and len(tasks) <= 1:
            yield from Here(self.problem).results(tasks, make)
            return
        ordered = sorted(tasks, key=large_first)
        waiting = [self.pool.submit(make, task, self.problem) for task in ordered]
        # For their exit codes, which a broken pool has no public way to tell; absent elsewhere.
        started = list((getattr(self.pool, "_processes", None) or {}).values())
        try:
            with heeded() as asked:
                for future in futures.as_completed(waiting):
                    asked.check()
                    yield _ended(future.result())
                asked.check()
        except BrokenProcessPool:
            if UNGUARDED in exit_codes(started):
                raise unguarded("processes") from None
            raise AsysimError(
                "a process of the study was killed, perhaps for want of memory; runs that are over "
                "are kept in its folder: the same command goes on, --jobs=1 needs least"
            ) from None
        finally:
            for future in waiting:
                future.cancel()


def _ended(result: R | None) -> R:
    """Return what came to its end; a run that was interrupted interrupts its study."""
    if result is None:
        raise KeyboardInterrupt
    return result


@contextmanager
def simulating(
    processes: int, problem: Problem | None = None, pool: futures.Executor | None = None
) -> Iterator[Executor]:
    """Yield what simulates: a pool that is given, or so many processes, of which 1 is this one."""
    if pool is not None:
        yield Elsewhere(pool, problem)
        return
    if processes == 1:
        yield Here(problem)
        return
    with pool_of(processes) as own:
        yield Elsewhere(own, problem, own=True)


def simulate_attempt(task: Task, problem: Problem | None = None) -> Attempt | None:
    """Simulate one run; None if it was interrupted."""
    from asysim.runs.replayed import compute

    varied = task.scenario()
    if problem is None:
        problem = built_problem(varied)
    outcome = compute(varied, problem=problem)
    return None if outcome.status == INTERRUPTED else Attempt.of(varied, outcome)


def real_attempt(task: Task, problem: Problem | None, *, on: str) -> Attempt | None:
    """Make one real run; None if it was interrupted.

    To evaluate x takes a core, which the workers need. So a run goes on to its last update, and is
    evaluated when it is over; unless it is emulated, when cores are free and time is dear.
    """
    from asysim.runs.run import run

    varied = made = task.scenario()
    if made.run.updates is not None and not (made.backend is not None and made.backend.emulate):
        made = vary(varied, "run.target_loss=", "run.target_gradient=")
    outcome = _on_ranks(made) if on == "mpi" else run(made, on=on, problem=problem).outcome
    return None if outcome.status == INTERRUPTED else Attempt.of(varied, outcome)


def helpers(processes: int | None, problem: Problem | None) -> int:
    """Return how many processes simulate the runs of a study: 1 is this one, without others.

    By default there is one for each core. Where no process may be started, in a helper of a
    `multiprocessing.Pool`, this one does it all, with the same results.
    """
    if processes is None:
        processes = 1 if problem is not None else len(usable_cores())
    if processes == 1 or not may_have_children():
        return 1
    leave_if_coming_up()
    return processes


@contextmanager
def pool_of(processes: int) -> Iterator[futures.Executor]:
    """Yield an executor of so many processes; if anything is raised, they are ended at once."""
    pool = _Pool(processes, mp_context=get_context("spawn"), initializer=_leave_interrupts)
    try:
        yield pool
    except BaseException:
        workers = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:  # a long run would be waited for at exit
            worker.terminate()
        raise
    pool.shutdown()


class _Pool(futures.ProcessPoolExecutor):
    """Starts its processes with Ctrl-C held back: until they can ignore it, it would end them."""

    def submit(self, *arguments: Any, **more: Any) -> futures.Future[Any]:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(*arguments, **more)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_interrupts() -> None:
    """Let the process that owns the study see to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


_built: dict[str, Problem] = {}
"""The problem of the last run in this process, by its settings: data are made or read once."""


def built_problem(scenario: Scenario) -> Problem:
    """Return the problem of a scenario; the last one that was built serves all its runs."""
    key = scenario.problem.model_dump_json()
    if key not in _built:
        problem = problem_of(scenario)
        _built.clear()
        _built[key] = problem
    return _built[key]


def _on_ranks(scenario: Scenario) -> Outcome:
    """Run on MPI ranks, of which this process can't be one again and again."""
    from asysim.runs.kept_run import load_run

    with tempfile.TemporaryDirectory(prefix="asysim-") as folder:
        file, kept = Path(folder) / "scenario.toml", Path(folder) / "run"
        file.write_text(to_toml(scenario), encoding="utf-8")
        words = ["run", str(file), "--on", "mpi", "--out", str(kept), "--no-pictures", "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "asysim", *words], capture_output=True, text=True, check=False
        )
        if not kept.exists():
            said = (done.stderr or done.stdout).strip()
            raise AsysimError(
                f"a run on MPI ranks failed: {said or f'exit code {done.returncode}'}"
            )
        return load_run(kept).outcome
