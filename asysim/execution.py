"""A scenario in, a Run out: the schedule drives the mathematics until something ends the run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from asysim.errors import Fault, InputError
from asysim.problems.base import Problem, Vector
from asysim.replay import Divergence, State, replay
from asysim.replay.curve import Curve, frame
from asysim.replay.ergodic import ErgodicOutput
from asysim.scenario import Scenario
from asysim.schedule import simulate, trace_info
from asysim.stream import Block, Stream, as_stream, limited
from asysim.trace import LOST, Trace

if TYPE_CHECKING:
    import pandas as pd

COMPLETE, REACHED, MISSED = "complete", "target reached", "target not reached"
DIVERGED, INTERRUPTED = "diverged", "interrupted"

Progress = Callable[[State], None]


class Recorder(Protocol):
    """Where the rows of a run go as they are used up: a list, or a file."""

    def write(self, rows: Trace) -> None:
        """Append rows."""
        ...


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the mathematics came to.

    Attributes
    ----------
    curve
        Table of evaluations; columns as in `asysim.replay.curve.Point`.
    x
        The last iterate, shape (n,).
    x_ergodic
        One iterate at random, x_k with probability γ_k / Σγ; what the theorems speak of.
    ergodic_index
        Its k.
    updates
        Updates made.
    status
        One of the words of this module.
    message
        One sentence for a person.
    """

    curve: pd.DataFrame
    x: Vector
    x_ergodic: Vector
    ergodic_index: int
    updates: int
    status: str
    message: str


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run: the scenario, what happened when, and what came of it.

    Attributes
    ----------
    scenario
        Resolved: every default filled in.
    trace
        What happened when.
    outcome
        What came of it.
    folder
        Where it is kept, if it is.
    """

    scenario: Scenario
    trace: Trace
    outcome: Outcome
    folder: Path | None = field(default=None)

    @property
    def curve(self) -> pd.DataFrame:
        """Loss and ‖∇f‖² against updates, gradients and seconds."""
        return self.outcome.curve

    @property
    def x(self) -> Vector:
        """The last iterate, shape (n,)."""
        return self.outcome.x

    @property
    def status(self) -> str:
        """How the run ended."""
        return self.outcome.status

    def __repr__(self) -> str:
        return f"Run({self.scenario.name}: {self.outcome.message}; {self.trace!r})"

    def _repr_html_(self) -> str:
        from asysim.show.html import run_html

        return run_html(self)


def run(
    scenario: Scenario,
    *,
    problem: Problem | None = None,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Simulate a scenario's schedule and compute every gradient in it.

    Parameters
    ----------
    scenario
        From `asysim.load`.
    problem
        An objective of your own, instead of the scenario's.
    folder
        Where to keep the run; the trace is then written there as it comes.
    progress
        Called just before each update.

    Raises
    ------
    InputError
        If the problem can't be built as the scenario says.
    """
    problem = scenario.problem.build() if problem is None else problem
    stream = limited(
        simulate(scenario, problem.dimension),
        updates=scenario.run.updates,
        seconds=scenario.run.seconds,
    )
    if folder is not None:
        from asysim.folder import recording

        with recording(Path(folder), scenario, problem.dimension) as record:
            return record.finish(execute(scenario, stream, problem, record.trace, progress))
    parts = _Parts()
    outcome = execute(scenario, stream, problem, parts, progress)
    info = replace(trace_info(scenario, problem.dimension), status=outcome.status)
    return Run(scenario, Trace.joined(parts.rows, info), outcome)


def rerun(trace: Trace, scenario: Scenario, *, progress: Progress | None = None) -> Run:
    """Compute the gradients of a recorded trace, perhaps with another step length or update rule.

    Parameters
    ----------
    trace
        What happened when; it decides the schedule, whatever the scenario says of it.
    scenario
        What is computed.

    Raises
    ------
    InputError
        If the trace does not hold what replay needs.
    """
    problem = scenario.problem.build()
    _check_replayable(trace, scenario, problem)
    outcome = execute(scenario, as_stream(trace), problem, _Parts(), progress)
    return Run(scenario, trace, outcome)


def execute(
    scenario: Scenario,
    stream: Stream,
    problem: Problem,
    recorder: Recorder,
    progress: Progress | None = None,
) -> Outcome:
    """Pull a stream until it is over, a target is reached, x diverges, or somebody interrupts."""
    from threadpoolctl import threadpool_limits

    algorithm, length = scenario.algorithm, scenario.run
    state = State(problem.start())
    curve = Curve(problem, length.cadence)
    ergodic = ErgodicOutput(scenario.seed)
    tap = _Tap(stream, recorder)
    status, message = COMPLETE, ""
    # Other threads of BLAS would only wait for one another at these sizes.
    with threadpool_limits(1), np.errstate(all="ignore"), _interruptions() as interrupted:
        try:
            for _ in replay(
                tap.blocks(),
                problem,
                step=algorithm.step,
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
                if curve.due(state) and _reached(scenario, curve, state):
                    break
                ergodic.offer(state.x, state.updates, algorithm.step)
            tap.stop_before(state.updates)
            if status != INTERRUPTED:
                status, message = _verdict(scenario, curve, state)
            else:
                curve.record(state)
        except Divergence as divergence:
            status, message = DIVERGED, f"{divergence}; try a smaller algorithm.step"
            tap.stop_before(state.updates)
    x_ergodic = state.x.copy() if ergodic.x is None else ergodic.x
    return Outcome(
        frame(curve.points), state.x, x_ergodic, max(0, ergodic.index), state.updates, status,
        message,
    )  # fmt: skip


def _reached(scenario: Scenario, curve: Curve, state: State) -> bool:
    length, point = scenario.run, curve.record(state)
    loss, gradient = length.target_loss, length.target_gradient
    return (loss is not None and point.loss <= loss) or (
        gradient is not None and point.gradient_norm2 <= gradient
    )


def _verdict(scenario: Scenario, curve: Curve, state: State) -> tuple[str, str]:
    reached, point = _reached(scenario, curve, state), curve.points[-1]
    if not scenario.run.has_target:
        return COMPLETE, f"{state.updates:,} updates, loss {point.loss:.6g}"
    now = f"loss {point.loss:.6g} and ‖∇f‖² {point.gradient_norm2:.6g}"
    if reached:
        return REACHED, f"target reached after {state.updates:,} updates: {now}"
    wanted = [
        f"{name} ≤ {value:g}"
        for name, value in (
            ("loss", scenario.run.target_loss),
            ("‖∇f‖²", scenario.run.target_gradient),
        )
        if value is not None
    ]
    return MISSED, (
        f"target not reached: wanted {' or '.join(wanted)}, "
        f"but {now} after {state.updates:,} updates"
    )


class _Parts:
    """A recorder in memory."""

    def __init__(self) -> None:
        self.rows: list[Trace] = []

    def write(self, rows: Trace) -> None:
        self.rows.append(rows)


class _Tap:
    """Records the blocks of a stream once they are used up, the last one as far as it was used."""

    def __init__(self, stream: Stream, recorder: Recorder) -> None:
        self._stream = stream
        self._recorder = recorder
        self._open: Trace | None = None

    def blocks(self) -> Iterator[Block]:
        for block in self._stream:
            self._flush()
            self._open = block.rows
            yield block
        self._flush()

    def stop_before(self, update: int) -> None:
        """Record what came before this update of the block that is being used."""
        if self._open is not None:
            end = int(np.searchsorted(self._open.updates_before, update))
            self._open = self._open[:end]
        self._flush()

    def _flush(self) -> None:
        if self._open is not None and len(self._open):
            self._recorder.write(self._open)
        self._open = None


@contextmanager
def _interruptions() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a question that is asked between two updates.

    So x, the trace and the curve all end at the same update. A second Ctrl-C stops at once.
    """
    asked = False

    def ask(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked = True

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _impossible(trace: Trace) -> list[Fault]:
    """Return what is wrong with rows that no schedule could have made: the first of each kind."""
    applied = trace.update[trace.was_applied]
    steps = np.diff(applied, prepend=trace.updates_at_start - 1)
    steps[0:1] += applied[0:1] == trace.updates_at_start - 1
    gap = np.zeros(len(trace), dtype=bool)
    gap[trace.was_applied] = (steps != 0) & (steps != 1)
    kinds = {
        "worker": ((trace.worker < 0) | (trace.worker >= trace.info.workers), trace.worker,
                   f"a worker is one of 0 … {trace.info.workers - 1}"),
        "draw": (trace.draw < 0, trace.draw, "a draw is counted from 0"),
        "update": ((trace.update < LOST) | gap, trace.update,
                   "updates are numbered from 0 without a gap; −1 is a lost gradient"),
        "version": ((trace.version < 0) | (trace.age < 0), trace.version,
                    "a version is between 0 and the updates made before the row's own"),
    }  # fmt: skip
    return [
        Fault(f"{name} of row {row}", str(column[row]), expected)
        for name, (wrong, column, expected) in kinds.items()
        for row in np.flatnonzero(wrong)[:1]
    ]


def _check_replayable(trace: Trace, scenario: Scenario, problem: Problem) -> None:
    info, algorithm = trace.info, scenario.algorithm
    faults = _impossible(trace)
    if not info.exact:
        faults.append(
            Fault(
                key="trace",
                found="reads that could not be observed (exact = false)",
                expected="can't be replayed: a real lock-free run does not say what its reads saw",
            )
        )
    if algorithm.write != "dense" and trace.sweeps is None:
        faults.append(
            Fault(
                key="algorithm.write",
                found=f'"{algorithm.write}"',
                expected='should be "dense": this trace has consistent reads, and names no blocks',
            )
        )
    if algorithm.name == "asysg-incon" and len(trace.staleness) != trace.updates:
        faults.append(
            Fault(
                key="algorithm.name",
                found='"asysg-incon"',
                expected='should be "asysg-con": this trace folds several gradients into an update',
            )
        )
    if trace.sweeps is not None and info.dimension != problem.dimension:
        faults.append(
            Fault(
                key="problem",
                found=f"{problem.dimension} coordinates",
                expected=f"should have {info.dimension}, as the recorded sweeps do",
            )
        )
    if faults:
        raise InputError(faults)
