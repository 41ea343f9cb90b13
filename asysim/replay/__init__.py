"""What: pulls a stream of Gradients and does the mathematics that it names."""

from __future__ import annotations

from collections.abc import Iterator

from asysim.problems.base import Problem
from asysim.replay.consistent import consistent
from asysim.replay.gradients import Sampler
from asysim.replay.inconsistent import inconsistent
from asysim.replay.state import Divergence, Standing, State
from asysim.replay.update_rule import at_work, check_server
from asysim.trace.stream import Stream
from asysim.updates.base import StepSchedule, UpdateRule

RULES = {"asysg-con": consistent, "asysg-incon": inconsistent}


def replay(
    stream: Stream,
    problem: Problem,
    *,
    step: float | StepSchedule,
    update: UpdateRule | None = None,
    batch_size: int = 1,
    seed: int = 1,
    rule: str = "asysg-con",
    state: State | None = None,
    together: int = 1,
    standing: Standing | None = None,
) -> Iterator[State]:
    """Make the updates of a stream, yielding x_k with its counts just before each update is made.

    Because it pulls, an event loop behind the stream really drives the gradients, and stopping
    is just ceasing to pull. One `State` is advanced in place; it holds the last iterate when the
    stream is over.

    Parameters
    ----------
    stream
        From `asysim.schedule.simulate`, or `asysim.trace.stream.as_stream` of a recorded trace.
    problem
        The objective.
    step
        γ, which multiplies the SUM over a mini-batch; or a schedule of γ_k.
    update
        Weight, correction, momentum, average, noise; by default the gradients' sum.
    batch_size
        M.
    seed
        Names the mini-batches, together with each row's worker and draw; and noise in updates.
    rule
        A key of `RULES`.
    state
        Where to begin; by default at the problem's starting point.
    together
        How many gradients are computed at once, at most, if the problem is a `BatchedProblem`: all
        that are needed later and whose x is known by now. 1: each alone.
    standing
        What another replay held where this one goes on; kept true between two blocks.

    Raises
    ------
    Divergence
        After the first update that makes x infinite or not a number.
    InputError
        If a part of `update` needs a server, which lock-free memory does not have.
    """
    check_server(rule, update)
    sampler = Sampler(problem, seed=seed, batch_size=batch_size)
    if state is None:
        state = State(problem.start())
    length, ruled = at_work(step, update, seed=seed)
    if standing is not None and ruled is not None:
        ruled.recall(standing.memory())
        standing.memory = ruled.memory
    return RULES[rule](
        stream, problem, sampler, length, state, ruled, together=together, standing=standing
    )


__all__ = [
    "RULES",
    "Divergence",
    "Sampler",
    "State",
    "StepSchedule",
    "UpdateRule",
    "replay",
]
