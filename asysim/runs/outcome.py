"""What came of a run: the result, and how it ended, in one word and in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from asysim.ground.arrays import Vector
from asysim.problems.base import Problem, doubt
from asysim.replay import State
from asysim.replay.ceiling import DEFAULT, Ceiling
from asysim.replay.curve import Curve, Evaluation, Point, frame
from asysim.replay.state import Divergence
from asysim.replay.update_rule import Rules
from asysim.scenario import Scenario
from asysim.trace.trace import Trace
from asysim.updates.asked import step_at
from asysim.updates.theorem import Corollary

if TYPE_CHECKING:
    import pandas as pd

    from asysim.trace.info import TraceInfo
    from asysim.trace.kept_trace import Recorded

COMPLETE, REACHED, MISSED = "complete", "target reached", "target not reached"
DIVERGED, INTERRUPTED, DEADLOCK = "diverged", "interrupted", "deadlock"
CUT_SHORT = "cut short"
ENDED_WELL = (COMPLETE, REACHED, MISSED)
"""Of runs that came to their target or their planned end."""
STATUSES = (COMPLETE, REACHED, MISSED, DIVERGED, INTERRUPTED, DEADLOCK, CUT_SHORT)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the mathematics came to.

    Attributes
    ----------
    points
        The evaluations, in order.
    x
        The last iterate, shape (n,).
    x_ergodic
        One iterate at random, x_k with probability γ_k / Σγ.
    ergodic_index
        Its k.
    updates
        Updates made.
    status
        One of the words of this module.
    message
        One sentence for a person.
    measured
        Of a real run, what was measured of the hardware, by name; empty for a simulation.
    theorem
        Where the step is the theorem's, its constants.
    notes
        Sentences of what a user should know of how it ended; `asysim.show.notes` has more.
    """

    points: tuple[Point, ...]
    x: Vector
    x_ergodic: Vector
    ergodic_index: int
    updates: int
    status: str
    message: str
    measured: dict[str, Any] = field(default_factory=dict)
    theorem: Corollary | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def curve(self) -> pd.DataFrame:
        """The evaluations as a table; columns as in `asysim.replay.curve.Point`, then probes'."""
        return frame(self.points)


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run: the scenario, what happened when, and what came of it.

    Attributes
    ----------
    scenario
        Resolved: every default filled in.
    recorded
        What happened when: a trace, or the file that has it, which is read piece by piece.
    outcome
        What came of it.
    folder
        Where it is kept, if it is.
    problem
        An objective of your own that it was of; None: the scenario's.
    """

    scenario: Scenario
    recorded: Recorded
    outcome: Outcome
    folder: Path | None = None
    problem: Problem | None = None

    @cached_property
    def trace(self) -> Trace:
        """What happened when; of a run in a folder it is read now, some 200 bytes a gradient.

        Raises
        ------
        InputError
            If it can't be read any more.
        """
        return self.recorded.whole()

    @property
    def info(self) -> TraceInfo:
        """What the trace says of itself."""
        return self.recorded.info

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
        info, updates = self.info, self.outcome.updates
        trace = Trace.described(info, gradients=len(self.recorded), updates=updates)
        return f"Run({self.scenario.name}: {self.outcome.message}; {trace})"


def ceiling_of(scenario: Scenario, problem: Problem, rules: Rules) -> Ceiling:
    """Return what the loss of a run must not rise above."""
    factor, step = scenario.run.diverged_above, rules.step
    return Ceiling(
        factor=DEFAULT if factor is None else factor,
        problem=problem,
        step=step if isinstance(step, int | float) else step_at(step, 0),
        momentum=rules.momentum,
        perturbation=rules.perturbation,
        batch_size=scenario.algorithm.batch_size,
        seed=scenario.seed,
    )


def diverged(divergence: Divergence) -> str:
    """Return one sentence about a run that did."""
    return f"{divergence}; try a smaller algorithm.step"


def is_target(scenario: Scenario, points: Sequence[Point | Evaluation]) -> bool:
    """Whether the mean of the last evaluations of a run, as many as it smooths, is its target."""
    length = scenario.run
    if not length.has_target or len(points) < length.smoothing:
        return False
    loss, gradient = _smoothed(scenario, points)
    return (length.target_loss is not None and loss <= length.target_loss) or (
        length.target_gradient is not None and gradient <= length.target_gradient
    )


def verdict(scenario: Scenario, curve: Curve, state: State) -> tuple[str, str]:
    """Return how a run ended that nothing ended early, and one sentence about it."""
    point = curve.record(state)
    if not scenario.run.has_target:
        return COMPLETE, f"{state.updates:,} updates, loss {point.loss:.6g}"
    loss, gradient = _smoothed(scenario, curve.points)
    mean = scenario.run.smoothing > 1
    over = f" (means of {min(scenario.run.smoothing, len(curve.points))} evaluations)"
    now = f"loss {loss:.6g} and ‖∇f‖² {gradient:.6g}" + (over if mean else "")
    if is_target(scenario, curve.points):
        return REACHED, f"target reached after {state.updates:,} updates: {now}"
    return MISSED, (
        f"target not reached: wanted {scenario.run.target}, "
        f"but {now} after {state.updates:,} updates"
    )


def doubts(scenario: Scenario, problem: Problem, state: State, curve: Curve) -> tuple[str, ...]:
    """Return what there is to say against a target on ‖∇f‖² that was reached: sentences."""
    length, last = scenario.run, curve.points[-1]
    if length.target_gradient is None or not is_target(scenario, curve.points):
        return ()
    if length.target_loss is not None and _smoothed(scenario, curve.points)[0] <= (
        length.target_loss
    ):
        return ()
    said = doubt(problem, state.x, last.loss, curve.points[0].loss)
    return (said,) if said else ()


def _smoothed(scenario: Scenario, points: Sequence[Point | Evaluation]) -> tuple[float, float]:
    last = points[-scenario.run.smoothing :]
    return fmean(point.loss for point in last), fmean(point.gradient_norm2 for point in last)
