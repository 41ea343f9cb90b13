"""The same algorithm for real: on threads, on processes, on MPI ranks."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from asysim.backends import backend
from asysim.errors import Fault, InputError, reason
from asysim.replay.room import problem_of

if TYPE_CHECKING:
    from asysim.backends.assignment import Assignment
    from asysim.backends.monitor import Measured, Progress
    from asysim.problems.base import Problem
    from asysim.replay.curve import Evaluation
    from asysim.replay.probe import Probe
    from asysim.runs.outcome import Outcome, Run
    from asysim.runs.row_log import RowLog
    from asysim.scenario import Scenario
    from asysim.trace.recorder import Recorder
    from asysim.trace.trace import Trace


def run_on(
    name: str,
    scenario: Scenario,
    *,
    problem: Problem | None = None,
    folder: str | Path | None = None,
    probes: Sequence[Probe] = (),
    progress: Progress | None = None,
) -> Run:
    """Run a scenario for real; arguments and errors are those of `asysim.run`."""
    from asysim.replay.second_order import probes_of
    from asysim.runs.folder import check_free
    from asysim.runs.outcome import Run
    from asysim.trace.recorder import RowList
    from asysim.trace.trace import Trace

    def build(leads: bool) -> Problem:
        built = problem_of(scenario, problem)
        if leads and on.DIES_WHOLE and folder is not None:
            check_free(Path(folder), scenario, real=True)  # before many workers have come
        return built

    on = backend(name)
    assignment, judge = on.prepare(scenario, build)
    probes = probes_of(scenario, judge, probes)
    if folder is not None:
        return _kept(name, assignment, judge, Path(folder), probes, progress)
    rows = RowList()
    outcome = measure(name, assignment, judge, rows, probes, progress)
    info = replace(assignment.info, status=outcome.status)
    trace = _until(outcome, Trace.joined(rows.rows, info))
    return Run(scenario, trace, outcome, problem=problem)


def _until(outcome: Outcome, rows: Trace) -> Trace:
    """Return rows as far as the run counts.

    A run without a target is evaluated when it is over, and may be found to have diverged before.
    """
    if rows.updates <= outcome.updates:
        return rows
    return rows[: rows.count_before(outcome.updates)]


def _kept(
    name: str, assignment: Assignment, judge: Problem, folder: Path, probes: tuple[Probe, ...],
    progress: Progress | None,
) -> Run:  # fmt: skip
    """Run an assignment and keep it in a folder."""
    from asysim.runs.folder import recording
    from asysim.runs.keeper import Keeper
    from asysim.runs.row_log import RowLog, pieces

    with recording(folder, assignment.scenario, assignment.info) as record:
        with RowLog(record.partial, assignment.info) as log:
            keeper = Keeper(record.partial) if backend(name).DIES_WHOLE else nullcontext()
            with keeper:
                try:
                    outcome = measure(name, assignment, judge, log, probes, progress)
                except OSError as error:
                    raise _no_room(error, record.partial, log.rows) from None
                except KeyboardInterrupt:
                    _say_kept(log, record.partial)
                    raise
        for piece in pieces(record.partial):
            record.trace.write(_until(outcome, piece))
        record.trace.status = outcome.status
        record.trace.close()  # before its rows are nowhere else
        log.remove()
        return record.finish(outcome)


def _say_kept(log: RowLog, partial: Path) -> None:
    """Say what a run leaves that somebody ended while it was concluded."""
    if log.rows:
        told = f"the {log.rows:,} rows so far are kept; `asysim recover {partial}` makes a run"
        print(f"interrupted: {told} of them", file=sys.stderr)
    else:
        log.remove()


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
    name: str, assignment: Assignment, judge: Problem, recorder: Recorder,
    probes: tuple[Probe, ...], progress: Progress | None,
) -> Outcome:  # fmt: skip
    """Run an assignment and say what came of it."""
    from asysim.backends.monitor import Monitor
    from asysim.ground.machine import one_core
    from asysim.ground.process import interruptions
    from asysim.replay.curve import Curve
    from asysim.runs.outcome import ceiling_of, is_target

    def reached(evaluations: Sequence[Evaluation]) -> bool:
        return is_target(assignment.scenario, evaluations)

    with one_core(), interruptions() as asked:
        ceiling = ceiling_of(assignment.scenario, judge, assignment.rules)
        curve = Curve(judge, assignment.scenario.run.cadence, ceiling, probes=probes)
        monitor = Monitor(assignment, curve, reached, recorder, asked)
        with backend(name).open_session(assignment, asked) as session:
            measured = monitor.follow(session, progress)
        return _outcome(name, assignment, judge, measured)


def _outcome(name: str, assignment: Assignment, judge: Problem, measured: Measured) -> Outcome:
    from asysim.runs import outcome as words

    ending, state = measured.ending, measured.state
    notes: tuple[str, ...] = ()
    if measured.reached or not (ending.failure or measured.divergence):
        status, message = words.verdict(assignment.scenario, measured.curve, state)
        notes = words.doubts(assignment.scenario, judge, state, measured.curve)
    if measured.divergence is not None:
        status = words.DIVERGED
        message = words.diverged(measured.divergence)
    elif measured.reached:
        pass
    elif ending.failure:
        status = words.CUT_SHORT
        message = f"{ending.failure}; the {state.updates:,} updates before are kept"
    elif measured.interrupted:
        status = words.INTERRUPTED
        message = f"interrupted after {state.updates:,} updates, which are kept"
    return words.Outcome(
        tuple(measured.curve.points), state.x, measured.x_ergodic, measured.ergodic_index,
        state.updates, status, message, {"backend": name} | ending.facts,
        assignment.rules.theorem, notes,
    )  # fmt: skip
