"""Follows a real run: records its rows, evaluates copies of x, stops it in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from asysim.backends.assignment import Assignment
from asysim.backends.session import PATIENCE, Asked, Ending, Session
from asysim.ground.arrays import Vector
from asysim.replay.curve import Curve, Evaluation
from asysim.replay.state import Divergence, State
from asysim.trace.recorder import Recorder
from asysim.trace.trace import Trace

_SLICE = 0.05  # seconds between two looks at the run
_MOST_BYTES = 2**30  # of copies of x that wait to be evaluated

Progress = Callable[[State], None]
Reached = Callable[[Sequence[Evaluation]], bool]


@dataclass(frozen=True, eq=False)
class Measured:
    """What a real run came to, before anything is said of it."""

    curve: Curve
    state: State  # x and the counts at the end
    ergodic_index: int
    x_ergodic: Vector
    reached: bool  # whether a target was
    interrupted: bool  # whether somebody asked for the end
    ending: Ending
    divergence: Divergence | None = None  # if one ended the run


class Monitor:
    """Follows one session to its end.

    Parameters
    ----------
    assignment
        What is done.
    curve
        Evaluates copies of x, by a problem that nobody else uses meanwhile; and is put together.
    reached
        Whether the evaluations so far, in order, end with what the run was to reach.
    recorder
        Where rows go.
    asked
        Whether somebody asked the run to end.
    """

    def __init__(
        self,
        assignment: Assignment,
        curve: Curve,
        reached: Reached,
        recorder: Recorder,
        asked: Asked,
    ) -> None:
        self._assignment, self._curve, self._reached, self._recorder = (
            assignment,
            curve,
            reached,
            recorder,
        )
        self._asked = asked
        self._aims = assignment.scenario.run.has_target
        self._counts = Counts(assignment.evaluated)
        self._copies: dict[int, Vector] = {}
        self._evaluations: dict[int, Evaluation] = {}
        self._found: list[Evaluation] = []  # the same, in order
        self._ergodic: dict[int, Vector] = {}
        self._offered = set(assignment.offered.tolist())
        self._held: list[Trace] = []  # rows that may turn out to be after the target
        self._goal: int | None = None  # where the run ends, by what was evaluated
        self._goal_x = self._diverged_x = np.empty(0)
        self._is_reached = False  # there; if not, it diverged

    def follow(self, session: Session, progress: Progress | None) -> Measured:
        """Watch a session until it is over."""
        state = State(self._assignment.problem.start())
        stopped = interrupted = False
        while True:
            if self._asked() and not interrupted:
                interrupted = True
                session.stop(PATIENCE)
            over = session.over
            if not over:
                session.work(_SLICE)
            self._collect(session)
            if progress is not None:
                state.updates = session.updates
                progress(state)
            if self._goal is not None and not stopped:
                session.stop()
                stopped = True
            if over:
                break
        return self._conclude(session.finish(), interrupted=interrupted)

    def _collect(self, session: Session) -> None:
        for k, x in session.snapshots():
            if k % self._assignment.scenario.run.cadence == 0:
                self._copies[k] = x
            if k in self._offered:
                self._ergodic[k] = x
        # Evaluating takes a core from somebody, so it waits if it can.
        if self._aims or len(self._copies) * 8 * self._assignment.dimension > _MOST_BYTES:
            self._evaluate()
        rows = session.rows()
        if rows is not None:
            self._held.append(rows)
        if not self._aims:
            self._record(None)

    def _evaluate(self) -> None:
        for k in sorted(self._copies):
            if self._goal is not None:
                return
            x = self._copies.pop(k)
            self._evaluations[k] = found = self._curve.evaluate(k, x)
            self._found.append(found)
            self._is_reached = self._aims and self._reached(self._found)
            if self._is_reached or self._is_lost(found):
                self._goal, self._goal_x = k, x

    def _is_lost(self, found: Evaluation) -> bool:
        ceiling = self._curve.ceiling
        return not found.is_finite or (
            ceiling is not None and ceiling.is_passed(self._found[0].loss, found.loss)
        )

    def _record(self, before: int | None) -> None:
        """Hand on the rows held, as far as they come before an update."""
        for rows in self._held:
            end = len(rows) if before is None else rows.count_before(before)
            if end:
                self._counts.count(rows[:end])
                self._recorder.write(rows[:end])
        self._held.clear()

    def _conclude(self, ending: Ending, *, interrupted: bool) -> Measured:
        curve, goal = self._curve, self._goal
        self._record(goal)
        last = self._counts.state(ending.x if goal is None else self._goal_x)
        divergence, update = None, ending.diverged
        if update is not None and (goal is None or update < goal):  # not after the run was over
            divergence = Divergence(update)
        try:
            self._complete(last, goes_on=divergence is None, interrupted=interrupted)
        except Divergence as found:
            divergence = found
            last.updates, last.x = found.update + 1, self._diverged_x
        kept = [k for k in self._ergodic if k < last.updates]
        index = max(kept, default=0)
        x_ergodic = self._ergodic[index] if kept else last.x.copy()
        return Measured(
            curve, last, index, x_ergodic, self._is_reached, interrupted, ending, divergence
        )

    def _complete(self, last: State, *, goes_on: bool, interrupted: bool) -> None:
        """Put the curve together, evaluating what has to be yet."""
        curve = self._curve
        for k in self._assignment.evaluated:
            if k >= last.updates:
                break
            if k in self._copies:
                if self._asked() and not interrupted:
                    raise KeyboardInterrupt  # the rows are on disk, if the run is kept
                self._diverged_x = self._copies.pop(k)
                self._evaluations[k] = curve.evaluate(k, self._diverged_x)
            if k == self._goal:  # rows were recorded beyond it
                self._diverged_x = self._goal_x
            if k in self._evaluations:  # or everybody stopped before it could be copied
                curve.add(self._counts.at(k), self._evaluations[k])
        if goes_on:
            self._diverged_x = last.x
            curve.record(last)


class Counts:
    """What a replay would have counted by each evaluation, counted from rows as they come.

    Parameters
    ----------
    evaluated
        The k at which the counts are wanted.
    """

    def __init__(self, evaluated: range) -> None:
        self._evaluated = evaluated
        self._rows = 0
        self._counts = (0, 0, 0, 0, 0)  # of `State`, without x
        self._updates = 0
        self._at: dict[int, tuple[int, ...]] = {0: self._counts}

    def count(self, rows: Trace) -> None:
        """Count some rows more."""
        kept = np.flatnonzero(rows.was_applied)
        if len(kept):
            update = rows.update[kept]
            _, ticks, total, most, applied = self._counts
            columns = np.stack(
                [
                    self._rows + kept + 1,
                    np.maximum(ticks, np.maximum.accumulate(rows.ticks[4, kept])),
                    total + np.cumsum(rows.staleness),
                    np.maximum(most, np.maximum.accumulate(rows.staleness)),
                    applied + np.arange(1, len(kept) + 1),
                ]
            )
            first, self._updates = self._updates, int(update[-1]) + 1
            every = self._evaluated.step
            for k in range(-(-(first + 1) // every) * every, self._updates + 1, every):
                place = int(np.searchsorted(update, k)) - 1
                self._at[k] = tuple(columns[:, place].tolist())
            self._counts = tuple(columns[:, -1].tolist())
        self._rows += len(rows)

    def at(self, k: int) -> State:
        """Return the counts just before update k was made; its x is empty."""
        return _state(np.empty(0), k, self._at[k])

    def state(self, x: Vector) -> State:
        """Return the counts of all rows so far, beside the last iterate."""
        return _state(x, self._updates, self._counts)


def _state(x: Vector, updates: int, counts: tuple[int, ...]) -> State:
    gradients, ticks, total, most, applied = counts
    return State(x, updates, gradients, ticks, total, most, applied)
