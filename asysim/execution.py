"""A scenario in, a Run out: the schedule drives the mathematics until something ends the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from asysim.errors import unfit
from asysim.interruption import interruptions
from asysim.outcome import (
    COMPLETE,
    DEADLOCK,
    DIVERGED,
    INTERRUPTED,
    REACHED,
    Outcome,
    Run,
    is_target,
    verdict,
)
from asysim.problems.base import Problem
from asysim.recorder import Recorder, RowList, Tap
from asysim.replay import Divergence, State, replay
from asysim.replay.curve import Curve, frame
from asysim.replay.ergodic import ErgodicOutput
from asysim.replay.rules.build import Rules, rules_of
from asysim.replayable import check_replayable
from asysim.scenario import Scenario
from asysim.schedule import simulate, trace_info
from asysim.schedule.deadlock import Deadlock
from asysim.stream import Stream, as_stream, limited
from asysim.trace import Trace

__all__ = ["Progress", "Run", "computed_as", "execute", "rerun", "run"]

Progress = Callable[[State], None]


def run(
    scenario: Scenario,
    *,
    on: str | None = None,
    problem: Problem | None = None,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Simulate a scenario's schedule and compute every gradient in it; or run it for real.

    Parameters
    ----------
    scenario
        From `asysim.load`.
    on
        ``threads``, ``processes`` or ``mpi`` runs the algorithm for real, and measures what a
        simulation would model. With ``mpi`` every rank calls this. It returns, or raises, on rank 0
        only: the others leave, with exit code 2 if something given can't be used.
    problem
        An objective of your own, instead of the scenario's.
    folder
        Where to keep the run; the trace is then written there as it comes.
    progress
        Called just before each update.

    Raises
    ------
    InputError
        If the problem can't be built as the scenario says, or lacks a constant that is needed; or
        a real backend can't do what the scenario asks for.
    ValueError
        If a run with a problem of your own is to be kept: nothing in the folder could make it.
    """
    if problem is not None and folder is not None:
        raise ValueError("a run folder can't hold a problem of your own; keep run.trace instead")
    if on is not None:
        from asysim.backends import run_on

        return run_on(on, scenario, problem=problem, folder=folder, progress=progress)
    problem = scenario.problem.build() if problem is None else problem
    rules = rules_of(scenario, problem)
    stream = limited(
        simulate(scenario, problem.dimension),
        updates=scenario.run.updates,
        seconds=scenario.run.seconds,
    )
    if folder is not None:
        from asysim.folder import recording

        with recording(Path(folder), scenario, trace_info(scenario, problem.dimension)) as record:
            outcome = execute(scenario, stream, problem, record.trace, rules, progress)
            return record.finish(outcome)
    parts = RowList()
    outcome = execute(scenario, stream, problem, parts, rules, progress)
    info = replace(trace_info(scenario, problem.dimension), status=outcome.status)
    return Run(scenario, Trace.joined(parts.rows, info), outcome)


def rerun(
    trace: Trace,
    scenario: Scenario,
    *,
    problem: Problem | None = None,
    progress: Progress | None = None,
) -> Run:
    """Compute the gradients of a recorded trace, perhaps with another step length or update rule.

    Parameters
    ----------
    trace
        What happened when; it decides the schedule, whatever the scenario says of it.
    scenario
        What is computed.
    problem
        An objective of your own, instead of the scenario's.
    progress
        Called just before each update.

    Raises
    ------
    InputError
        If the trace does not hold what replay needs, or the problem lacks a constant.
    """
    problem = scenario.problem.build() if problem is None else problem
    check_replayable(trace, scenario, problem)
    problem = computed_as(trace.info.arithmetic, problem)
    rules = rules_of(scenario, problem, workers=trace.info.workers)
    outcome = execute(scenario, as_stream(trace), problem, RowList(), rules, progress)
    return Run(scenario, trace, outcome)


def computed_as(arithmetic: str, problem: Problem) -> Problem:
    """Return the problem with its gradients computed as a trace's were.

    Raises
    ------
    InputError
        If it has no compiled form, but the trace was made by one.
    """
    if arithmetic == "numpy":
        return problem
    from asysim.problems.compiled import CompiledProblem, model_of

    if model_of(problem) is None:
        raise unfit("problem", type(problem).__name__, "one with compiled gradients, as recorded")
    return CompiledProblem(problem)


def execute(
    scenario: Scenario,
    stream: Stream,
    problem: Problem,
    recorder: Recorder,
    rules: Rules,
    progress: Progress | None = None,
) -> Outcome:
    """Pull a stream until it is over, a target is reached, x diverges, or somebody interrupts."""
    from threadpoolctl import threadpool_limits

    algorithm, step = scenario.algorithm, rules.step
    state = State(problem.start())
    curve = Curve(problem, scenario.run.cadence)
    ergodic = ErgodicOutput(scenario.seed)
    tap = Tap(stream, recorder)
    status, message = COMPLETE, ""
    # Other threads of BLAS would only wait for one another at these sizes.
    with threadpool_limits(1), np.errstate(all="ignore"), interruptions() as interrupted:
        try:
            for _ in replay(
                tap.blocks(),
                problem,
                step=step,
                update=rules.update,
                batch_size=algorithm.batch_size,
                seed=scenario.seed,
                rule=algorithm.name,
                state=state,
            ):
                if progress is not None:
                    progress(state)
                if interrupted():
                    status = INTERRUPTED
                    message = f"interrupted after {state.updates:,} updates, which are kept"
                    break
                if curve.due(state) and is_target(scenario, curve.record(state)):
                    break
                now = step if isinstance(step, float) else step.at(state.updates)
                ergodic.offer(state.x, state.updates, now)
            tap.stop_before(state.updates)
            if status != INTERRUPTED:
                status, message = verdict(scenario, curve, state)
            else:
                curve.record(state)
        except Divergence as divergence:
            status, message = DIVERGED, f"{divergence}; try a smaller algorithm.step"
            tap.stop_before(state.updates)
        except Deadlock as deadlock:
            tap.stop()
            status, message = verdict(scenario, curve, state)
            if status != REACHED:
                status = DEADLOCK
                message = f"{deadlock}; the {state.updates:,} updates before are kept"
    x_ergodic = state.x.copy() if ergodic.x is None else ergodic.x
    return Outcome(
        frame(curve.points), state.x, x_ergodic, max(0, ergodic.index), state.updates, status,
        message,
    )  # fmt: skip
