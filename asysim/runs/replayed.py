"""The schedule, simulated or recorded, drives the mathematics until something ends the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from asysim.errors import InputError, UnplayableError
from asysim.ground.machine import one_thread
from asysim.ground.process import BrokenOff, interruptions
from asysim.problems.base import Problem
from asysim.replay import Divergence, State
from asysim.replay.curve import Curve
from asysim.replay.ergodic import ErgodicOutput
from asysim.replay.executor import Executor, Pace, computed, executor_of
from asysim.replay.probe import Probe
from asysim.replay.room import memory_told, problem_of
from asysim.replay.second_order import probes_of
from asysim.replay.update_rule import Rules, rules_of
from asysim.runs.checkpoint import Checkpoint
from asysim.runs.checkpoints import Checkpoints, StillCatchingUp
from asysim.runs.made_with import own_code
from asysim.runs.outcome import (
    COMPLETE,
    CUT_SHORT,
    DEADLOCK,
    DIVERGED,
    INTERRUPTED,
    MISSED,
    Outcome,
    Run,
    ceiling_of,
    diverged,
    doubts,
    is_target,
    verdict,
)
from asysim.runs.replayable import check_replayable
from asysim.scenario import Scenario
from asysim.schedule import simulate, trace_info
from asysim.schedule.deadlock import Deadlock
from asysim.schedule.from_file import check_length, end_of_file
from asysim.trace.info import TraceInfo
from asysim.trace.recorder import Forgetful, Recorder, RowList, Tap
from asysim.trace.row_table import BLOCK_SIZE
from asysim.trace.stream import Stream, as_stream, limited
from asysim.trace.trace import Trace

Progress = Callable[[State], None]
Stop = Callable[[Curve, State], bool]
"""Told of each evaluation; True ends the run there."""

_MOST_ROWS = 2**18  # in a block, unless there are more workers
_LONG = 4096  # coordinates


def compute(
    scenario: Scenario,
    *,
    problem: Problem | None = None,
    progress: Progress | None = None,
    stop: Stop | None = None,
    octave: int | None = None,
) -> Outcome:
    """Simulate a scenario as `run` does, and keep nothing of its schedule.

    With `octave` it is evaluated so many times whenever k doubles, whatever its cadence.
    """
    return prepared_for(scenario, problem).execute(Forgetful(), progress, stop=stop, octave=octave)


@dataclass(frozen=True)
class Prepared:
    """What is computed, and how, settled before anything is."""

    scenario: Scenario
    problem: Problem
    rules: Rules
    info: TraceInfo
    together: int
    probes: tuple[Probe, ...] = ()

    def execute(
        self, recorder: Recorder, progress: Progress | None,
        checkpoints: Checkpoints | None = None, stop: Stop | None = None,
        octave: int | None = None,
    ) -> Outcome:  # fmt: skip
        scenario, n = self.scenario, self.problem.dimension
        size = _rows_at_once(scenario.workers.count, n)
        if scenario.run.updates is not None:  # a short run plays no more than it needs
            size = min(size, scenario.run.updates)
        with memory_told():
            stream = limited(
                simulate(scenario, n, block_size=size),
                updates=scenario.run.updates,
                seconds=scenario.run.seconds,
            )
            outcome = execute(
                scenario, stream, self.problem, recorder, self.rules, progress,
                together=self.together, checkpoints=checkpoints, probes=self.probes, stop=stop,
                octave=octave,
            )  # fmt: skip
        if outcome.status not in (COMPLETE, MISSED):
            return outcome
        return replace(outcome, notes=(*outcome.notes, *end_of_file(scenario, outcome.updates)))


def prepared_for(
    scenario: Scenario, problem: Problem | None = None, probes: Sequence[Probe] = ()
) -> Prepared:
    """Return what is to be computed, and measured besides.

    Raises
    ------
    InputError
        If the problem can't be built as the scenario says, or lacks a constant that is needed; or
        the columns of a probe can't stand in a curve; or a schedule is of x of another length.
    """
    problem = problem_of(scenario, problem)
    check_length(scenario, problem.dimension)
    probes = probes_of(scenario, problem, probes)
    rules = rules_of(scenario, problem)
    problem, arithmetic, together = computed(scenario, problem)
    info = replace(trace_info(scenario, problem.dimension), arithmetic=arithmetic)
    return Prepared(scenario, problem, rules, info, together, probes)


def rerun(
    trace: Trace,
    scenario: Scenario,
    *,
    problem: Problem | None = None,
    probes: Sequence[Probe] = (),
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
    probes
        As for `asysim.run`.
    progress
        Called many times a second, just before an update; and whenever x is to be evaluated.

    Raises
    ------
    InputError
        If the trace does not hold what replay needs, or the problem lacks a constant.
    """
    objective = problem_of(scenario, problem)
    check_replayable(trace, scenario, objective)
    probes = probes_of(scenario, objective, probes)
    rules = rules_of(scenario, objective, workers=trace.info.workers)
    objective, _, together = computed(scenario, objective, trace.info)
    stream = as_stream(trace)
    outcome = execute(
        scenario, stream, objective, RowList(), rules, progress, together=together, probes=probes
    )
    return Run(scenario, trace, outcome, problem=problem)


def _rows_at_once(workers: int, dimension: int) -> int:
    """Return how long a block of the stream is to be: replay keeps each x that is held at its end.

    Short ones stay in the cache; where x is long, that matters less than to keep it seldom.
    """
    return max(BLOCK_SIZE, min((64 if dimension > _LONG else 16) * workers, _MOST_ROWS))


def execute(
    scenario: Scenario,
    stream: Stream,
    problem: Problem,
    recorder: Recorder,
    rules: Rules,
    progress: Progress | None = None,
    *,
    together: int = 1,
    checkpoints: Checkpoints | None = None,
    probes: tuple[Probe, ...] = (),
    stop: Stop | None = None,
    octave: int | None = None,
) -> Outcome:
    """Pull a stream until it is over, a target is reached, x diverges, or somebody interrupts.

    Raises
    ------
    StillCatchingUp
        If somebody interrupts before a run that goes on has come to where it was.
    Unequal
        If it does not come there.
    """
    checkpoints = Checkpoints() if checkpoints is None else checkpoints
    ceiling = ceiling_of(scenario, problem, rules)
    ergodic = ErgodicOutput(scenario.seed, rules.step)
    status, message = COMPLETE, ""
    notes: tuple[str, ...] = ()
    with one_thread(), np.errstate(all="ignore"), interruptions() as interrupted:
        tap = Tap(interrupted.pulled(stream), recorder)
        blocks = tap.blocks()
        begun = checkpoints.begun or Checkpoint.at_start(problem)
        state = begun.state
        begun.check(problem)
        curve = begun.curve(problem, scenario.run.cadence, ceiling, probes)
        curve.octave = octave
        try:
            for _ in begun.skip(blocks, checkpoints.recorded):
                pass  # whoever interrupts is heard when the next block is pulled
        except BrokenOff:
            raise StillCatchingUp from None
        ergodic.go_on(state.updates, begun.x_ergodic)
        own = own_code(scenario)
        blocks = checkpoints.watch(
            blocks,
            lambda count, last: Checkpoint.of(
                count, last, state, replaying.standing(), curve, ergodic, own
            ),
        )
        replaying = executor_of(scenario, blocks, problem, rules, state, begun.standing, together)
        try:
            try:
                for _ in _looks(replaying, state, curve, ergodic):
                    if progress is not None:
                        progress(state)
                    tap.keep(state.updates)
                    if interrupted():
                        raise BrokenOff
                    if curve.due(state):
                        curve.record(state)
                        if is_target(scenario, curve.points) or (stop and stop(curve, state)):
                            break
                tap.stop_before(state.updates)
            except BrokenOff:
                if state.updates < checkpoints.least:
                    raise StillCatchingUp from None
                tap.stop_before(state.updates)
                status = INTERRUPTED
                message = f"interrupted after {state.updates:,} updates, which are kept"
            except (Deadlock, UnplayableError) as found:
                deadlock = isinstance(found, Deadlock)
                if state.updates == 0 and not deadlock:  # it can't be played at all
                    raise
                tap.stop()
                status = DEADLOCK if deadlock else CUT_SHORT
                message = f"{found}; the {state.updates:,} updates before are kept"
            curve.record(state)
            if status == COMPLETE or (status == DEADLOCK and is_target(scenario, curve.points)):
                status, message = verdict(scenario, curve, state)
                notes = doubts(scenario, problem, state, curve)
        except Divergence as divergence:
            status, message = DIVERGED, diverged(divergence)
            tap.stop_before(state.updates)
        except BaseException:
            with suppress(InputError):  # such as that nothing can be recorded any more
                tap.stop_before(state.updates)
            raise
    x_ergodic = state.x.copy() if ergodic.x is None else ergodic.x
    return Outcome(
        tuple(curve.points), state.x.copy(), x_ergodic, max(0, ergodic.index),
        state.updates, status, message, theorem=rules.theorem, notes=notes,
    )  # fmt: skip


def _looks(
    replaying: Executor, state: State, curve: Curve, ergodic: ErgodicOutput
) -> Iterator[None]:
    """Make all updates, and yield before some: often enough, and wherever x is to be evaluated."""
    pace = Pace()
    goes_on = replaying.advance(0)
    while goes_on:
        yield
        k = state.updates
        if ergodic.due(k + 1) == k:
            ergodic.take(state.x)
        goes_on = pace.advance(replaying, ergodic.due(min(k + pace.updates, curve.next(k))))
