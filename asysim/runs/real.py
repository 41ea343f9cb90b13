"""The same algorithm for real: on threads, on processes, on MPI ranks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from asysim.backends.supports import check_suited
from asysim.errors import Fault, InputError, reason, unfit
from asysim.ground.exit_codes import BAD_INPUT, OK
from asysim.ground.offspring import check_children, leave_if_coming_up
from asysim.replay.room import problem_of

if TYPE_CHECKING:
    from asysim.backends.plan import Plan
    from asysim.backends.session import Asked, Session
    from asysim.backends.watch import Measured, Progress
    from asysim.problems.base import Problem
    from asysim.replay.curve import Evaluation
    from asysim.runs.outcome import Outcome, Run
    from asysim.runs.spool import Spool
    from asysim.scenario import Scenario
    from asysim.trace.recorder import Recorder
    from asysim.trace.trace import Trace

BACKENDS = ("threads", "processes", "mpi")


def run_on(
    backend: str,
    scenario: Scenario,
    *,
    problem: Problem | None = None,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run a scenario for real; arguments and errors are those of `asysim.run`."""
    from asysim.backends.plan import prepare
    from asysim.runs.outcome import Run
    from asysim.trace.recorder import RowList
    from asysim.trace.trace import Trace

    if backend not in BACKENDS:
        raise unfit("--on", backend, "one of " + ", ".join(BACKENDS), "command line")
    if backend == "mpi":
        plan, judge = _lead(scenario, problem, folder)
    else:
        if backend == "processes":
            check_children("on", 'on="threads"')
            leave_if_coming_up()
        check_suited(scenario, backend)
        problem = problem_of(scenario) if problem is None else problem
        plan, judge = prepare(backend, scenario, problem)
    if folder is not None:
        return _kept(backend, plan, judge, Path(folder), progress)
    rows = RowList()
    outcome = measure(backend, plan, judge, rows, progress)
    info = replace(plan.info, status=outcome.status)
    return Run(scenario, _until(outcome, Trace.joined(rows.rows, info)), outcome)


def _until(outcome: Outcome, rows: Trace) -> Trace:
    """Return rows as far as the run counts.

    A run without a target is evaluated when it is over, and may be found to have diverged before.
    """
    import numpy as np

    if rows.updates <= outcome.updates:
        return rows
    return rows[: int(np.searchsorted(rows.updates_before, outcome.updates))]


def _lead(
    scenario: Scenario, problem: Problem | None, folder: str | Path | None
) -> tuple[Plan, Problem]:
    """Return what `prepare` does, on rank 0; on every other one be a worker, and then leave.

    Nobody begins unless every rank can. If one can't, rank 0 raises, and the others leave at once.
    """
    from asysim.backends.mpi import check_size, serve, world
    from asysim.backends.mpi.agreement import agreement
    from asysim.backends.mpi.crew import expect
    from asysim.backends.plan import prepare
    from asysim.runs.folder import check_free

    rank, size = world()
    if size != scenario.workers.count + 1:
        check_size(scenario)  # says so, on rank 0
        raise SystemExit(BAD_INPUT)
    with agreement():
        check_suited(scenario, "mpi")
        problem = problem_of(scenario) if problem is None else problem
        prepared = None
        if rank == 0:
            if folder is not None:
                check_free(Path(folder), scenario, real=True)
            prepared = prepare("mpi", scenario, problem)
    if prepared is None:
        serve(scenario, problem)
        raise SystemExit(OK)
    expect()
    return prepared


def _kept(backend: str, plan: Plan, judge: Problem, folder: Path, progress: Progress | None) -> Run:
    """Run a plan and keep it in a folder."""
    from asysim.runs.folder import recording
    from asysim.runs.keeper import Keeper
    from asysim.runs.spool import Spool, pieces

    with recording(folder, plan.scenario, plan.info) as record:
        with Spool(record.partial, plan.info) as spool:
            keeper = Keeper(record.partial) if backend == "mpi" else nullcontext()
            with keeper:
                try:
                    outcome = measure(backend, plan, judge, spool, progress)
                except OSError as error:
                    raise _no_room(error, record.partial, spool.rows) from None
                except KeyboardInterrupt:
                    _say_kept(spool, record.partial)
                    raise
        for piece in pieces(record.partial):
            record.trace.write(_until(outcome, piece))
        record.trace.status = outcome.status
        record.trace.close()  # before its rows are nowhere else
        spool.remove()
        return record.finish(outcome)


def _say_kept(spool: Spool, partial: Path) -> None:
    """Say what a run leaves that somebody ended while it was concluded."""
    if spool.rows:
        told = f"the {spool.rows:,} rows so far are kept; `asysim recover {partial}` makes a run"
        print(f"interrupted: {told} of them", file=sys.stderr)
    else:
        spool.remove()


def _no_room(error: OSError, partial: Path, rows: int) -> InputError:
    return InputError(
        Fault(
            key="run folder",
            found=reason(error),
            expected=f"should have room for the trace; the {rows:,} rows so far are in it, and "
            f"`asysim recover {partial}` makes a run of them",
            source=str(partial),
        )
    )


def measure(
    backend: str, plan: Plan, judge: Problem, recorder: Recorder, progress: Progress | None
) -> Outcome:
    """Run a plan and say what came of it."""
    import numpy as np
    import scipy.linalg  # noqa: F401  (so that its BLAS is there to be limited)
    from threadpoolctl import threadpool_limits

    from asysim.backends.watch import Watch
    from asysim.ground.interruption import interruptions
    from asysim.runs.outcome import ceiling_of, is_target

    def reached(evaluations: Sequence[Evaluation]) -> bool:
        return is_target(plan.scenario, evaluations)

    with threadpool_limits(1), np.errstate(all="ignore"), interruptions() as asked:
        ceiling = ceiling_of(plan.scenario, judge, plan.rules)
        watch = Watch(plan, judge, reached, ceiling, recorder, asked)
        with _session(backend, plan, asked) as session:
            measured = watch.follow(session, progress)
        return _outcome(backend, plan, judge, measured)


def _session(backend: str, plan: Plan, asked: Asked) -> Session:
    if backend == "threads":
        from asysim.backends.shared.threads import ThreadSession

        return ThreadSession(plan, asked)
    if backend == "processes":
        from asysim.backends.shared.processes import ProcessSession

        return ProcessSession(plan, asked)
    from asysim.backends.mpi import open_session

    return open_session(plan, asked)


def _outcome(backend: str, plan: Plan, judge: Problem, measured: Measured) -> Outcome:
    from asysim.replay.state import Divergence
    from asysim.runs.outcome import (
        CUT_SHORT,
        DIVERGED,
        INTERRUPTED,
        Outcome,
        diverged,
        doubts,
        verdict,
    )

    ending, state = measured.ending, measured.state
    notes: tuple[str, ...] = ()
    if measured.reached or not (ending.failure or ending.diverged is not None):
        status, message = verdict(plan.scenario, measured.curve, state)
        notes = doubts(plan.scenario, judge, state, measured.curve)
    if ending.diverged is not None:
        status = DIVERGED
        message = diverged(measured.divergence or Divergence(ending.diverged))
    elif measured.reached:
        pass
    elif ending.failure:
        status = CUT_SHORT
        message = f"{ending.failure}; the {state.updates:,} updates before are kept"
    elif measured.interrupted:
        status = INTERRUPTED
        message = f"interrupted after {state.updates:,} updates, which are kept"
    return Outcome(
        tuple(measured.curve.points), state.x, measured.x_ergodic, measured.ergodic_index,
        state.updates, status, message, {"backend": backend} | ending.facts,
        plan.rules.theorem, notes,
    )  # fmt: skip
