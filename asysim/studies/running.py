"""Runs the runs of a study: in processes of their own if simulated, one by one if real."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

from asysim.errors import AsysimError
from asysim.ground.cores import usable_cores
from asysim.ground.offspring import (
    UNGUARDED,
    exit_codes,
    leave_if_coming_up,
    may_have_children,
    unguarded,
)
from asysim.problems.base import Problem
from asysim.replay.room import problem_of
from asysim.runs.outcome import INTERRUPTED, Outcome
from asysim.scenario import Scenario, parse, to_toml, vary
from asysim.studies.attempt import Attempt
from asysim.studies.resize import with_workers

Job = tuple[int, int]
"""A number of workers and a seed."""


@dataclass(frozen=True)
class Task:
    """A run to be simulated, as it travels to another process.

    Attributes
    ----------
    text
        The scenario as TOML.
    workers, seed
        What is changed in it.
    """

    text: str
    workers: int
    seed: int


def simulate_attempt(task: Task, problem: Problem | None = None) -> Attempt | None:
    """Simulate one run; None if it was interrupted."""
    from asysim.runs.replayed import compute

    varied = with_workers(_scenario(task.text), task.workers, f"seed={task.seed}")
    if problem is None:
        problem = _problem(varied)
    outcome = compute(varied, problem=problem)
    return None if outcome.status == INTERRUPTED else Attempt.of(varied, outcome)


def real_attempt(scenario: Scenario, job: Job, on: str, problem: Problem | None) -> Attempt | None:
    """Make one real run; None if it was interrupted.

    To evaluate x takes a core, which the workers need. So a run goes on to its last update, and is
    evaluated when it is over; unless it is emulated, when cores are free and time is dear.
    """
    from asysim.runs.run import run

    workers, seed = job
    varied = made = with_workers(scenario, workers, f"seed={seed}")
    if made.run.updates is not None and not (made.backend is not None and made.backend.emulate):
        made = vary(varied, "run.target_loss=", "run.target_gradient=")
    outcome = _on_ranks(made) if on == "mpi" else run(made, on=on, problem=problem).outcome
    return None if outcome.status == INTERRUPTED else Attempt.of(varied, outcome)


def simulated(
    tasks: Sequence[Task],
    *,
    problem: Problem | None = None,
    processes: int = 1,
    executor: Executor | None = None,
) -> Iterator[Attempt]:
    """Yield simulated runs as they are done; large ones begin first.

    Raises
    ------
    InputError
        If the processes ran the script that started them, for want of a main guard.
    AsysimError
        If one of the processes is killed.
    """
    ordered = sorted(tasks, key=lambda task: (-task.workers, task.seed))
    if executor is None and (processes == 1 or len(tasks) <= 1):
        for task in ordered:
            attempt = simulate_attempt(task, problem)
            if attempt is None:
                raise KeyboardInterrupt
            yield attempt
        return
    with pool_of(processes) if executor is None else nullcontext(executor) as pool:
        waiting = [pool.submit(simulate_attempt, task, problem) for task in ordered]
        # For their exit codes, which a broken pool has no public way to tell; absent elsewhere.
        started = list((getattr(pool, "_processes", None) or {}).values())
        try:
            for future in as_completed(waiting):
                attempt = future.result()
                if attempt is None:
                    raise KeyboardInterrupt
                yield attempt
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
def pool_of(processes: int) -> Iterator[Executor]:
    """Yield an executor of so many processes; if anything is raised, they are ended at once."""
    pool = ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_leave_interrupts
    )
    try:
        yield pool
    except BaseException:
        workers = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:  # a long run would be waited for at exit
            worker.terminate()
        raise
    pool.shutdown()


def _leave_interrupts() -> None:
    """Let the process that owns the study see to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@lru_cache(maxsize=1)
def _scenario(text: str) -> Scenario:
    return parse(text)


_built: dict[str, Problem] = {}
"""The problem of the last run in this process, by its settings: data are made or read once."""


def _problem(scenario: Scenario) -> Problem:
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
