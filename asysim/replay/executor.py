"""What makes the updates of a stream, by which arithmetic, as far as somebody wants."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from asysim.errors import unfit
from asysim.problems.base import Problem
from asysim.replay import replay
from asysim.replay.state import Standing, State
from asysim.replay.update_rule import Rules
from asysim.replay.watch import Watch
from asysim.scenario import Scenario
from asysim.scenario.replay import Replay
from asysim.trace.info import TraceInfo
from asysim.trace.stream import Stream


class Computed(NamedTuple):
    """A problem as its gradients are to be computed.

    Attributes
    ----------
    problem
        It, or a `CompiledProblem` of it.
    arithmetic
        ``compiled`` or ``numpy``, as a trace says it.
    together
        How many gradients it is asked for at once, at most.
    """

    problem: Problem
    arithmetic: str
    together: int


def computed(scenario: Scenario, problem: Problem, recorded: TraceInfo | None = None) -> Computed:
    """Return a problem as a scenario, or else a trace, wants it computed.

    Parameters
    ----------
    scenario
        Its `replay` table decides.
    problem
        The objective.
    recorded
        What a trace that is replayed says of itself: without a word from the scenario its gradients
        are computed as they were.

    Raises
    ------
    InputError
        If compiled kernels are asked for, and there are none for the problem.
    """
    asked = scenario.replay or Replay()
    arithmetic = asked.arithmetic
    if arithmetic == "auto" and recorded is not None:
        arithmetic = "numpy" if recorded.arithmetic == "numpy" else "compiled"
    if arithmetic != "numpy":
        from asysim.problems.compiled import CompiledProblem, model_of

        if model_of(problem) is not None:
            return Computed(CompiledProblem(problem), "compiled", 1)
        if arithmetic == "compiled":
            kind = type(problem).__name__
            raise unfit(
                "replay.arithmetic", f'"compiled" for {kind}', '"numpy": it has no compiled kernels'
            )
    return Computed(problem, "numpy", asked.together)


_SLICE = 0.02  # seconds between two looks at whoever watches


class Executor(Protocol):
    """A replay that goes as far as it is told to.

    Attributes
    ----------
    state
        x_k with its counts, advanced in place.
    """

    state: State

    def standing(self) -> Standing:
        """Return what is held besides the state; true while the stream is asked for a block."""
        ...

    def advance(self, until: int, watch: Watch | None = None) -> bool:
        """Make updates until k = `until`; return whether the stream names a further one.

        If the stream is over before, the state is that after its last whole update. A watch ends
        it sooner: at the first x that meets it, which may be the one where it begins.

        Raises
        ------
        Divergence
            After the first update that makes x infinite or not a number.
        """
        ...


class StepByStep:
    """A replay by `asysim.replay.replay`, which yields before each update.

    Parameters
    ----------
    states
        What it yields.
    state
        The state that it advances.
    standing
        What it holds besides.
    """

    def __init__(
        self, states: Iterator[State], state: State, standing: Standing | None = None
    ) -> None:
        self.state = state
        self._standing = Standing() if standing is None else standing
        self._states = states
        self._begun = False

    def standing(self) -> Standing:
        """Return what is held besides the state; true while the stream is asked for a block."""
        return self._standing

    def advance(self, until: int, watch: Watch | None = None) -> bool:
        """Make updates until k = `until`, or a watch is met; return whether there is another."""
        if not self._begun:
            self._begun = True
            if next(self._states, None) is None:
                return False
        while self.state.updates < until and not (watch and watch.met(self.state.x)):
            if next(self._states, None) is None:
                return False
        return True


class Pace:
    """How many updates to make before looking up again: about a fiftieth of a second's.

    Attributes
    ----------
    updates
        So many.
    """

    def __init__(self) -> None:
        self.updates = 1

    def advance(self, replay: Executor, until: int) -> bool:
        """Advance a replay, and see how long that takes."""
        began = time.perf_counter()
        goes_on = replay.advance(until)
        took = time.perf_counter() - began
        if took < _SLICE / 2:
            self.updates *= 2
        elif took > 2 * _SLICE:
            self.updates = max(1, self.updates // 2)
        return goes_on


def executor_of(
    scenario: Scenario, stream: Stream, problem: Problem, rules: Rules, state: State,
    standing: Standing, together: int = 1,
) -> Executor:  # fmt: skip
    """Return what makes the updates of a stream: compiled as a whole where Python costs most.

    Parameters
    ----------
    scenario
        Says M, the seed and which algorithm's update it is.
    stream
        What was read when, and went into which update.
    problem
        As `computed` returned it.
    rules
        The step and the update rule.
    state, standing
        Where to begin.
    together
        How many gradients are computed at once, at most, if the problem can.
    """
    from asysim.problems.compiled import CompiledProblem
    from asysim.replay.compiled import CompiledReplay, suits

    step, update, seed = rules.step, rules.update, scenario.seed
    algorithm = scenario.algorithm
    if isinstance(problem, CompiledProblem) and suits(problem, update, step=step, seed=seed):
        return CompiledReplay(
            stream, problem,
            step=step, update=update, batch_size=algorithm.batch_size, seed=seed,
            rule=algorithm.name, state=state, standing=standing,
        )  # fmt: skip
    states = replay(
        stream, problem,
        step=step, update=update, batch_size=algorithm.batch_size, seed=seed,
        rule=algorithm.name, state=state, together=together, standing=standing,
    )  # fmt: skip
    return StepByStep(states, state, standing)
